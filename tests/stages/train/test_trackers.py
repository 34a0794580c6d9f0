"""`--log-to`: what trackers are given, when a training resumes and when a tracker fails."""

import json
import sys
import types

import pandas as pd
import pytest
from accelerate import tracking

from drawn_split import write_drawn_split
from egoactgen_bench.api import tracker_log
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_bench.diffusion.finetuning.step_log import open_trackers
from egoactgen_bench.diffusion.finetuning.training_loop import TrainingLoop
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.train import train_weights as training

SMALL = {"init": untrained_weights.NAME, "size": 32, "iterations": 6, "batch_size": 4}


class Recorder(tracking.GeneralTracker):
    """Keeps what it is given, in place of wandb."""

    name = "wandb"
    requires_logging_directory = False
    made: list["Recorder"] = []  # noqa: RUF012  reset by the fixture
    fails_at = fails_to_start = None

    def __init__(self, project, **settings):
        super().__init__()
        self.project, self.settings, self.values, self.ended = project, settings, {}, False
        self.made.append(self)

    def start(self):
        if self.fails_to_start:
            raise RuntimeError("api_key not configured (no-tty). Call wandb.login")

    @property
    def tracker(self):
        return self

    def store_init_configuration(self, values):
        self.config = values

    def log(self, values, step=None, **_):
        if step == type(self).fails_at:
            raise ConnectionError("The disk is full")
        self.values[step] = values

    def finish(self):
        self.ended = True


@pytest.fixture
def recorders(monkeypatch):
    """The recorders of this test's trainings; a package named wandb exists."""
    monkeypatch.setattr(Recorder, "made", [])
    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "wandb", Recorder)
    monkeypatch.setattr(tracker_log, "find_spec", lambda name: types.SimpleNamespace())
    monkeypatch.setenv("TRACKIO_DIR", "of this test")  # so that it is restored
    return Recorder.made


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("workspace")
    write_drawn_split(root / "splits" / "drawn-train", 6, subset="train")
    return root


def train(root, folder, *trackers, **choices):
    options = SMALL | choices.pop("options", {})
    places = {"models": root / "models", "cache": root / "cache", "logs": folder.parent / "logs"}
    split = load_split(root / "splits" / "drawn-train")
    given = {"log_to": trackers, "device": "cpu", "options": options} | places | choices
    return training.train("ip2p", split, folder, **given)


def losses(folder):
    return pd.read_csv(folder / "loss.csv").set_index("step")["loss"].to_dict()


def test_every_step_is_logged_with_the_options(root, tmp_path, recorders):
    train(root, tmp_path / "mine", "wandb", log_project="kitchens")
    (made,) = recorders
    assert {step: each["loss"] for step, each in made.values.items()} == losses(tmp_path / "mine")
    rates = [each["learning_rate"] for each in made.values.values()]
    assert rates == pytest.approx([2e-3 * step / 100 for step in range(1, 7)])  # the warm-up
    assert all(each["seconds_per_step"] > 0 for each in made.values.values())
    assert made.project == "kitchens"
    assert made.settings["name"].startswith("mine-")
    assert (made.settings["dir"], made.settings["resume"]) == (str(tmp_path / "logs"), "allow")
    assert (made.config["batch_size"], made.config["autoencoder"]) == (4, "None")
    assert made.ended


def test_a_resumed_training_continues_its_run_and_a_new_one_does_not(
    root, tmp_path, recorders, monkeypatch
):
    step = TrainingLoop._step

    def killed(self, number):
        if number == 5:
            raise KeyboardInterrupt
        return step(self, number)

    monkeypatch.setattr(TrainingLoop, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        train(root, tmp_path / "mine", "wandb", options={"checkpoint_every": 3})
    monkeypatch.setattr(TrainingLoop, "_step", step)
    train(root, tmp_path / "mine", "wandb", options={"checkpoint_every": 3})
    train(root, tmp_path / "mine", "wandb", overwrite=True)
    first, second, third = recorders
    assert (list(first.values), list(second.values)) == ([1, 2, 3, 4, 5], [4, 5, 6])
    assert first.ended
    assert {s: v["loss"] for s, v in (first.values | second.values).items()} == losses(
        tmp_path / "mine"
    )
    assert first.settings["id"] == second.settings["id"] != third.settings["id"]
    assert list(third.values) == [1, 2, 3, 4, 5, 6]


def test_a_tracker_that_fails_does_not_end_the_training(
    root, tmp_path, recorders, monkeypatch, capsys
):
    monkeypatch.setattr(Recorder, "fails_at", 3)
    train(root, tmp_path / "mine", "wandb")
    (made,) = recorders
    assert list(made.values) == [1, 2]
    assert len(losses(tmp_path / "mine")) == 6
    err = capsys.readouterr().err
    assert err.count("note: wandb failed (The disk is full): the training continues") == 1


def test_a_tracker_that_cannot_start_is_one_sentence(root, tmp_path, recorders, monkeypatch):
    monkeypatch.setattr(Recorder, "fails_to_start", True)
    with pytest.raises(BenchError, match=r"api_key not configured \(no-tty\)\); for wandb, run"):
        train(root, tmp_path / "mine", "wandb")


def test_a_missing_package_and_an_unknown_tracker_are_one_sentence(root, tmp_path, monkeypatch):
    monkeypatch.setattr(tracker_log, "find_spec", lambda name: None)
    with pytest.raises(BenchError, match=r"run pip install 'egoactgen-bench\[trackio\]'\.$"):
        train(root, tmp_path / "mine", "trackio")
    with pytest.raises(BenchError, match=r"unknown tracker 'tensorbord'\. Did you mean 'tensorb"):
        train(root, tmp_path / "mine", "tensorbord")
    assert not (tmp_path / "mine").exists()


def test_only_the_main_process_logs(tmp_path, recorders):
    other = types.SimpleNamespace(is_main_process=False)
    log = tracker_log.open_log(["wandb", "trackio"], "mine", tmp_path / "logs")
    with open_trackers(other, log, "run", {}, 0) as opened:
        opened.add({"loss": 1.0}, 1)
    assert opened.trackers == recorders == []
    assert not (tmp_path / "logs").exists()


def test_trackio_keeps_its_files_in_the_workspace(tmp_path, recorders, monkeypatch):
    monkeypatch.delenv("TRACKIO_DIR", raising=False)
    tracker_log.open_log(["trackio"], "mine", tmp_path / "logs")
    assert tracker_log.os.environ["TRACKIO_DIR"] == str(tmp_path / "logs" / "trackio")


def test_nothing_is_logged_without_being_asked(root, tmp_path, recorders):
    train(root, tmp_path / "mine")
    assert recorders == []
    assert not (tmp_path / "logs").exists()
    assert "log" not in json.loads((tmp_path / "mine" / "train.json").read_text())


def test_tensorboard_reads_what_is_logged(root, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(root, tmp_path / "mine", "tensorboard")
    (folder,) = (tmp_path / "logs" / "tensorboard").glob("mine-*")
    events = EventAccumulator(str(folder)).Reload()
    found = {each.step: each.value for each in events.Scalars("loss")}
    assert found == pytest.approx(losses(tmp_path / "mine"), rel=1e-6)
    assert {"learning_rate", "seconds_per_step"} <= set(events.Tags()["scalars"])
    assert "wandb" not in sys.modules
