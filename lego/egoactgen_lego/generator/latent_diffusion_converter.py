"""LEGO's released checkpoints, and others of latent diffusion's family → a weights folder."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from egoactgen_bench.api.converter import Converter
from egoactgen_bench.diffusion.denoiser import compvis_names
from egoactgen_bench.diffusion.denoiser.clip_tokenizer import clip_tokenizer
from egoactgen_bench.diffusion.denoiser.latent_model import quiet
from egoactgen_bench.diffusion.denoiser.noise_schedule import alphas_cumprod, save_scheduler
from egoactgen_bench.diffusion.denoiser.strict_loading import refuse
from egoactgen_bench.errors import BenchError
from egoactgen_bench.weights.foreign_checkpoints import read_checkpoint
from egoactgen_bench.weights.stored_tensors import read_stored
from egoactgen_lego.features.conditioning_names import kinds_of, paper_kinds
from egoactgen_lego.generator.vllm_conditioning import conditioner_of, save_conditioner
from egoactgen_lego.published_lego_weights import LEGO_EGO4D, LEGO_EPIC_KITCHENS

UNET, EMA = "model.diffusion_model.", "model_ema."
VAE, TEXT = "first_stage_model.", "cond_stage_model.transformer.text_model."
# Constants of the noise schedule, and parts that are not used at generation.
UNUSED = (
    "alphas_cumprod",
    "betas",
    "first_stage_model.loss.",
    "log_one_minus_alphas_cumprod",
    "logvar",
    "posterior_",
    "sqrt_",
)


class LatentDiffusion(Converter):
    """A checkpoint of Stable Diffusion 1, InstructPix2Pix or LEGO under CompVis' names."""

    packages = ("torch", "diffusers", "transformers", "safetensors")
    published_weights = (LEGO_EGO4D, LEGO_EPIC_KITCHENS)

    @classmethod
    def recognises(cls, path: Path) -> bool:
        if not path.is_file() or path.suffix not in (".ckpt", ".safetensors"):
            return False
        return any(name.startswith(UNET) for name in _tensors(path))

    @classmethod
    def convert(
        cls, path: Path, out: Path, *, raw: bool, config: dict[str, Any], models: Path
    ) -> dict[str, Any]:
        quiet()
        tensors = _tensors(path)
        _check_schedule(tensors)
        tensors = {name: t for name, t in tensors.items() if not name.startswith(UNUSED)}
        conditioning = _conditioning(config)
        own = _conditioner_names(conditioning)
        known = (UNET, EMA, VAE, TEXT, *own)
        unknown = [name for name in tensors if not name.startswith(known)]
        refuse("The checkpoint", "has unknown tensors", unknown)
        parts = {name: t for name, t in tensors.items() if name.startswith(own)}
        conditioner = conditioner_of(parts, conditioning, **_sizes(config))
        unet = compvis_names.convert_unet(unet_weights(tensors, raw), _heads(config, "unet") or 8)
        text = compvis_names.convert_text_encoder(
            _under(TEXT, tensors), _heads(config, "clip_text")
        )
        unet.save_pretrained(out / "unet")
        compvis_names.convert_vae(_under(VAE, tensors)).save_pretrained(out / "vae")
        text.save_pretrained(out / "text_encoder")
        clip_tokenizer().save_pretrained(out / "tokenizer")
        save_scheduler(out / "scheduler")
        save_conditioner(conditioner, out / "conditioner")
        heads = {
            "unet": unet.config.attention_head_dim,
            "clip_text": text.config.num_attention_heads,
        }
        return {"conditioning": conditioner.conditioning, "heads": heads}


def unet_weights(tensors: dict[str, Tensor], raw: bool) -> dict[str, Tensor]:
    """The UNet's weights under CompVis' names: their moving average, or the trained ones.

    LitEma keeps the average under names without dots; σ, μ and π of released files have none.
    """
    trained = _under(UNET, tensors)
    if raw:
        return trained
    if not any(name.startswith(EMA) for name in tensors):
        raise BenchError(
            "The checkpoint lacks the moving average of its weights: `bench models convert CKPT "
            "--out DIR --raw` converts the trained weights instead."
        )
    averaged = {name: f"{EMA}diffusion_model{name.replace('.', '')}" for name in trained}
    missing = [key for key in averaged.values() if key not in tensors]
    refuse("The checkpoint", "lacks averaged tensors (--raw takes the trained ones)", missing)
    known = {EMA + "decay", EMA + "num_updates", *averaged.values()}
    unknown = [name for name in tensors if name.startswith(EMA) and name not in known]
    refuse("The checkpoint", "has unknown averaged tensors", unknown)
    return {name: tensors[key] for name, key in averaged.items()}


def _tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, mapped from disk."""
    if path.suffix == ".safetensors":
        return read_stored(path)
    found = read_checkpoint(path)
    state = found.get("state_dict", found)
    if not isinstance(state, dict):
        raise BenchError(f"{path}: state_dict is a {type(state).__name__}, expected a dictionary.")
    return {name: value for name, value in state.items() if isinstance(value, Tensor)}


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    found = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
    if not found:
        raise BenchError(
            f"The checkpoint lacks {prefix}*: it is not a complete latent diffusion model."
        )
    return found


def _check_schedule(tensors: dict[str, Tensor]) -> None:
    """Raise `BenchError` if the model was trained with another noise schedule."""
    found, wanted = tensors.get("alphas_cumprod"), alphas_cumprod()
    if found is None:
        return
    # Checkpoints in half precision also round these constants; 2^-8 is that of bfloat16. Other
    # schedules differ by far more.
    same = found.shape == wanted.shape and torch.isclose(
        found.double(), wanted, rtol=2**-8, atol=1e-5
    )
    if not (isinstance(same, Tensor) and same.all()):
        raise BenchError("The checkpoint's noise schedule is not Stable Diffusion's.")


def _conditioning(config: dict[str, Any]) -> str | None:
    stated = config.get("conditioning")
    if stated is not None and not isinstance(stated, str):
        raise BenchError(f"conditioning is {stated!r}, not a name such as 'joint'.")
    return stated


def _sizes(config: dict[str, Any]) -> dict[str, int]:
    """The sizes of the conditioner that `config` states."""
    stated = config.get("conditioner", {})
    if not (isinstance(stated, dict) and all(isinstance(size, int) for size in stated.values())):
        raise BenchError(f"conditioner is {stated!r}, not sizes by name.")
    return stated


def _conditioner_names(conditioning: str | None) -> tuple[str, ...]:
    """How the names of the conditioner's tensors begin."""
    kinds = (*paper_kinds(), *(kinds_of(conditioning) if conditioning else ()))
    return tuple(f"{module}." for kind in kinds for module in kind.modules)


def _heads(config: dict[str, Any], part: str) -> int | None:
    """The number of attention heads in `config`, under the names of CompVis' config files."""
    key = {"unet": "num_heads", "clip_text": "num_attention_heads"}[part]
    count = config.get(part, {}).get(key)
    if count is not None and (not isinstance(count, int) or count < 1):
        raise BenchError(f"{part}.{key} is {count!r}, expected a number of heads.")
    return count
