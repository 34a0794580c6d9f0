"""The measurements for a GPU, on the CPU with tiny networks."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import generation, released_generation
from benchmarks.gpu import __main__ as command
from benchmarks.gpu import drawn_vllm, generation_speed, networks, part_processes, rows
from benchmarks.gpu.setting import Setting
from egoactgen_lego.generator.lego_method import LEGOOptions

ROOT = Path(__file__).parents[2]
LABELS = {"device": "a GPU", "versions": "torch 2"}


def here(arguments, limit):
    """Measures a part in this process, without the imports of a new one."""
    command.main(arguments[arguments.index("--one") :])
    return part_processes.Ended(1.0, "")


def test_every_part_measures(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(part_processes, "run", here)
    arguments = ["--toy", "--device", "cpu", "--out", str(tmp_path / "gpu.csv")]
    assert command.main([*arguments, "--folder", str(tmp_path)]) == 0
    table = pd.read_csv(tmp_path / "gpu.csv")
    assert table.columns.tolist() == rows.COLUMNS
    assert set(table["what"]) == set(command.PARTS)
    assert (table["value"] >= 0).all()
    assert table["device"].str.endswith("toy networks").all()
    values = table.set_index(["what", "variant"])["value"]
    assert values["generation", "one-image loop"] > 0
    assert values["compilation", "batch 2, ours, compiled"] > 0
    assert values["agreement", "lpips, random weights"] == 0  # both are computed on the CPU
    assert command.main(arguments) == 0
    assert capsys.readouterr().out.count("finished before") == len(command.PARTS)


def test_the_loop_over_single_images_gives_the_images_of_the_method(tmp_path):
    setting = Setting("cpu", True, tmp_path)
    method = generation_speed.Drawn(setting, LEGOOptions(steps=4))
    asked = generation.requests(2, method.model.size)
    condition = generation_speed.condition_of(method)
    looped = released_generation.generate(networks.build(setting), asked, condition, steps=4)
    for one, other in zip(looped, method.generate(asked), strict=True):
        differences = [abs(a - b) for a, b in zip(one.tobytes(), other.tobytes(), strict=True)]
        assert max(differences) <= 1
        assert len(set(one.tobytes())) > 10


def test_a_vllm_made_on_the_device_has_the_tables_of_one_that_is_loaded(tmp_path):
    import torch
    from transformers import LlavaForConditionalGeneration

    toy = drawn_vllm.build(tmp_path, "cpu", torch.float32, layers=None).model
    made = drawn_vllm.drawn(toy.config, "cpu", torch.float32)
    found, wanted = (dict(each.named_buffers()) for each in (made, toy))
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert isinstance(made, LlavaForConditionalGeneration)
    assert all(0 < p.abs().mean() < 2 for p in made.parameters())


def test_a_part_is_stopped_with_the_processes_that_it_started(tmp_path):
    alive = tmp_path / "alive"
    child = f"import time, pathlib; time.sleep(3); pathlib.Path({str(alive)!r}).touch()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    ended = part_processes.run([sys.executable, "-c", parent], limit=0.5)
    assert "stopped after" in ended.problem
    assert ended.seconds < 3
    assert part_processes.run([sys.executable, "-c", "raise SystemExit(3)"], 60).problem
    assert not alive.exists()


def test_rows_of_an_unfinished_part_are_kept_and_replaced(tmp_path):
    found = tmp_path / "rows.jsonl"
    rows.append(found, rows.Row("batch 1", 2.0, "images/s", 1.0).as_dict("generation", LABELS))
    with found.open("a") as file:
        file.write('{"what": "gener')  # the process was stopped while it wrote
    table = rows.with_part(rows.read_table(None), "generation", LABELS, [*rows.collected(found)])
    assert table["ratio"].tolist() == [2.0]
    assert not rows.is_finished(table, "generation", LABELS)
    done = rows.Row(rows.FINISHED, 9.0, "s").as_dict("generation", LABELS)
    elsewhere = {**LABELS, "device": "another GPU"}
    table = rows.with_part(table, "generation", elsewhere, [done | elsewhere])
    table = rows.with_part(table, "generation", LABELS, [done])
    assert len(table) == 2
    assert rows.is_finished(table, "generation", LABELS)


@pytest.mark.parametrize("arguments", [["--help"], ["--device", "cpu"]])
def test_the_script_calls_the_package(arguments):
    script = ROOT / "benchmarks" / "gpu.sh"
    done = subprocess.run(
        [script, *arguments], env={"PYTHON": sys.executable}, capture_output=True, text=True
    )
    assert done.returncode == (0 if "--help" in arguments else 2)
    assert "--toy" in done.stdout + done.stderr
