"""Where and at which size a part measures."""

import os
import platform
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gpu.rows import Row

PACKAGES = ("torch", "diffusers", "transformers")


@dataclass(frozen=True)
class Setting:
    """`folder` is shared by all parts; `toy` networks are small enough to test the parts."""

    device: str
    toy: bool
    folder: Path

    @property
    def cuda(self) -> bool:
        return self.device.startswith("cuda")

    @property
    def dtype(self) -> str:
        return "float32" if self.toy else "bfloat16"

    def labels(self) -> dict[str, str]:
        """The columns that tell measurements of different machines and versions apart."""
        from importlib.metadata import version

        import torch

        name = torch.cuda.get_device_name(self.device) if self.cuda else _processor()
        versions = [f"{package} {version(package)}" for package in PACKAGES]
        if self.cuda:
            versions.append(f"CUDA {torch.version.cuda}")
        return {
            "device": f"{name}, toy networks" if self.toy else name,
            "versions": ", ".join(versions),
        }

    def synchronize(self) -> None:
        """Wait for the device."""
        if self.cuda:
            import torch

            torch.cuda.synchronize()

    def seconds(self, call: Callable[[], Any]) -> float:
        """Seconds that a call takes, with what it has left to the device."""
        self.synchronize()
        start = time.perf_counter()
        call()
        self.synchronize()
        return time.perf_counter() - start

    def reset_peak(self) -> None:
        if self.cuda:
            import torch

            torch.cuda.reset_peak_memory_stats()

    def peak_gb(self) -> float:
        """The device's peak memory since `reset_peak`; on the CPU, that of the process."""
        if self.cuda:
            import torch

            return torch.cuda.max_memory_allocated() / 1e9
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def _processor() -> str:
    return f"{platform.machine()} CPU, {len(os.sched_getaffinity(0))} cores"


Add = Callable[[Row], None]
Part = Callable[[Setting, Add], None]
