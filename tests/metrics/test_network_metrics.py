"""Properties of all metrics with networks, tested on small networks of the same classes."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from egoactgen_bench.api import plugins
from egoactgen_bench.api.metric import Metric, MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.errors import BenchError
from egoactgen_bench.metrics import clip_network
from small_networks import small_clip_state

NAMES = ("clip", "clip_text", "dino", "egovlp", "egovlp_plus", "fid", "kid", "lpips")
PAIRED = ("clip", "dino", "egovlp", "egovlp_plus", "lpips")
# The batch size changes the order of float32 sums: a value may differ in its sixth digit.
TOLERANCE = 1e-5


@pytest.fixture
def weights(small_weights: Path) -> Path:
    return small_weights


def smooth_image(seed: int, size: tuple[int, int] = (192, 128)) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def samples() -> list[dict[str, Any]]:
    """Five samples; the fourth has another size, and its output yet another."""
    found: list[dict[str, Any]] = []
    for index in range(5):
        size = (160, 128) if index == 3 else (192, 128)
        target = smooth_image(10 + index, size)
        near = Image.blend(target, smooth_image(20 + index, size), 0.1)
        output = near.resize((128, 128)) if index == 3 else near
        action = f"open drawer {index}"
        found.append(
            {
                "input": smooth_image(index, size),
                "output": output,
                "target": target,
                "action": action,
            }
        )
    return found


def measured(metric: Metric[Any], samples: Sequence[dict[str, Any]]) -> NDArray[np.floating]:
    roles: Any = {role: [sample[role] for sample in samples] for role in samples[0]}
    return metric.measure(Batch(roles))


def made(name: str, protocol: str, weights: Path, **options: Any) -> Metric[Any]:
    plugin, _ = plugins.load("metrics", name)
    chosen = plugin.variants()[protocol].model_copy(update=options)
    return plugin(chosen, MetricContext(weights=weights))


def replaced(samples: Sequence[dict[str, Any]], **roles: str) -> list[dict[str, Any]]:
    return [sample | {new: sample[old] for new, old in roles.items()} for sample in samples]


CASES = [(name, "standard") for name in NAMES] + [
    (name, "lego-release") for name in ("clip", "egovlp", "egovlp_plus", "fid", "lpips")
]


@pytest.mark.parametrize(("name", "protocol"), CASES)
def test_rows_of_a_batch_are_independent(
    name: str, protocol: str, weights: Path, samples: list[dict[str, Any]]
) -> None:
    metric = made(name, protocol, weights)
    samples = samples if metric.per_sample else samples[2:]
    together = measured(metric, samples)
    assert together.shape == (len(samples), 1 if metric.per_sample else 4096)
    assert np.isfinite(together).all()
    alone = np.concatenate([measured(metric, [sample]) for sample in samples])
    assert_allclose(alone, together, rtol=TOLERANCE, atol=TOLERANCE)
    assert_allclose(measured(metric, samples[::-1])[::-1], together, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize(("name", "protocol"), [c for c in CASES if c[0] in PAIRED])
def test_identity_symmetry_and_direction(
    name: str, protocol: str, weights: Path, samples: list[dict[str, Any]]
) -> None:
    metric, samples = made(name, protocol, weights), [s for s in samples if s is not samples[3]]
    best = measured(metric, replaced(samples, output="target"))
    assert_allclose(best, 1 if metric.higher_is_better else 0, atol=1e-6)
    value = measured(metric, samples)
    swapped = measured(metric, replaced(samples, output="target", target="output"))
    assert_allclose(swapped, value, atol=1e-6)
    far = measured(metric, replaced(samples, output="input"))
    near_wins = value > far if metric.higher_is_better else value < far
    assert near_wins.mean() > 0.5
    assert (value < best).all() if metric.higher_is_better else (value > best).all()


@pytest.mark.parametrize(
    ("name", "protocol"), [("fid", "standard"), ("fid", "lego-release"), ("kid", "standard")]
)
def test_set_distances_are_smallest_for_the_targets(
    name: str, protocol: str, weights: Path, samples: list[dict[str, Any]]
) -> None:
    metric, samples = made(name, protocol, weights), samples[:3]
    assert (metric.per_sample, metric.minimum_samples, metric.advised_samples) == (False, 2, 2048)
    distances = [
        metric.summarise(measured(metric, replaced(samples, output=role)))
        for role in ("target", "output", "input")
    ]
    scale = abs(distances[2])
    if name == "fid":
        assert distances[0] == pytest.approx(0, abs=1e-5 * scale)
    assert distances[0] < min(distances[1:])


def test_fid_and_kid_share_their_rows(weights: Path) -> None:
    fid, kid, released = (
        made("fid", "standard", weights),
        made("kid", "standard", weights),
        made("fid", "lego-release", weights),
    )
    assert fid.measurement() == kid.measurement() != released.measurement()
    assert fid.signature() != kid.signature()


def test_sixteen_frames_use_the_other_checkpoint(
    weights: Path, samples: list[dict[str, Any]]
) -> None:
    four, sixteen = (
        made("egovlp_plus", "standard", weights, clip_length=length)
        for length in ("4-frame", "16-frame")
    )
    assert (four.weights(), sixteen.weights()) == ((("egovlp.pth",),), (("epic_mir_plus.pth",),))
    assert not np.allclose(measured(four, samples), measured(sixteen, samples), atol=1e-4)


def test_protocols_differ_in_value_and_signature(
    weights: Path, samples: list[dict[str, Any]]
) -> None:
    for name in ("clip", "egovlp", "egovlp_plus", "lpips"):
        one, two = (made(name, protocol, weights) for protocol in ("standard", "lego-release"))
        assert one.signature() != two.signature()
        difference = measured(one, samples) - measured(two, samples)
        assert np.abs(difference).max() > 1e-7


@pytest.mark.parametrize("name", NAMES)
def test_missing_weights_are_reported_without_loading_anything(name: str, tmp_path: Path) -> None:
    metric = made(name, "standard", tmp_path)
    (missing,) = metric.missing_weights()
    with pytest.raises(BenchError, match=f"bench models fetch {missing}"):
        metric.weight_path(*metric.weights()[0])


def test_importing_metrics_does_not_import_torch() -> None:
    modules = ["change", "clip", "clip_text", "dino", "egovlp", "fid", "kid", "lpips"]
    modules += ["cmmd", "dreamsim", "fd_dinov2"]
    lines = "".join(f"import egoactgen_bench.metrics.{module}\n" for module in modules)
    check = f"{lines}import sys\nassert not {{'torch', 'lpips', 'open_clip'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_torchscript_archive_of_openai_is_read(tmp_path: Path) -> None:
    state = small_clip_state()
    root = nn.Module()
    for name, tensor in state.items():
        *parents, leaf = name.split(".")
        module = root
        for parent in parents:
            if not hasattr(module, parent):
                module.add_module(parent, nn.Module())
            module = getattr(module, parent)
        module.register_parameter(leaf, nn.Parameter(tensor.half()))
    for name, size in (("input_resolution", 64), ("context_length", 77), ("vocab_size", 49408)):
        root.register_buffer(name, torch.tensor(size))
    torch.jit.script(root).save(tmp_path / "ViT-L-14.pt")
    loaded = clip_network.load_clip(tmp_path / "ViT-L-14.pt").state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], state[name].half().float()) for name in state)


def test_wrong_weights_are_refused_in_one_sentence(tmp_path: Path, samples: Any) -> None:
    from safetensors.torch import save_file

    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "squeezenet1_1-b8a52dc0.pth")
    torch.save({"fc.weight": torch.zeros(1)}, tmp_path / "pt_inception-2015-12-05-6726825d.pth")
    (tmp_path / "inception-2015-12-05.pt").write_bytes(b"cut short")
    save_file({"visual.proj": torch.zeros(1)}, tmp_path / "ViT-L-14.safetensors")
    (tmp_path / "dinov2-base").mkdir()
    for name, protocol, sentence in (
        ("lpips", "standard", "does not fit LPIPS' trunk 'squeeze'"),
        ("fid", "lego-release", "does not fit FID's Inception"),
        ("fid", "standard", "is not a complete TorchScript archive"),
        ("clip", "standard", "does not fit OpenAI's CLIP"),
        ("dino", "standard", "contains no weights"),
    ):
        with pytest.raises(BenchError, match=sentence):
            measured(made(name, protocol, tmp_path), samples)
    (tmp_path / "ViT-L-14.safetensors").write_bytes(b"cut short")
    clip_network.load_clip.cache_clear()
    with pytest.raises(BenchError, match="is not a readable safetensors file"):
        measured(made("clip", "standard", tmp_path), samples)
