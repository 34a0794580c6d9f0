"""`bench lego tune` in several processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from egoactgen_lego.vllm import tuning_loop
from loopback_cluster import PAGE, submit
from small_tuning import SMALL, TOWER, weights_of

PROGRAM = "from egoactgen_bench.cli import main; main()"


def launched(place, name, weights, data, split, program=PROGRAM, **options):
    """A tuning in two processes: its folder and its manifest."""
    pairs = [part for key, value in (SMALL | options).items() for part in ("-o", f"{key}={value}")]
    command = (
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("--no-python", sys.executable, "-c", program),
        *("lego", "tune", "--weights", weights, "--data", data, "--images", split),
        *("--name", name, "--device", "cpu", "-w", place, *pairs),
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Tuned on 6 instructions") == 1  # only rank 0 reports
    folder = place / "models" / f"vllm-{name}"
    manifest = json.loads((folder / "train.json").read_text())
    assert manifest["device"].startswith("2 ×")
    return folder, manifest


def test_two_processes_train_like_one(
    tuned, vllm_weights, instructions_file, drawn_split, tmp_path
):
    _, alone = tuned("alone", epochs=6)
    both, manifest = launched(
        tmp_path, "both", vllm_weights, instructions_file, drawn_split, epochs=6
    )
    for (_, one), (_, two) in zip(alone.loss, manifest["loss"], strict=True):
        assert one == pytest.approx(two, abs=1e-4)
    found = weights_of(both)
    for name, tensor in weights_of(tmp_path / "alone").items():
        assert (tensor - found[name]).abs().max() < 1e-4, name


# accelerate shards on accelerators only: here two gloo processes on CPUs stand in for two GPUs.
# Each writes its own file, since lines on one pipe can mix.
SHARDED = """
import os
from pathlib import Path

import torch.distributed
from accelerate import state
from accelerate.utils import DistributedType
from egoactgen_bench.cli import main

torch.distributed.init_process_group("gloo")
state.PartialState._prepare_backend = lambda *_: ("gloo", DistributedType.MULTI_GPU)
try:
    main()
finally:
    shared = state.AcceleratorState()
    place = Path(os.environ["KINDS"]) / f"kind-{shared.process_index}"
    place.write_text(shared.distributed_type.value)
"""


def settings(name):
    """The environment variables that `accelerate launch` sets for one of our configurations."""
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils import launch

    path = Path(tuning_loop.__file__).parents[1] / "configs" / f"{name}.yaml"
    words = ("--config_file", str(path), "--num_processes", "2", "--no_python", "bench")
    chosen, config, _ = _validate_launch_command(launch_command_parser().parse_args(words))
    if not chosen.use_deepspeed:
        return launch.prepare_multi_gpu_env(chosen)
    chosen.deepspeed_fields_from_accelerate_config = ",".join(config.deepspeed_config)
    return launch.prepare_deepspeed_cmd_env(chosen)[1]


@pytest.fixture
def sharded(tmp_path, monkeypatch):
    """The environment in which `SHARDED` shards on CPUs."""
    for key, value in settings("fsdp").items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("ACCELERATE_TORCH_DEVICE", "cpu")
    monkeypatch.setenv("KINDS", str(tmp_path))


def test_two_processes_share_one_model_by_fsdp(
    tuned, vllm_weights, instructions_file, drawn_split, tmp_path, sharded
):
    options = {"precision": "bfloat16", "epochs": 3}
    _, alone = tuned("alone", **options)
    both, manifest = launched(
        tmp_path, "both", vllm_weights, instructions_file, drawn_split, SHARDED, **options
    )
    assert [(tmp_path / f"kind-{rank}").read_text() for rank in (0, 1)] == ["FSDP", "FSDP"]
    for (_, one), (_, two) in zip(alone.loss, manifest["loss"], strict=True):
        assert one == pytest.approx(two, abs=2e-3)
    before, after = weights_of(vllm_weights), weights_of(both)
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        rounded = tensor.to(torch.bfloat16)
        assert torch.equal(rounded, after[name]) == name.startswith(TOWER), name


@pytest.mark.slow
def test_two_nodes_share_one_model_by_the_script_of_the_docs(
    vllm_weights, instructions_file, drawn_split, tmp_path, sharded, monkeypatch
):
    options = {"precision": "bfloat16", "epochs": 3}
    inputs = (vllm_weights, instructions_file, drawn_split)
    _, alone = launched(tmp_path, "node", *inputs, SHARDED, **options)
    pairs = [part for key, value in (SMALL | options).items() for part in ("-o", f"{key}={value}")]
    weights, data, images = inputs
    words = ("--weights", weights, "--data", data, "--images", images, "--name", "nodes")
    program = (sys.executable, "-c", SHARDED, "lego", "tune", *words, "--device", "cpu")
    monkeypatch.chdir(PAGE.parents[1])  # the script names the configuration from here
    job = submit(tmp_path, "sharded.sbatch", *program, "-w", tmp_path, *pairs)
    out, err = job.communicate(timeout=600)
    assert job.returncode == 0, err[-3000:]
    assert out.count("Tuned on 6 instructions") == 1
    assert [(tmp_path / f"kind-{rank}").read_text() for rank in (0, 1)] == ["FSDP", "FSDP"]
    both = json.loads((tmp_path / "models" / "vllm-nodes" / "train.json").read_text())
    assert both["weights"] == alone["weights"]  # sha256


DYING = """
import os
from egoactgen_lego.vllm.tuning_loop import Tuning

step = Tuning._step
Tuning._step = lambda self, number: os._exit(3) if number == 7 else step(self, number)
"""


@pytest.mark.slow
def test_a_sharded_tuning_resumes_to_the_same_weights(
    vllm_weights, instructions_file, drawn_split, tmp_path, sharded
):
    options = {"precision": "bfloat16", "epochs": 8}
    inputs = (vllm_weights, instructions_file, drawn_split)
    _, whole = launched(tmp_path, "whole", *inputs, SHARDED, **options)
    with pytest.raises(AssertionError):
        launched(tmp_path, "killed", *inputs, DYING + SHARDED, **options)
    assert list((tmp_path / "models" / "vllm-killed.parts").glob("checkpoint-00000005/state.json"))
    _, resumed = launched(tmp_path, "killed", *inputs, SHARDED, **options)
    assert resumed["loss"] == whole["loss"]
    assert resumed["weights"] == whole["weights"]  # sha256


def test_accelerate_reads_the_configurations():
    fsdp, zero3 = settings("fsdp"), settings("zero3")
    assert (fsdp["ACCELERATE_USE_FSDP"], fsdp["FSDP_VERSION"]) == ("true", "2")
    assert fsdp["FSDP_TRANSFORMER_CLS_TO_WRAP"] == "LlamaDecoderLayer"
    assert zero3["ACCELERATE_USE_DEEPSPEED"] == "true"
    assert zero3["ACCELERATE_DEEPSPEED_ZERO_STAGE"] == "3"
    assert fsdp["ACCELERATE_MIXED_PRECISION"] == zero3["ACCELERATE_MIXED_PRECISION"] == "bf16"
