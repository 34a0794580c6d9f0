"""`bench lego tune`: independence of kills and accumulation; frozen weights; errors."""

import json
import shutil

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from egoactgen_bench.diffusion.finetuning import training_checkpoints
from egoactgen_bench.errors import BenchError
from egoactgen_bench.weights.conversion import convert
from egoactgen_lego.stages.tune import tune
from egoactgen_lego.toy.untrained_llava import write_untrained
from egoactgen_lego.vllm.instructions import read_instructions
from egoactgen_lego.vllm.prompting import QUESTION, QUESTIONS
from egoactgen_lego.vllm.tuning_loop import Tuning
from egoactgen_lego.vllm.vllm_model import load
from small_tuning import HEAD, LANGUAGE, PROJECTOR, SMALL, TOWER, weights_of
from vllm_loss import batch_and_loss


def test_one_of_ten_questions_is_drawn_at_each_step(instructions_file, drawn_split):
    one, other = read_instructions(instructions_file, drawn_split)[:2]
    drawn = [one.drawn_question(0, step) for step in range(200)]
    assert set(drawn) == {question.format("open drawer") for question in QUESTIONS}
    assert len(QUESTIONS) == 10
    assert QUESTION.format("open drawer") in drawn
    assert drawn == [one.drawn_question(0, step) for step in range(200)]
    assert drawn != [one.drawn_question(1, step) for step in range(200)]
    places = [drawn.index(QUESTION.format("open drawer"))]
    assert places != [
        [other.drawn_question(0, step) for step in range(200)].index(QUESTION.format("take mug"))
    ]


def test_from_the_command_line_to_descriptions(bench, instructions_file, vllm_weights):
    options = [part for key, value in SMALL.items() for part in ("-o", f"{key}={value}")]
    log = ("--log-to", "tensorboard")
    result = bench("lego", "tune", "--weights", vllm_weights, *options, "--device", "cpu", *log)
    assert result.status == 0, result.err
    (logged,) = (instructions_file.parents[4] / "logs" / "tensorboard").glob("vllm-drawn-val-*")
    events = EventAccumulator(str(logged)).Reload()
    assert [each.step for each in events.Scalars("loss")] == list(range(1, 19))
    rates = [each.value for each in events.Scalars("learning_rate")]
    assert rates[0] == 0 < rates[-1] < rates[1] == max(rates)  # a step of warm-up, then a cosine
    assert "Tuned on 6 instructions in 18 steps" in result.out
    folder = instructions_file.parents[4] / "models" / "vllm-drawn-val"
    assert str(folder) in result.out
    manifest = json.loads((folder / "train.json").read_text())
    losses = [loss for _, loss in manifest["loss"]]
    assert [step for step, _ in manifest["loss"]] == list(range(1, 19))
    assert losses[-1] < losses[0] / 1.5
    assert manifest["options"]["resolved"]["templates"] == "drawn"
    assert manifest["options"]["passed"] == {key: str(value) for key, value in SMALL.items()}
    assert manifest["split"] == "drawn-val"
    split = json.loads((instructions_file.parents[2] / "split.json").read_text())
    assert manifest["dataset"] == split["dataset"]  # toy VLLMs are recognised by it
    before, after = weights_of(vllm_weights), weights_of(folder)
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name]) == name.startswith(TOWER), name
    assert not list(folder.parent.glob("*.parts"))

    again = bench("lego", "tune", "--weights", vllm_weights, *options, "--device", "cpu")
    assert (again.status, again.out) == (0, result.out)
    other = bench(
        "lego", "tune", "--weights", vllm_weights, "--seed", "1", "--device", "cpu", *options
    )
    assert other.status == 2
    assert "contains a finished tuning with other settings (seed 0 → 1): choose another --name" in (
        other.err
    )
    described = bench(
        *("lego", "enrich", "--weights", "vllm-drawn-val", "--max-new-tokens", "8"),
        *("--device", "cpu"),
    )
    assert described.status == 0, described.err


