"""What a training costs, by arithmetic: memory of a device by part, and hours by operations.

A GB is 10⁹ bytes. Nothing here has been measured on a GPU.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.devices import free_bytes

GB = 1e9
FLOAT32, HALF = 4, 2  # bytes of a weight
OPTIMIZER = {"adamw": 8, "adamw8bit": 2}  # bytes of both moments of a weight
# Assumed: CUDA's context, the workspaces of its libraries, and fragmentation.
RESERVE = 1.5 * GB

# Peak rates of dense matrix products in bfloat16 (V100, T4: float16) with sums in float32, in 10¹²
# operations per second, from NVIDIA's data sheets, by what PyTorch calls the card.
CARDS = {
    "B200": 2250,
    "H200": 989,
    "H100": 989,
    "A100": 312,
    "L40S": 362,
    "A40": 150,
    "A6000": 155,
    "RTX 4090": 165,
    "RTX 3090": 71,
    "A10": 125,
    "L4": 121,
    "V100": 125,
    "T4": 65,
}
SHORT = 0.1  # hours
EXAMPLES = ("A100", "H100", "RTX 4090")
UTILISATION = 1 / 3  # assumed share of the peak rate; docs/lego.md assumes the same
FLOAT32_SLOWDOWN = 4  # assumed: of float32 without TF32, relative to 16 bits


@dataclass(frozen=True)
class Memory:
    """Bytes on one device by part; `activations` includes weights that are cast to 16 bits."""

    weights: float
    gradients: float
    optimizer: float
    average: float = 0
    exchange: float = 0  # copies of the gradients that processes exchange
    activations: float = 0
    reserve: float = RESERVE

    @property
    def total(self) -> float:
        return float(sum(self.parts.values()))

    @property
    def parts(self) -> dict[str, float]:
        """All parts by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True)
class TrainingPlan:
    """A training in numbers; `processes` have a device each."""

    networks: str
    trainable: int  # parameters
    frozen: int
    memory: Memory
    steps: int
    batch_size: int
    micro_batch: int
    processes: int
    samples: int  # in the split
    operations: float  # per sample, forward and backward
    precision: str
    notes: tuple[str, ...] = ()

    @property
    def seen(self) -> int:
        """Samples seen in all steps."""
        return self.steps * self.batch_size

    def gpu_hours(self, peak: float) -> float:
        """Hours of one card with this peak rate (10¹² operations per second)."""
        slow = FLOAT32_SLOWDOWN if self.precision == "float32" else 1
        return self.seen * self.operations * slow / (peak * 1e12 * UTILISATION) / 3600

    @property
    def epochs(self) -> float:
        """Passes over the split."""
        return self.seen / max(self.samples, 1)

    def require(self, limit: float, where: str, remedy: str) -> None:
        """Raise `BenchError` unless it fits `limit` bytes."""
        if self.memory.total <= limit:
            return
        raise BenchError(
            f"This training needs about {self.memory.total / GB:.1f} GB (calculated) with "
            f"{self.micro_batch} samples at a time, but {where} {limit / GB:.1f} GB: {remedy}."
        )

    def lines(self, device: str | None = None, limit: float | None = None) -> list[str]:
        """What `--dry-run` prints; `device` is the name of the GPU, None without one.

        With a `limit` in GB, the last line states whether the plan fits it.
        """
        parts = {name: value for name, value in self.memory.parts.items() if value}
        return [
            self._networks,
            f"Memory of each device, calculated, not measured ({self.precision}):",
            *(f"  {name:<12}{value / GB:8.2f} GB" for name, value in parts.items()),
            f"  {'total':<12}{self.memory.total / GB:8.2f} GB",
            *self._work(device),
            *([] if limit is None else [f"It {self._fits(limit)} {limit:g} GB."]),
        ]

    def brief(self, device: str | None = None, limit: float | None = None) -> list[str]:
        """`lines` without the parts of the memory."""
        fits = "" if limit is None else f"; it {self._fits(limit)} {limit:g} GB"
        memory = f"{self.memory.total / GB:.2f} GB ({self.precision}){fits}"
        return [
            self._networks,
            f"Memory of each device, calculated, not measured: {memory}",
            *self._work(device),
        ]

    @property
    def _networks(self) -> str:
        return (
            f"Networks: {self.networks}; {self.trainable / 1e6:,.1f} million trainable parameters, "
            f"{self.frozen / 1e6:,.1f} million frozen"
        )

    def _work(self, device: str | None) -> list[str]:
        rounds = self.batch_size // (self.micro_batch * self.processes)
        return [
            f"Steps: {self.steps:,} of {self.batch_size:,} samples ({self.micro_batch} at a time × "
            f"{rounds} rounds × {self.processes} devices)",
            f"Samples seen: {self.seen:,}, {self.epochs:,.1f} epochs of {self.samples:,}",
            estimated_hours([self], device),
            *self.notes,
        ]

    def _fits(self, limit: float) -> str:
        return "fits" if self.memory.total <= limit * GB else "DOES NOT FIT"


def estimated_hours(plans: Sequence[TrainingPlan], device: str | None = None) -> str:
    """The hours of trainings one after the other, each on all its devices together.

    `device` is the name of the GPU, None without one.
    """
    known = device and card_of(device)
    names = (known,) if known else EXAMPLES
    hours = [sum(plan.gpu_hours(CARDS[name]) / plan.processes for plan in plans) for name in names]
    if max(hours) < SHORT:
        return f"Time: below {SHORT} hours on a GPU (estimated)"
    processes = max(plan.processes for plan in plans)
    listed = ", ".join(
        f"{time:,.1f} on {processes} × {name}" for time, name in zip(hours, names, strict=True)
    )
    return f"Hours, estimated at {UTILISATION:.0%} of the data sheets' rates: {listed}"


def require_memory(plan: TrainingPlan, device: str, asked: float | None, otherwise: str) -> None:
    """Raise `BenchError` unless the plan fits `asked` GB, by default a GPU's free memory.

    `otherwise` says, as the end of a sentence, what to do if no micro-batch fits.
    """
    if asked is not None:
        plan.require(asked * GB, "-o memory allows", otherwise)
    elif device.startswith("cuda"):
        free = free_bytes(device)
        lower = f"-o memory={free / GB:.0f} lowers micro_batch, which does not change the training"
        plan.require(free, f"{device} has free", otherwise if plan.micro_batch == 1 else lower)


def card_of(device_name: str) -> str | None:
    """The entry of `CARDS` for a device's name, such as `NVIDIA A100-SXM4-80GB`."""
    words = device_name.replace("-", " ").split()
    return next((name for name in CARDS if set(name.split()) <= set(words)), None)


def largest_fitting(
    most: int, share: int, memory: Callable[[int], Memory], limit: float | None
) -> int:
    """The largest micro-batch up to `most` that divides a process's `share` of a batch and fits.

    `limit` is in GB; None: each fits. 1 if none does.
    """
    sizes = (size for size in range(min(most, share), 0, -1) if not share % size)
    return next((n for n in sizes if limit is None or memory(n).total <= limit * GB), 1)
