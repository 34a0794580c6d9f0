"""The transfers between a GPU and the CPU that inner loops are allowed, each with its reason.

`read`: the host waits until the GPU has finished. `upload`: a copy to the GPU, queued behind what
it is doing. An entry is (kind, function of this repository, beginning of the name of the library's
function that it had called: "" for PyTorch).
"""

from collections.abc import Mapping

from pretended_cuda import Place

Known = Mapping[tuple[str, str, str], str]

_SAMPLER = "egoactgen_bench.diffusion.denoiser.ancestral_sampler"
_WRITE = "egoactgen_lego.vllm.text_generation.write"
_CALL = "egoactgen_baselines.pipelines.diffusers_pipeline.DiffusersPipeline._call"
_TIME = "a number: UNets of diffusers take the step's time from the host"
_READ = "egoactgen_lego.vllm.text_generation.read"
_VLLM = "egoactgen_lego.vllm.vllm_model.VLLM"
_SAMPLE = "features are computed one sample at a time, to depend on nothing else"
_STEP = "egoactgen_bench.diffusion.finetuning.training_loop.TrainingLoop._step"
_MICRO_BATCH = ("upload", f"{_STEP}.<dictcomp>", "")
_COORDINATES = ("upload", "egoactgen_baselines.lora.flux_editors.Flux2Klein.predict", "")
_TUNING = "egoactgen_lego.vllm.tuning_loop.Tuning"
_ANSWERS = "egoactgen_lego.vllm.answer_supervision.answer_loss"
_PATCHES = "egoactgen_bench.metrics.regions.dino_patches"
_BEAMS = "egoactgen_bench.captioning.beam_search.search"
_FLOW = "egoactgen_bench.metrics.flow_network.FlowNetwork.flow"
_PAIR = "frames have different sizes, and the flow of one pair takes much longer than its copy"
IN_LOOPS: dict[tuple[str, str, str], str] = {
    ("upload", f"{_SAMPLER}.noise_source.draw", ""): (
        "noise is drawn on the CPU, by each sample's generator, to be the same on every device"
    ),
    ("upload", f"{_SAMPLER}._denoiser.denoise", "diffusers."): _TIME,
    (
        "upload",
        "egoactgen_baselines.proxedit.proxedit_method.ProxEdit._predict",
        "diffusers.",
    ): _TIME,
    ("upload", "egoactgen_bench.diffusion.denoiser.prediction.predict_noise.convert", ""): _TIME,
    ("read", _CALL, "diffusers.schedulers."): (
        "DDIMScheduler compares the step's time with 0, in diffusers' own loop"
    ),
    ("upload", _CALL, "diffusers.schedulers."): "numbers of diffusers' schedulers",
    ("upload", _CALL, "diffusers.utils.torch_utils.randn_tensor"): "noise, as above",
    ("upload", f"{_FLOW}.<genexpr>", ""): _PAIR,
    ("upload", _FLOW, "torchvision."): "RAFT's grids of coordinates, in torchvision",
    ("read", _FLOW, ""): _PAIR,
    ("upload", f"{_PATCHES}.patch_tokens", ""): "one frame at a time, as frames have many sizes",
    ("read", f"{_PATCHES}.patch_cosines", ""): "one pair of frames at a time, as above",
    ("read", "egoactgen_bench.metrics.lpips_network.maps", ""): (
        "one map per frame, as frames have many sizes; their regions are averaged on the CPU"
    ),
    ("read", _BEAMS, ""): "the best continuations, from which sentences are built on the CPU",
    ("upload", _BEAMS, ""): "the chosen words",
    ("read", _WRITE, ""): (
        "the logits: each sample's next word is drawn on the CPU, by its own generator, and may "
        "end its text"
    ),
    ("read", _WRITE, "transformers.masking_utils."): "whether the mask masks; after the read above",
    ("upload", _WRITE, ""): "the chosen words",
    (
        "read",
        "egoactgen_bench.judging.local_judge.LocalJudge._answer",
        "transformers.generation.",
    ): "whether each answer has ended, in transformers' own loop",
    _MICRO_BATCH: "the micro-batch, from pinned memory",
    _COORDINATES: "the tokens' coordinates, which diffusers makes on the CPU",
    ("read", _STEP, ""): (
        "the loss, once per optimizer step and after all of its micro-batches: a training stops "
        "before it uses or saves weights that are not finite; and float16's scaler, in PyTorch"
    ),
    ("upload", f"{_VLLM}.image_features", ""): _SAMPLE,
    ("upload", f"{_VLLM}.embed.<genexpr>", ""): _SAMPLE,
    ("upload", f"{_READ}.<listcomp>", ""): _SAMPLE,
    ("read", _READ, ""): _SAMPLE,
    ("read", _READ, "transformers.masking_utils."): _SAMPLE,
    ("read", "egoactgen_lego.features.feature_files.narrowed", ""): _SAMPLE,
}

# Of these, what a training is allowed in each micro-batch, too.
IN_MICRO_BATCHES = {entry: IN_LOOPS[entry] for entry in (_MICRO_BATCH, _COORDINATES)}
TUNING_MICRO_BATCHES = {
    ("upload", f"{_TUNING}._loss.<dictcomp>", ""): "the micro-batch",
    ("upload", f"{_ANSWERS}.<genexpr>", ""): "which tokens are answers",
    ("upload", _ANSWERS, ""): "these tokens",
    ("read", f"{_TUNING}._loss", "transformers.utils."): (
        "transformers counts the image's tokens in each forward pass of a LLaVA"
    ),
    ("read", f"{_TUNING}._loss", "transformers.masking_utils."): "whether the mask masks",
}
IN_LOOPS |= TUNING_MICRO_BATCHES | {
    ("upload", f"{_TUNING}._step", ""): "the number of tokens, one number",
    ("read", f"{_TUNING}._step", ""): "the loss, once per optimizer step, as above",
}

# Registered plug-ins, (kind, name), that are not rehearsed.
WITHOUT_NETWORK: dict[tuple[str, str], str] = {
    ("methods", "copy-input"): "copies a file",
    ("methods", "endpoint"): "the network is on a server",
    ("methods", "images"): "reads files",
    ("methods", "videos"): "reads files",
    ("metrics", "change"): "computed by NumPy",
    ("trainers", "sdedit"): "runs and scores `sdedit`",
    ("metrics", "psnr"): "computed by NumPy",
    ("metrics", "ssim"): "computed by NumPy and SciPy",
}
NOT_PRETENDED: dict[tuple[str, str], str] = {}


def listed(place: Place, known: Known | None = None) -> bool:
    return any(
        (kind, function) == (place.kind, place.function)
        and (place.library.startswith(library) if library else not place.library)
        for kind, function, library in (IN_LOOPS if known is None else known)
    )