@pytest.mark.parametrize("are_a_split", [True, False])
def test_the_data_set_is_that_of_the_images(
    bench, instructions_file, vllm_weights, drawn_split, tmp_path, are_a_split
):
    """The workspace's split only gives the name if data and images are elsewhere."""
    images = tmp_path / "images"
    shutil.copytree(drawn_split, images)
    if not are_a_split:
        (images / "split.json").unlink()
    options = [part for key, value in SMALL.items() for part in ("-o", f"{key}={value}")]
    named = ("--weights", vllm_weights, "--images", images, "--device", "cpu")
    data = images / "instructions" / "curated" / "instructions.json"
    result = bench("lego", "tune", "--data", data, *named, *options)
    assert result.status == 0, result.err
    folder = drawn_split.parents[1] / "models" / "vllm-drawn-val"
    manifest = json.loads((folder / "train.json").read_text())
    split = json.loads((drawn_split / "split.json").read_text())
    assert manifest["dataset"] == (split["dataset"] if are_a_split else None)
    assert "split" not in manifest


class Killed(BaseException):
    pass


def test_a_killed_and_resumed_tuning_equals_an_uninterrupted_one(tuned, monkeypatch):
    whole, manifest = tuned("whole")
    step = Tuning._step

    def die(self, number):
        if number == 12:
            raise Killed
        return step(self, number)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Tuning, "_step", die)
        tuned("killed")
    out = whole.with_name("killed")
    parts = out.with_name("killed.parts")
    assert not out.exists()
    assert [path.name for path in parts.glob("checkpoint-*")] == ["checkpoint-00000010"]
    # The next checkpoint is incomplete: without its state it is ignored.
    (parts / "checkpoint-00000015").mkdir()
    changed = r"options\.resolved\.learning_rate 0\.03 → 0\.001"
    refusal = rf"an unfinished tuning with other settings \({changed}\)"
    with pytest.raises(BenchError, match=refusal):
        tuned("killed", learning_rate=1e-3)
    steps = []
    monkeypatch.setattr(
        Tuning, "_step", lambda self, number: (steps.append(number), step(self, number))[1]
    )
    _, resumed = tuned("killed")
    assert steps == list(range(10, 18))
    assert resumed.loss == manifest.loss
    assert resumed.weights == manifest.weights  # sha256
    assert not parts.exists()


def test_a_checkpoint_is_kept_until_the_next_is_complete(tuned, tmp_path, monkeypatch):
    write = training_checkpoints.write_json

    def fail(path, value):
        if path.parent.name == "checkpoint-00000010":
            raise Killed
        write(path, value)

    monkeypatch.setattr(training_checkpoints, "write_json", fail)
    with pytest.raises(Killed):
        tuned()
    whole = tmp_path / "tuned.parts" / "checkpoint-00000005"
    assert len(json.loads((whole / training_checkpoints.STATE).read_text())["curve"]) == 5
    # Frozen weights are not in checkpoints.
    assert not any(TOWER in name for name in weights_of(whole))


