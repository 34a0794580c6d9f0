"""The noise schedule that a weights folder states in the format of diffusers' schedulers."""

import inspect
from pathlib import Path
from typing import Any

from egoactgen_bench.diffusion.denoiser.noise_schedule import BETA_END, BETA_START, STEPS
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json

# The schedule that the samplers implement. Other entries of a configuration (the spacing of the
# steps, clipping, the solver) belong to the sampler, which a method brings itself.
STABLE_DIFFUSION = {
    "beta_schedule": "scaled_linear",
    "beta_start": BETA_START,
    "beta_end": BETA_END,
    "num_train_timesteps": STEPS,
    "trained_betas": None,
    "rescale_betas_zero_snr": False,
}


def read_config(path: Path) -> dict[str, Any]:
    """A scheduler's configuration, with its class's defaults for what the file does not state."""
    stated = read_json(path)
    if not isinstance(stated, dict):
        raise BenchError(f"{path} does not contain a JSON object: download it again.")
    return _defaults(str(stated.get("_class_name"))) | stated


def check_schedule(path: Path, config: dict[str, Any]) -> None:
    """Raise `BenchError` for another noise schedule than Stable Diffusion's."""
    name = str(config.get("_class_name", ""))
    if "FlowMatch" in name:
        raise BenchError(f"{path}: {name} is not supported: {_remedy(path)}")
    for key, expected in STABLE_DIFFUSION.items():
        found = config.get(key, expected)
        if not _equal(found, expected):
            raise BenchError(f"{path}: {key} is {found!r}, expected {expected!r}: {_remedy(path)}")


def _equal(found: Any, expected: Any) -> bool:
    if isinstance(expected, float):
        return isinstance(found, int | float) and abs(found - expected) <= 1e-6 * expected
    return bool(found == expected)


def _defaults(name: str) -> dict[str, Any]:
    """The default configuration of a scheduler of diffusers; empty for an unknown class."""
    import diffusers

    kind = getattr(diffusers, name, None) if name.endswith("Scheduler") else None
    if not isinstance(kind, type):
        return {}
    parameters = inspect.signature(kind).parameters
    return {
        key: parameters[key].default
        for key in (*STABLE_DIFFUSION, "prediction_type")
        if key in parameters
    }


def _remedy(path: Path) -> str:
    return (
        "this method samples with Stable Diffusion's noise schedule, so use other weights, or the "
        f"pipeline itself by --method diffusers:{path.parent.parent}."
    )
