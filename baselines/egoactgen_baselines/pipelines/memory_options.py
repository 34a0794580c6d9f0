"""Options of `diffusers:PATH` that trade memory and time against exactness, all off by default."""

from typing import Literal

from pydantic import Field

from egoactgen_bench.api import options


class MemoryOptions(options.Options):
    """How a pipeline's networks are stored and executed; recorded in run.json."""

    offload: Literal["none", "model", "sequential"] = Field(
        "none",
        description="keep networks (model) or their layers (sequential) in main memory until they "
        "are needed on the GPU",
    )
    quantization: Literal["none", "int8", "nf4"] = Field(
        "none",
        description="weights of denoiser and text encoders: int8 by torchao, nf4 by "
        "bitsandbytes (GPU only)",
    )
    compile: bool = Field(
        False, description="compile the denoiser (torch.compile): minutes at the start, then faster"
    )
    cache: Literal["none", "first-block"] = Field(
        "none",
        description="first-block: skip the denoiser's other blocks while the first one's output "
        "hardly changes between steps",
    )
    cache_threshold: float = Field(
        0.05, gt=0, le=1, description="relative change up to which first-block skips"
    )
    lora: str | None = Field(
        None, description="LoRA adapter, by path or name: a .safetensors file, or the folder of one"
    )
    lora_scale: float = Field(1.0, ge=-10, le=10, description="weight of the adapter")
