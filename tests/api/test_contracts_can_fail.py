"""The contract tests fail for plug-ins that break one rule, and pass for valid ones."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest
import typer
from pydantic import Field

import broken_plugins as broken
from contract_exceptions import built
from dataset_contract import check_dataset
from drawn_split import write_drawn_split
from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.stages.run import run_method
from method_contract import CHECKS, check_batch_size, check_images_repeat, check_order, check_shards
from metric_contract import check_contract
from plugin_contract import check_commands, check_declared
from plugin_guide import install

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return load_split(write_drawn_split(tmp_path_factory.mktemp("split") / "drawn-val", 4))


def named(method):
    return {"method": f"broken_plugins:{method.__name__}", "device": "cpu"}


def test_a_sound_method_passes(split, tmp_path):
    for check in CHECKS:
        check(named(broken.SoundMethod), split, tmp_path / check.__name__)


@pytest.mark.parametrize(
    ("check", "method"),
    [
        (check_images_repeat, broken.Counting),
        (check_images_repeat, broken.Unfinished),
        (check_order, broken.Counting),
        (check_order, broken.DrawingIntoInputs),
        (check_order, broken.Unfinished),
        (check_batch_size, broken.OfTheBatch),
        (check_shards, broken.Counting),
    ],
)
def test_a_broken_method_fails(check, method, split, tmp_path):
    with pytest.raises(AssertionError):
        check(named(method), split, tmp_path)


def test_an_error_while_building_fails_unless_it_is_on_the_list(split, tmp_path):
    def build():
        arguments = named(broken.RaisesWhenBuilt)
        return run_method.prepare(split=split, folder=tmp_path, **arguments)

    with pytest.raises(AssertionError, match=r"mine of methods cannot be built: .*no such network"):
        built("methods", "mine", build, {})
    with pytest.raises(pytest.skip.Exception, match="mine: needs a network"):
        built("methods", "mine", build, {("methods", "mine"): "needs a network"})
    with pytest.raises(AssertionError, match="mine of methods can be built: remove it from"):
        built("methods", "mine", lambda: 1, {("methods", "mine"): "needs a network"})
    assert built("metrics", "mine", lambda: 1, {("methods", "mine"): "of another kind"}) == 1


def test_a_sound_metric_passes(tmp_path):
    check_contract(broken.SoundMetric(Options(), MetricContext()), tmp_path)


@pytest.mark.parametrize(
    "metric",
    [
        broken.OfNeighbours,
        broken.Remembering,
        broken.NotFinite,
        broken.Flat,
        broken.OneRowTooFew,
        broken.Upside,
    ],
)
def test_a_broken_metric_fails(metric, tmp_path):
    with pytest.raises(AssertionError):
        check_contract(metric(Options(), MetricContext()), tmp_path)


def test_a_sound_data_set_passes():
    assert len(check_dataset(lambda: broken.SoundDataset(None, None, "val"))) == 3


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (broken.RepeatedId, "a sample id is repeated"),
        (broken.UnsafeId, "'../s2' is not a safe file name"),
        (broken.BackwardsInTime, "the target precedes the input"),
        (broken.ForeignClip, "a clip of 'other'"),
        (broken.OtherOrder, "other clips when listed again"),
        (broken.SpokenReason, "is not a stable code"),
        (broken.WithoutClips, "no clip"),
        (broken.RaisingOSError, "locate raised FileNotFoundError"),
        (broken.PlacesInRecipe, "a path of this machine: /data/pictures"),
        (broken.ObjectsInRecipe, "not plain data"),
        (broken.UnknownMetric, "unknown metric 'egovpl'"),
        (broken.UnknownOption, "no option 'clip'"),
        (broken.UnknownChoice, "clip_length=8-frame"),
        (broken.TruthOfSome, "the truth of some samples is missing"),
    ],
)
def test_a_broken_data_set_fails(dataset, message):
    with pytest.raises(AssertionError, match=message):
        check_dataset(lambda: dataset(None, None, "val"))


class Undescribed(Options):
    rate: float = Field(1.0)


class Required(Options):
    rate: float = Field(description="how fast")


WEIGHTS = PublishedWeights(name="a.pth", about="a", licence="MIT", url="https://example.org/a.pth")


@pytest.mark.parametrize(
    ("kind", "base", "changes", "message"),
    [
        ("methods", broken.SoundMetric, {}, "not a subclass of"),
        ("methods", broken.SoundMethod, {"__doc__": None}, "the docstring's first line"),
        ("methods", broken.SoundMethod, {"__doc__": "Runs on\ntwo lines."}, "first line"),
        ("methods", broken.SoundMethod, {"packages": "torch"}, "packages is not a tuple"),
        ("methods", broken.SoundMethod, {"published_weights": ["a.pth"]}, "is not a tuple"),
        ("methods", broken.SoundMethod, {"published_weights": (WEIGHTS, WEIGHTS)}, "repeats"),
        ("methods", broken.SoundMethod, {"Options": Undescribed}, "'rate' has no description"),
        ("methods", broken.SoundMethod, {"Options": Required}, "'rate' has no default"),
        ("metrics", broken.SoundMetric, {"name": "loud"}, "attribute `name` is 'loud'"),
        ("datasets", broken.SoundDataset, {"name": "loud"}, "attribute `name` is 'loud'"),
        ("trainers", broken.SoundTrainer, {"presets": {"toy": {"rat": 1}}}, "no option 'rat'"),
        ("trainers", broken.SoundTrainer, {"presets": {"toy": {"rate": "x"}}}, "rate=x"),
        (
            "trainers",
            broken.SoundTrainer,
            {"non_semantic_options": frozenset({"rat"})},
            "non_semantic_options names",
        ),
    ],
)
def test_a_wrong_declaration_fails(kind, base, changes, message):
    plugin = type("Changed", (base,), {"__doc__": "A summary.", **changes})
    with pytest.raises(AssertionError, match=message):
        check_declared(kind, "sound", plugin)


def test_right_declarations_pass():
    for kind, plugin in (
        ("methods", broken.SoundMethod),
        ("metrics", broken.SoundMetric),
        ("datasets", broken.SoundDataset),
        ("trainers", broken.SoundTrainer),
    ):
        check_declared(kind, "sound", plugin)


def test_a_class_without_its_abstract_methods_fails():
    class Half(broken.Trainer):
        """Cannot train."""

        presets: ClassVar[dict] = {}

    with pytest.raises(AssertionError, match=r"abstract: \['train'\]"):
        check_declared("trainers", "half", Half)


def test_commands_without_effect_or_help_fail():
    def silent(app: typer.Typer) -> None:
        app.command("mine")(lambda: None)

    def fine(app: typer.Typer) -> None:
        app.command("mine", help="Mine.")(lambda: None)

    check_commands(fine)
    with pytest.raises(AssertionError, match="adds no command"):
        check_commands(lambda app: None)
    with pytest.raises(AssertionError, match="'mine' has no help"):
        check_commands(silent)


def test_broken_plugins_of_an_installed_package_fail_the_suite(tmp_path):
    """They are found by their entry points; the tests do not list them."""
    groups = {
        "egoactgen_bench.datasets": {"unsafe": "broken_plugins:UnsafeId"},
        "egoactgen_bench.methods": {"raising": "broken_plugins:RaisesWhenBuilt"},
    }
    install(tmp_path / "site", "broken_plugins", groups)
    kinds = ("datasets", "methods", "plugins")
    files = [TESTS / "api" / f"test_{kind}_contract.py" for kind in kinds]
    options = ("-q", "-p", "no:cacheprovider", "--tb=line", "-k", "unsafe or raising")
    path = os.pathsep.join(map(str, (tmp_path / "site", TESTS / "helpers")))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--basetemp", tmp_path / "runs", *files],
        cwd=TESTS.parent,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    lost = re.findall(r"^(?:FAILED|ERROR) \S*::(\w+)\[(\S+)\]", done.stdout, re.MULTILINE)
    assert {
        ("test_a_data_set_keeps_the_contract", "unsafe"),
        ("test_every_image_is_8_bit_rgb_and_repeats", "raising"),
        ("test_order_and_earlier_calls_do_not_change_images", "raising"),
        ("test_batch_size_changes_pixels_by_at_most_one_level", "raising"),
        ("test_shards_and_resuming_do_not_change_a_byte", "raising"),
        ("test_the_docs_list_every_plugin", "datasets-unsafe"),
        ("test_the_docs_list_every_plugin", "methods-raising"),
    } <= set(lost)
