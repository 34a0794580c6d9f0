"""The tests that compare the value of each metric with weights with another program's.

A metric added later gets a row: another program, and the tests that compare. Without one it needs
a reason in `contract_exceptions.WITHOUT_REFERENCE_VALUE`.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from egoactgen_bench.api.metric import Metric, MetricContext

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Reference:
    """`program` computes the values that `tests` (`file::function`, below tests/) compare with."""

    program: str
    tests: tuple[str, ...]


_EGOVLP = Reference(
    "LEGO's released evaluation, with EgoVLP's own network",
    (
        "metrics/test_golden_networks.py::test_egovlp_static_and_plus",
        "metrics/test_golden_networks.py::test_egovlp_every_frame",
        "metrics/test_golden_networks.py::test_egovlp_of_sixteen_frames",
    ),
)
_BLIP = Reference(
    "transformers: BLIP's generate, CLIPModel and DistilBertModel; LAVIS",
    (
        "metrics/test_other_programs.py::test_blip_agrees_with_transformers_captions_and_text_towers",
        "metrics/test_egovlp_network.py::test_text_tower_reproduces_the_released_embeddings",
        "captioning/test_lavis.py::test_both_captioners_generate_the_same_captions",
    ),
)
REGIONS = ("hands", "object", "background")
REFERENCES = {
    "clip": Reference(
        "LEGO's released evaluation, open_clip and transformers' CLIPModel",
        (
            "metrics/test_golden_networks.py::test_clip",
            "metrics/test_other_programs.py::test_clip_agrees_with_transformers",
        ),
    ),
    "clip_text": Reference(
        "transformers' CLIPModel",
        ("metrics/test_other_programs.py::test_clip_text_agrees_with_transformers",),
    ),
    "dino": Reference(
        "timm's VisionTransformer", ("metrics/test_other_programs.py::test_dino_agrees_with_timm",)
    ),
    **{
        f"dino_{region}": Reference(
            "transformers' Dinov2Model",
            ("metrics/test_regions.py::test_dino_of_a_region_weights_patches_by_their_share",),
        )
        for region in REGIONS
    },
    **{
        f"lpips_{region}": Reference(
            "the lpips package",
            (
                "metrics/test_regions.py::"
                "test_lpips_of_a_region_is_the_mean_of_the_packages_spatial_map",
            ),
        )
        for region in REGIONS
    },
    "cmmd": Reference(
        "transformers' CLIPModel, SciPy, cmmd-pytorch",
        (
            "metrics/test_cmmd.py::test_it_agrees_with_transformers_and_scipy",
            "metrics/test_distances.py::test_biased_distance_agrees_with_the_published_program",
        ),
    ),
    "dreamsim": Reference(
        "the dreamsim package, peft",
        (
            "metrics/test_dreamsim.py::test_it_agrees_with_the_dreamsim_package",
            "metrics/test_dreamsim.py::test_merged_weights_are_those_of_peft",
        ),
    ),
    "fd_dinov2": Reference(
        "torch-fidelity, SciPy",
        (
            "metrics/test_fd_dinov2.py::test_it_agrees_with_torch_fidelity",
            "metrics/test_fd_dinov2.py::test_it_agrees_with_a_matrix_root",
        ),
    ),
    "egovlp": _EGOVLP,
    "egovlp_plus": _EGOVLP,
    "fid": Reference(
        "clean-fid, LEGO's released evaluation, SciPy",
        (
            "metrics/test_other_programs.py::test_fid_agrees_with_clean_fids_features",
            "metrics/test_golden_networks.py::test_inception_legacy",
            "metrics/test_distances.py::test_frechet_distance_agrees_with_four_programs",
        ),
    ),
    "kid": Reference(
        "clean-fid", ("metrics/test_other_programs.py::test_kid_agrees_with_clean_fid",)
    ),
    "lpips": Reference(
        "LEGO's released evaluation, with the lpips package",
        ("metrics/test_golden_networks.py::test_lpips",),
    ),
    "motion": Reference(
        "torchvision's raft_large with its own preprocessing",
        ("metrics/test_motion.py::test_flow_agrees_with_torchvision",),
    ),
    **{
        f"blip_{size}{against}": _BLIP
        for size in ("b", "l")
        for against in ("", "_description", "_egovlp", "_egovlp_description")
    },
}


def needs_weights(metric: type[Metric]) -> bool:
    """Whether a metric has weights: declared as published, or asked for in any protocol."""
    built = (metric(options, MetricContext()) for options in metric.variants().values())
    return bool(metric.published_weights) or any(each.weights() for each in built)


def check_reference(
    name: str,
    metric: type[Metric],
    references: Mapping[str, Reference],
    excused: Mapping[str, str],
) -> None:
    """Assert that a metric has an entry in exactly one of the two lists, if it has weights."""
    entries = (name in references) + (name in excused)
    if needs_weights(metric):
        assert entries == 1, (
            f"'{name}' has weights: compare its values with those of another program, and name the "
            "test in tests/helpers/reference_values.py; or give a reason in contract_exceptions.py"
        )
    else:
        assert entries == 0 or name in references, f"'{name}' has no weights and needs no excuse"


def is_test(reference: str) -> bool:
    """Whether `file::function` names a test function that exists."""
    file, _, function = reference.partition("::")
    path = TESTS / file
    if not path.is_file() or not function.startswith("test_"):
        return False
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == function for node in tree.body)
