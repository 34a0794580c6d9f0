"""Placing a loaded pipeline on its device: offload, quantization, compilation and cache."""

import inspect
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from egoactgen_baselines.pipelines.memory_options import MemoryOptions
from egoactgen_bench.errors import BenchError

DENOISERS = ("transformer", "transformer_2", "unet")
PACKAGES = {"int8": "torchao", "nf4": "bitsandbytes"}


def check(options: MemoryOptions, kind: type[Any], device: str) -> None:
    """Raise `BenchError` for an option that this machine or the pipeline `kind` cannot serve."""
    # A pipeline must name each pass of its denoiser, or passes with and without the prompt would
    # share one cache; nothing but its code shows whether it does.
    if options.cache != "none" and "cache_context(" not in inspect.getsource(kind):
        raise BenchError(
            f"-o cache={options.cache}: diffusers' {kind.__name__} does not support a cache."
        )
    on_gpu = device.startswith("cuda")
    if options.offload != "none" and not on_gpu:
        raise BenchError(f"-o offload={options.offload} needs a GPU: on the CPU, omit it.")
    if options.offload != "none" and not hasattr(kind, "enable_model_cpu_offload"):
        raise BenchError(
            f"-o offload={options.offload}: diffusers' {kind.__name__} has no such offload; for "
            "less memory, pass -o quantization=int8 or nf4."
        )
    if options.quantization == "none":
        return
    if options.quantization == "nf4" and not on_gpu:
        raise BenchError("-o quantization=nf4 needs a GPU; int8 also works on the CPU.")
    package = PACKAGES[options.quantization]
    if find_spec(package) is None:
        raise BenchError(
            f"-o quantization={options.quantization} needs the package {package}: run "
            f"pip install {package}."
        )


def packages(options: MemoryOptions) -> tuple[str, ...]:
    """The packages that these options use, whose versions run.json records."""
    used = [PACKAGES[options.quantization]] if options.quantization != "none" else []
    used += ["accelerate"] * (options.offload != "none")
    return (*used, *["peft"] * (options.lora is not None))


def quantization(options: MemoryOptions, name: str, library: str, dtype: Any) -> Any:
    """The quantization of the component `name`, for its `from_pretrained`; None if it has none.

    Only denoisers and text encoders are quantized: autoencoders are small, and artefacts of theirs
    would be in every image.
    """
    if options.quantization == "none" or not name.startswith((*DENOISERS, "text_encoder")):
        return None
    import diffusers
    import transformers

    source: Any = diffusers if library == "diffusers" else transformers
    if options.quantization == "int8":
        torchao = import_module("torchao.quantization")  # an optional package
        return source.TorchAoConfig(torchao.Int8WeightOnlyConfig())
    return source.BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
    )


def place(pipeline: Any, options: MemoryOptions, device: str) -> Any:
    """Move a pipeline to its device as the options say, and return it."""
    networks = [each for name in DENOISERS if (each := getattr(pipeline, name, None)) is not None]
    if options.cache != "none":
        _enable_cache(networks, options.cache_threshold)
    if options.offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    elif options.offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=device)
    else:
        pipeline.to(device)
    if options.compile:
        for network in networks:
            # The blocks are equal: compiling one takes much less time than compiling all.
            if getattr(network, "_repeated_blocks", None):
                network.compile_repeated_blocks()
            else:
                network.compile()
    return pipeline


def _enable_cache(networks: list[Any], threshold: float) -> None:
    from diffusers import FirstBlockCacheConfig

    for network in networks:
        if not hasattr(network, "enable_cache"):
            raise BenchError(
                f"-o cache=first-block: {type(network).__name__} does not support a cache."
            )
        try:
            network.enable_cache(FirstBlockCacheConfig(threshold=threshold))
        except (LookupError, ValueError, AttributeError) as error:
            # diffusers knows the blocks of some transformers only.
            raise BenchError(
                f"-o cache=first-block: diffusers has no such cache for {type(network).__name__} "
                f"({type(error).__name__})."
            ) from error
