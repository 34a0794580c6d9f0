"""Agreement of an output's motion with the true motion from input to target, by optical flow."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egoactgen_bench.api.metric import Metric, Rows
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.images import resize

RAFT = PublishedWeights(
    name="raft_large_C_T_SKHT_V2-ff5fadd5.pth",
    about="RAFT, optical flow",
    licence="BSD-3-Clause (torchvision)",
    url="https://download.pytorch.org/models/raft_large_C_T_SKHT_V2-ff5fadd5.pth",
    size=21_106_607,
    sha256="ff5fadd56d26b40647388883af1547351ea17868b765c05b27231e72dd16a322",
)
Flow = NDArray[np.float32]  # (2, height, width): x and y in pixels of the target
# Mean length in pixels below which input and target do not differ by motion: RAFT finds as much
# between two compressions of the same frame.
LEAST_MOTION = 0.1
# A frame whose longer side has more than this times its shorter side is not measured: RAFT's memory
# grows with the square of the number of pixels.
LONGEST = 4


class Motion(Metric[Options]):
    """Agreement of the motion from input to output with that from input to target (RAFT).

    With the optical flows F from the input to the target and G from the input to the output, and
    sums over all pixels, it is 2 Σ F·G / (Σ|F|² + Σ|G|²): 1 for the target, 0 for the unchanged
    input, −1 for the opposite motion. Both the direction and the length of a motion count; motion
    in random directions scores 0 on average.
    """

    name, label, position = "motion", "Motion", 155
    factor = 100
    higher_is_better = True
    bounds = (-1.0, 1.0)
    inapplicable = frozenset({"no_motion"})
    needs = frozenset({"input", "output", "target"})
    packages = ("torch", "torchvision")
    published_weights = (RAFT,)

    def weights(self) -> tuple[tuple[str, ...], ...]:
        return ((RAFT.name,),)

    def facts(self) -> Mapping[str, str]:
        toy = self.context.weights_folder.label
        return {"side": "128" if toy else "128-256", "resize": "lanczos"}

    def measure(self, batch: Batch) -> Rows:
        """(n, 1) float64 in [−1, 1]; `no_motion` where input and target show none."""
        targets, outputs = batch.images("target"), batch.images("output")
        inputs = [
            resize(frame, target.size)
            for frame, target in zip(batch.images("input"), targets, strict=True)
        ]
        true = batch.across_runs(
            f"motion|{self.weight_path(RAFT.name)}",
            # Too large for the disk; kept in memory until all runs are compared on this batch.
            lambda: [self._true_flow(*pair) for pair in zip(inputs, targets, strict=True)],
        )
        rows = [
            each
            if isinstance(each, SampleError)
            else np.array([motion_agreement(self._flow(frame, output), each)])
            for frame, output, each in zip(inputs, outputs, true, strict=True)
        ]
        if any(isinstance(row, SampleError) for row in rows):
            return rows
        return np.stack(rows)  # type: ignore[arg-type]

    def _true_flow(self, frame: Image.Image, target: Image.Image) -> Flow | SampleError:
        """The flow from input to target, or why there is none to compare with."""
        if max(frame.size) > LONGEST * min(frame.size):
            size = f"{frame.width} × {frame.height}"
            return SampleError("unsupported_shape", f"{size}, longer than {LONGEST} to 1")
        found = self._flow(frame, target)
        length = float(np.linalg.norm(found, axis=0).mean())
        if length < LEAST_MOTION:
            detail = f"mean flow from input to target: {length:.3f} pixels"
            return SampleError("no_motion", detail)
        return found

    def _flow(self, frame: Image.Image, other: Image.Image) -> Flow:
        from egoactgen_bench.metrics.flow_network import load_flow

        return load_flow(self.weight_path(RAFT.name), self.context.device).flow(frame, other)


def motion_agreement(found: Flow, true: Flow) -> float:
    """2 Σ F·G / (Σ|F|² + Σ|G|²), for a flow `true` that is not 0 everywhere.

    The same as 1 − Σ|G − F|² / (Σ|F|² + Σ|G|²), and as Lin's concordance (1989) about 0 instead of
    the means.
    """
    f, g = (flow.astype(np.float64) for flow in (true, found))
    return float(2 * (f * g).sum() / ((f * f).sum() + (g * g).sum()))
