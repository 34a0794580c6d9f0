"""Metrics of regions on the toy kitchen: the scene kept and the action done come apart."""

from egoactgen_bench import load_scores

METRICS = ("psnr", "lpips", "dino")
REGIONS = ("hands", "object", "background")


def test_a_copy_of_the_input_keeps_the_background_and_misses_the_action(bench, tmp_path):
    """The whole loop: boxes from the annotations, toy weights, a table of regions."""
    assert bench("prepare-splits", "--limit", 8).status == 0
    names = [f"{metric}_{region}" for metric in METRICS for region in REGIONS]
    call = ("score", "--reference", "copy-input,target", "--metrics", ",".join(names))
    result = bench(*call, "--bootstrap", 0)
    assert result.status == 0, result.err
    scores = load_scores("toy-kitchen", workspace=tmp_path / "workspace")
    assert scores.errors.empty and list(scores.metrics) == names
    values = scores.summary.set_index("run")
    for metric, sign in zip(METRICS, (1, -1, 1), strict=True):
        kept, hands, item = (
            sign * values.loc["copy-input", f"{metric}_{region}"]
            for region in ("background", "hands", "object")
        )
        assert kept > hands and kept > item, metric
        target = [sign * values.loc["target", f"{metric}_{region}"] for region in REGIONS]
        assert min(target) > kept
