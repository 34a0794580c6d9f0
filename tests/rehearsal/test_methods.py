"""Every method generates on a pretended GPU: the CPU's images, without a read in each step."""

import numpy as np
import pytest
from PIL import Image

import tiny_flux2
import tiny_image_editors
import tiny_image_to_image
import tiny_qwen_editors
import tiny_video_models
from egoactgen_baselines.pipelines.diffusers_pipeline import DiffusersPipeline
from egoactgen_baselines.pipelines.pipeline_arguments import CallArguments
from egoactgen_bench.api import plugins
from egoactgen_bench.api.records import Request
from egoactgen_bench.stages.run import run_method
from egoactgen_bench.support.seeds import derive_seed
from inner_loops import check, in_loop
from listed_transfers import WITHOUT_NETWORK
from plugin_calls import METHODS

PIPELINES = {
    **tiny_flux2.BUILDERS,
    **tiny_image_editors.BUILDERS,
    **tiny_image_to_image.BUILDERS,
    **tiny_qwen_editors.BUILDERS,
    **tiny_video_models.BUILDERS,
}
# One of each family whose pipelines share a loop; all are tested on the CPU.
FAMILIES = ("Flux2KleinPipeline", "FluxKontextPipeline")
STEPPED = ("diffusers", "ip2p", "lego", "proxedit", "sdedit")


def test_every_method_is_rehearsed_or_has_no_network():
    without = {name for kind, name in WITHOUT_NETWORK if kind == "methods"}
    assert set(plugins.registered("methods")) == {*STEPPED, *without}


def prepared(split, folder, device, **arguments):
    job = run_method.prepare(split=split, folder=folder / "none", device=device, **arguments)
    job.method.load()
    return job.method


def requests(split):
    return [
        Request(
            row.sample_id,
            Image.open(split.frame_path(row.input_frame)).convert("RGB"),
            row.action,
            "a hand opens it",
            derive_seed(0, row.sample_id),
        )
        for row in split.samples[:2].itertuples()
    ]


def rehearse(split, folder, **arguments):
    """Generate with 2 and with 3 steps on both devices, and compare the images."""
    built = {}

    def generate(steps, device="cuda"):
        method = built.setdefault(device, prepared(split, folder, device, **arguments))
        method.options = method.options.model_copy(update={"steps": steps})
        if isinstance(method, DiffusersPipeline):
            parts = method.recipe, method.kind, method.folder
            method.arguments = CallArguments(*parts, method.options)
        return images[device].append(method.generate(requests(split)))

    images = {"cuda": [], "cpu": []}
    check(in_loop(generate, 2, 3))
    for steps in (2, 3):
        generate(steps, "cpu")
    for theirs, ours in zip(images["cpu"], images["cuda"], strict=True):
        for one, other in zip(theirs, ours, strict=True):
            assert np.abs(np.asarray(one, int) - np.asarray(other, int)).max() <= 1


@pytest.mark.parametrize("name", STEPPED)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_method(name, dtype, split, workspace, tmp_path):
    needed = METHODS[name](tmp_path / "needs")
    arguments = {"method": name, "models": workspace / "models", "dtype": dtype} | needed
    rehearse(split, tmp_path, **arguments)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_pipeline(name, split, tmp_path):
    PIPELINES[name]().save_pretrained(tmp_path / name, safe_serialization=True)
    options = {"resolution": 96, "steps": 2, "guidance": 1.5}
    method = f"diffusers:{tmp_path / name}"
    rehearse(split, tmp_path, method=method, dtype="float32", options=options)
