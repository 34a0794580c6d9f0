"""Pipelines that are not editors are refused before anything is loaded."""

import inspect
import json

import diffusers
import pytest

from egoactgen_baselines.pipelines import refusals
from egoactgen_baselines.pipelines.diffusers_pipeline import DiffusersPipeline
from egoactgen_baselines.pipelines.pipeline_options import PipelineOptions
from egoactgen_baselines.pipelines.recipes import RECIPES
from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.errors import BenchError

NO_RECIPE = "no recipe says how"
REASONS = {
    "FluxFillPipeline": "needs a mask",
    "QwenImageEditInpaintPipeline": "needs a mask",
    "Flux2KleinInpaintPipeline": "needs a mask",
    "StableDiffusionXLInpaintPipeline": "needs a mask",
    "PaintByExamplePipeline": "needs a mask",
    "FluxControlPipeline": "takes a control picture",
    "StableDiffusionXLControlNetImg2ImgPipeline": "takes a control picture",
    "StableDiffusionXLAdapterPipeline": "takes a control picture",
    "Cosmos2_5_TransferPipeline": "takes a control picture",
    "WanVACEPipeline": "takes a control picture",
    "StableDiffusionUpscalePipeline": "is an upscaler",
    "LDMSuperResolutionPipeline": "is an upscaler",
    "Kandinsky6SRPipeline": "is an upscaler",
    "QwenImageLayeredPipeline": "the layers of an image",
    "DiffusionGemmaPipeline": "generates text",
    "FluxPriorReduxPipeline": "one stage of a cascade",
    "HunyuanImageRefinerPipeline": "one stage of a cascade",
    "StableCascadePriorPipeline": "one stage of a cascade",
    "KandinskyV22Img2ImgPipeline": "one stage of a cascade",
    "VisualClozePipeline": "needs a grid of example pictures",
    "BlipDiffusionPipeline": "the subject of a picture",
    "StableDiffusionGLIGENPipeline": "needs boxes",
    "CycleDiffusionPipeline": "needs a description of the frame",
    "LEditsPPPipelineStableDiffusion": "a call of its own that inverts it",
    "StableAudio3AudioToAudioPipeline": "generates sound",
    "MarigoldDepthPipeline": "edits nothing",
    "HiDreamImagePipeline": "generates from text only: it does not see the input frame",
    "Krea2Pipeline": "generates from text only",
    "HunyuanImagePipeline": "generates from text only",
    "StableDiffusionImageVariationPipeline": "takes no text prompt",
    "DDPMPipeline": "takes neither an image nor a text",
    "KolorsImg2ImgPipeline": NO_RECIPE,
    "StableUnCLIPImg2ImgPipeline": NO_RECIPE,
    "WanVideoToVideoPipeline": "keeps its motion, which one frame lacks",
    "LTX2InContextPipeline": "needs a reference video",
    "Step1XEditPipelineV1P2": "has no pipeline 'Step1XEditPipelineV1P2'",
    "HiDreamE1Pipeline": "has no pipeline 'HiDreamE1Pipeline'",
}


def refusal(folder, **index):
    """The sentence about a folder that contains nothing but a model_index.json."""
    folder.mkdir()
    (folder / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(BenchError) as refused:
        DiffusersPipeline(PipelineOptions(), MethodContext(argument=str(folder)))
    return str(refused.value)


@pytest.mark.parametrize(("name", "why"), REASONS.items())
def test_refused_with_the_reason(tmp_path, name, why):
    sentence = refusal(tmp_path / "saved", _class_name=name)
    assert f"diffusers:{tmp_path / 'saved'}: " in sentence
    assert why in sentence
    assert (name in sentence) and "\n" not in sentence


def test_what_can_be_done_instead(tmp_path):
    known = refusal(tmp_path / "known", _class_name="FluxFillPipeline")
    assert "Use a pipeline that edits a whole image by an instruction" in known
    other = refusal(tmp_path / "other", _class_name="KolorsImg2ImgPipeline")
    assert "describe its call in a recipe and pass -o recipe=module:NAME" in other
    newer = refusal(tmp_path / "newer", _class_name="Step1XEditPipelineV1P2")
    assert "use images:DIR" in newer


def test_code_in_the_folder_of_omnigen2(tmp_path):
    sentence = refusal(
        tmp_path / "omnigen2",
        _class_name="OmniGen2Pipeline",
        transformer=["transformer_omnigen2", "OmniGen2Transformer2DModel"],
        vae=["diffusers", "AutoencoderKL"],
    )
    assert "requires custom code ('transformer': ['transformer_omnigen2'" in sentence


def pipelines():
    """(name, arguments of the call) of each pipeline class of diffusers without a recipe."""
    known = {name for each in RECIPES for name in (*each.pipelines, *each.saved_as)}
    for name in sorted(set(dir(diffusers)) - known - {"DiffusionPipeline"}):
        kind = getattr(diffusers, name)
        if isinstance(kind, type) and issubclass(kind, diffusers.DiffusionPipeline):
            yield name, inspect.signature(kind.__call__).parameters


@pytest.fixture(scope="module")
def reasons():
    return {name: (refusals.reason(name, given), given) for name, given in pipelines()}


def test_a_required_mask_or_control_picture_is_always_the_reason(reasons):
    needed = {"mask_image": "mask", "control_image": "control", "controlnet_image": "control"}
    checked = 0
    for why, given in reasons.values():
        for argument, word in needed.items():
            if argument in given and "mask" not in (why or ""):
                assert word in why
                checked += 1
    assert checked > 5


def test_what_is_called_text_only_takes_no_picture(reasons):
    pictures = ("image", "video", "condition", "reference", "source", "control")
    harmless = ("num_", "ip_adapter", "callback", "micro_condition", "_embeds", "video_length")
    for name, (why, given) in reasons.items():
        if why is not None and why.startswith("generates from text only"):
            taken = {
                argument
                for argument in given
                if any(word in argument for word in pictures)
                and not any(word in argument for word in harmless)
            }
            assert not taken, name