def test_gradient_accumulation_does_not_change_the_weights(tuned):
    _, together = tuned("together")
    _, apart = tuned("apart", micro_batch=1)
    losses = [[loss for _, loss in manifest.loss] for manifest in (together, apart)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def test_lora_trains_adapters_and_saves_them_merged(
    tuned, vllm_weights, instructions_file, drawn_split
):
    pytest.importorskip("peft")
    out, manifest = tuned("lora", lora_rank=4, lora_alpha=16)
    losses = [loss for _, loss in manifest.loss]
    assert losses[-1] < losses[0] - 0.2
    before, after = weights_of(vllm_weights), weights_of(out)
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        linear = name.startswith(LANGUAGE) and "proj" in name
        trained = linear or name.startswith(PROJECTOR)
        assert torch.equal(tensor, after[name]) == (not trained), name
        if linear:
            change = (after[name] - tensor).double()
            assert torch.linalg.matrix_rank(change, rtol=1e-4) <= 4
    # The loss of the merged folder is as low as that of the adapters.
    vllm = load(out, "cpu", torch.float32)
    _, loss = batch_and_loss(vllm, read_instructions(instructions_file, drawn_split))
    assert loss < losses[0] - 0.2


def test_a_converted_projector_remains_a_single_layer(tuned, shared, tmp_path):
    folder = convert(shared / "golden" / "vllm" / "tiny_vllm", tmp_path / "converted")
    out, _ = tuned("tuned", weights=folder, epochs=2)
    before, after = weights_of(folder), weights_of(out)
    changed = {name for name in before if not torch.equal(before[name].float(), after[name])}
    assert {n for n in changed if n.startswith(PROJECTOR)} == {
        f"{PROJECTOR}linear_1.{part}" for part in ("weight", "bias")
    }
    # The image's token is not in the vocabulary: its embedding and its logit are not trained.
    assert not after[HEAD][-1].any()
    assert load(out, "cpu", torch.float32).words == 512


def test_a_tuning_that_does_not_fit_the_memory_is_refused_before_anything_is_written(tuned):
    sentence = (
        r"needs about 1\.5 GB \(calculated\) with 1 samples at a time, but -o memory allows 1"
    )
    with pytest.raises(BenchError, match=sentence):
        tuned("small", memory=1, epochs=1)
    out, manifest = tuned("enough", memory=2, epochs=1)
    assert not list(out.parent.glob("small*"))
    assert manifest.options.passed["memory"] == 2


def test_bfloat16_with_checkpointed_gradients(tuned):
    out, manifest = tuned("half", precision="bfloat16", epochs=3)
    assert {tensor.dtype for tensor in weights_of(out).values()} == {torch.bfloat16}
    assert all(np.isfinite(loss) for _, loss in manifest.loss)


ENTRY = {
    "id": "a",
    "image": "frames/V00_0/input.png",
    "conversations": [
        {"from": "human", "value": "<image>\nHow?"},
        {"from": "gpt", "value": "So."},
    ],
}


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ({}, "is not a JSON list"),
        ([{"id": "a"}], r"entry 0 is not an instruction \(missing 'conversations'\)"),
        (["a"], "entry 0 is not an instruction"),
        (
            [ENTRY | {"conversations": ENTRY["conversations"][::-1]}],
            "one turn of human, one of gpt",
        ),
        (
            [
                ENTRY
                | {
                    "conversations": [
                        {"from": "human", "value": "How?"},
                        {"from": "gpt", "value": "So."},
                    ]
                }
            ],
            "expected one <image>, in the question",
        ),
        ([ENTRY | {"image": "frames/gone.png"}], "1 of 1 images .* are missing.*--images DIR"),
        ([ENTRY], "lack the 'action' that the templates need.*-o templates=stored"),
    ],
)
def test_invalid_data_are_refused(vllm_weights, drawn_split, tmp_path, entries, named):
    path = tmp_path / "data.json"
    path.write_text(json.dumps(entries))
    with pytest.raises(BenchError, match=named):
        tune(vllm_weights, path, drawn_split, tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()


def test_data_with_words_that_the_tokenizer_does_not_know_are_refused(drawn_split, tmp_path):
    known = ["lift mug", "The hand lifts the mug.", *QUESTIONS]
    write_untrained(tmp_path / "vllm", known, seed=0)
    data = tmp_path / "data.json"
    answer = {"from": "gpt", "value": "The hand lifts the far mug."}
    entries = [
        ENTRY | {"action": "lift mug", "conversations": [ENTRY["conversations"][0], each]}
        for each in (answer, answer | {"value": "The hand lifts the mug."})
    ]
    data.write_text(json.dumps(entries))
    named = r"data.json: 1 of 2 instructions have words .* tokenizer does not know, such as 'far'"
    with pytest.raises(BenchError, match=named):
        tune(tmp_path / "vllm", data, drawn_split, tmp_path / "out", device="cpu")
    data.write_text(json.dumps([entries[1] | {"action": "seize mug"}]))
    with pytest.raises(BenchError, match="such as 'seize'"):
        tune(tmp_path / "vllm", data, drawn_split, tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"epoch": 1}, "tune has no option 'epoch'. Did you mean 'epochs'?"),
        ({"templates": "ten"}, "option templates=ten"),
        ({"learning_rate": 1e30}, "NaN or infinite: try a smaller -o learning_rate"),
        ({"max_length": 2}, "raise -o max_length"),
    ],
)
def test_invalid_options_are_refused(tuned, options, named):
    with pytest.raises(BenchError, match=named):
        tuned(**options)
