"""Every pipeline of diffusers that generates videos: called by a recipe, or refused."""

import inspect

import diffusers
import pytest

from egoactgen_baselines.pipelines.recipe_choice import _why_not
from egoactgen_baselines.pipelines.recipes import RECIPES

FRAMES = {"num_frames", "frames", "video_length", "video"}
# They see an image and read a prompt, but no recipe is known to be right.
WITHOUT_RECIPE = {
    "AnyFlowFARPipeline": "the frame is a tensor, and chunks must fit num_frames",
    "AnyFlowPipeline": "published for text only",
    "I2VGenXLPipeline": "deprecated",
    "LTX2DFRPipeline": "conditions in a form of its own",
    "LTXI2VLongMultiPromptPipeline": "several prompts, and a seed instead of a generator",
    "PIAPipeline": "deprecated",
}


def video_classes():
    for name in dir(diffusers):
        kind = getattr(diffusers, name, None)
        if isinstance(kind, type) and issubclass(kind, diffusers.DiffusionPipeline):
            accepted = inspect.signature(kind.__call__).parameters
            if FRAMES & accepted.keys():
                yield name


def test_every_video_pipeline_is_known():
    called = {name for recipe in RECIPES for name in (*recipe.pipelines, *recipe.saved_as)}
    others = {name: _why_not(name) for name in video_classes() if name not in called}
    unknown = {name for name, why in others.items() if why.startswith("no recipe says how")}
    assert unknown == WITHOUT_RECIPE.keys()
    assert len(others) > 30


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("AnimateDiffPipeline", "generates from text only"),
        ("AnimateDiffVideoToVideoPipeline", "keeps its motion"),
        ("WanVideoToVideoPipeline", "keeps its motion"),
        ("CogVideoXVideoToVideoPipeline", "keeps its motion"),
        ("VideoToVideoSDPipeline", "keeps its motion"),
        ("SkyReelsV2DiffusionForcingVideoToVideoPipeline", "keeps its motion"),
        ("WanVACEPipeline", "control picture"),
        ("WanAnimatePipeline", "control picture"),
        ("CogVideoXFunControlPipeline", "control picture"),
        ("Cosmos2_5_TransferPipeline", "control picture"),
        ("SanaWMPipeline", "path of a camera"),
        ("LTX2InContextPipeline", "reference video"),
        ("LTXLatentUpsamplePipeline", "upscaler"),
        ("Kandinsky6SRPipeline", "upscaler"),
        ("HunyuanVideoPipeline", "generates from text only"),
        ("TextToVideoSDPipeline", "generates from text only"),
    ],
)
def test_other_video_pipelines_are_refused_with_the_reason(name, why):
    assert f"{name} " in _why_not(name)
    assert why in _why_not(name)
