"""`bench lego ablate`: training, runs, scores and tables of each row; resuming; errors."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from drawn_split import write_drawn_split
from egoactgen_bench.analysis.training_seeds import seeds_needed
from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_bench.diffusion.finetuning.training_loop import TrainingLoop
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.train import train_weights
from egoactgen_bench.support.files import write_csv
from egoactgen_lego.ablation import control_files
from egoactgen_lego.ablation.ablation_rows import ROWS, TABLES, TRAININGS
from egoactgen_lego.features.conditioning_names import kinds_of
from egoactgen_lego.features.feature_folder import FeatureFolder
from tiny_vllm import write_tiny_vllm

VLLM = 12
SMALL = [
    *(
        "-o",
        f"train.init={untrained_weights.NAME}",
        "-o",
        f"train.sd.init={untrained_weights.TEXT_TO_IMAGE}",
    ),
    *("-o", "train.size=16", "-o", "train.batch_size=2", "-o", "train.iterations=1"),
    *("-o", "train.sdedit.metric=psnr", "-o", "train.sdedit.strengths=0.5"),
    *("-o", "train.sdedit.steps=2", "-o", "train.sdedit.samples=2"),
    *("-o", "run.steps=2", "--metrics", "psnr", "--device", "cpu"),
]
SETS = ["--descriptions", "own", "--untuned", "off", "--oracle", "true"]


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """The untrained weights, created once."""
    models = tmp_path_factory.mktemp("models")
    for name in untrained_weights.NAMES:
        untrained_weights.folder(models, name)
    return models


@pytest.fixture
def root(tmp_path, networks):
    """The workspace of `bench`, with two splits, three sets of descriptions, two of features."""
    root = tmp_path / "workspace"
    shutil.copytree(networks, root / "models")
    for name, count, subset in (("drawn-train", 3, "train"), ("drawn-val", 4, "val")):
        split = write_drawn_split(root / "splits" / name, count, (32, 32), subset)
        ids = load_split(split).samples["sample_id"]
        (split / "descriptions").mkdir()
        for number, written in enumerate(("own", "off", "true")):
            texts = pd.DataFrame({"sample_id": ids, "description": [f"{written} {n}" for n in ids]})
            texts.to_csv(split / "descriptions" / f"{written}.csv", index=False)
            if written != "true":
                write_features(root / "features" / written / name, list(ids), number)
        write_features(root / "features" / "own-by-untuned" / name, list(ids), 3)
    return root


def write_features(folder, ids, number):
    for kind, tokens in (("image", 5), ("text", 3)):
        (folder / kind).mkdir(parents=True)
        for place, sample_id in enumerate(ids):
            drawn = np.random.default_rng([number, tokens, place])
            rows = tokens if kind == "image" else tokens + place
            states = drawn.normal(2, 3, (rows, VLLM)).astype(np.float16)
            np.save(folder / kind / f"{sample_id}.npy", states)


def ablate(bench, *words):
    return bench("lego", "ablate", *SETS, *SMALL, *words)


def test_all_tables_contain_trained_run_and_scored_rows(bench, root):
    result = ablate(bench, "--tables", ",".join(TABLES))
    assert result.status == 0, result.err
    folder = root / "ablations" / "drawn-val" / "ablation"
    assert f"Tables in {folder}" in result.out
    summary = pd.read_csv(folder / "scores" / "summary.csv", index_col="run")["psnr"]
    assert len(summary) == len(ROWS)
    for name, about in TABLES.items():
        comparisons = pd.read_csv(folder / name / "comparisons.csv")
        assert comparisons["p_value"].isna().all()  # one training per row
        table = pd.read_csv(folder / name / "table.csv")
        assert table["run"].tolist() == list(about.rows)
        pooled = pd.read_csv(folder / name / "summary.csv", index_col="run")
        for label, row in about.rows.items():
            run = f"ablation-{row}-s0" if ROWS[row].method else row
            assert pooled.loc[label, "psnr"] == pytest.approx(summary[run])
        assert about.title in (folder / name / "table.md").read_text()
        assert "\\toprule" in (folder / name / "table.tex").read_text()
    manifest = json.loads((folder / "ablation.json").read_text())
    assert len(manifest["weights"]) == len(TRAININGS)
    inputs = {row: inputs_of(root, row) for row in ROWS if ROWS[row].method}
    assert inputs["ip2p"] == (None, None)
    assert inputs["text"] == inputs["joint"] == ("own", "features/own/drawn-val")
    assert inputs["descriptions"] == ("own", None)
    assert inputs["untuned"] == ("off", "features/off/drawn-val")
    assert inputs["untuned-embeddings"] == ("own", "features/own-by-untuned/drawn-val")
    assert inputs["oracle"] == ("true", None)
    assert inputs["shuffled"] == ("own-shuffled", None)
    assert inputs["random"] == ("own", "features/own-random/drawn-val")


def inputs_of(root, row):
    """The descriptions and the features of a row's run."""
    manifest = json.loads((root / f"runs/drawn-val/ablation-{row}-s0/run.json").read_text())
    features = manifest["options"]["resolved"].get("features")
    return manifest["descriptions"], features and features.removeprefix(f"{root}/")


def test_a_killed_call_resumes_and_seeds_are_pooled(bench, root, monkeypatch):
    words = ["--seeds", "0,3", "--rows", "ip2p,descriptions"]
    trained = []
    fit = TrainingLoop.run

    def killed(self):
        if len(trained) == 3:
            raise KeyboardInterrupt
        trained.append(self.context.folder.name)
        return fit(self)

    with monkeypatch.context() as patched:
        patched.setattr(TrainingLoop, "run", killed)
        assert ablate(bench, *words).status == 130
    folder = root / "ablations" / "drawn-val" / "ablation"
    assert not folder.exists()
    plan = ablate(bench, *words, "--dry-run").out
    assert plan.count("\ndone: ") == 5
    assert "to do: train ablation-descriptions-drawn-train-s3" in plan
    assert ablate(bench, *words).status == 0
    stamps = {path: path.stat().st_mtime_ns for path in root.glob("*/*/*/*.png")}
    first = (folder / "conditioning" / "table.md").read_bytes()
    again = ablate(bench, *words)
    assert again.status == 0
    assert stamps == {path: path.stat().st_mtime_ns for path in root.glob("*/*/*/*.png")}
    assert (folder / "conditioning" / "table.md").read_bytes() == first
    assert "training seeds 0, 3" in again.out
    check_pooled(folder)


def check_pooled(folder):
    """Means, deviations and tests are those over the seeds' values."""
    runs = pd.read_csv(folder / "scores" / "summary.csv", index_col="run")["psnr"]
    values = pd.read_csv(folder / "scores" / "scores.csv")
    values = values.pivot(index="sample_id", columns="run", values="value")
    pooled = pd.read_csv(folder / "conditioning" / "summary.csv", index_col="run")
    means, totals = [], []
    for label, row in (("action labels", "ip2p"), ("descriptions", "descriptions")):
        names = [f"ablation-{row}-s{seed}" for seed in (0, 3)]
        assert pooled.loc[label, "psnr"] == pytest.approx(runs[names].mean())
        assert pooled.loc[label, "psnr_sd"] == pytest.approx(runs[names].std())
        means.append(values[names].mean(axis=1))
        totals.append(runs[names].to_numpy())
    (compared,) = pd.read_csv(folder / "conditioning" / "comparisons.csv").to_dict("records")
    assert compared["difference"] == pytest.approx((means[0] - means[1]).mean())
    leads = totals[0] - totals[1]
    assert compared["p_trainings"] == pytest.approx(stats.ttest_1samp(leads, 0).pvalue)
    (needed,) = pd.read_csv(folder / "conditioning" / "seeds.csv").to_dict("records")
    assert needed["sd"] == pytest.approx(leads.std(ddof=1))
    assert needed["seeds"] == seeds_needed(leads.mean(), leads.std(ddof=1))
    assert "Seeds that a claim needs" in (folder / "conditioning" / "table.md").read_text()


def hours(printed):
    """Of one A100, by training; `in all` has their sum."""
    found = {}
    for line in printed.splitlines():
        if line.startswith(("Training ", "These ")):
            name = line.split()[1].strip(",") if line.startswith("Training ") else "in all"
        if estimated := re.search(r"rates: ([\d,.]+) on 1 × A100", line):
            found[name] = float(estimated[1].replace(",", ""))
    return found


def test_a_dry_run_states_what_unfinished_trainings_take(bench, root):
    done = root / "models" / "ablation-joint-drawn-train-s0" / "train.json"
    done.parent.mkdir()
    done.write_text("{}", encoding="utf-8")
    words = ["--tables", "methods,controls", "--rows", "sdedit,ip2p,joint,random"]
    long = "iterations=10000000000"
    small = [word.replace("iterations=1", long) for word in SMALL]
    words += ["--seeds", "0,1", "--dry-run"]
    result = bench("lego", "ablate", *SETS, *small, *words)
    assert result.status == 0, result.err
    found = hours(result.out)
    assert found.keys() == {"ip2p", "sd", "joint", "random", "in all"}
    assert found["joint"] == found["random"]
    total = 2 * (found["ip2p"] + found["sd"] + found["random"]) + found["joint"]
    assert found["in all"] == pytest.approx(total, abs=0.5)
    assert "Training joint, to do for 1 of 2 seeds:" in result.out
    assert "These 7 trainings in all, without runs and scores: Hours, estimated" in result.out
    assert "seeds:\n  the costs of this trainer are not known in advance.\n" in result.out
    assert not (root / "features" / "own-random").exists()
    same = ("-o", f"init={untrained_weights.NAME}", "-o", "size=16", "-o", "batch_size=2")
    words = ("--split", "drawn-train", "--device", "cpu", "-o", long, *same)
    alone = bench("train", "ip2p", *words, "--dry-run").out
    for line in alone.splitlines()[-4:-1]:
        assert f"\n  {line}\n" in result.out
    total = re.search(r"total +([\d.]+ GB)", alone)[1]
    assert f"  Memory of each device, calculated, not measured: {total} (float32)\n" in result.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--tables", "condition"], "Unknown table 'condition'. Did you mean"),
        (["--rows", "joined"], "Unknown row 'joined'. Did you mean 'joint'?"),
        (["--tables", "methods", "--rows", "image"], "None of the tables contains one of the rows"),
        (["--seeds", "0,x"], "--seeds 0,x is not a list of numbers such as 0,1,2."),
        (["--seeds", "1,1"], "Give at least one seed, and no seed twice"),
        (["--descriptions", "none"], "has no descriptions 'none'"),
        (["--name", "a/b"], "is not a safe file name"),
        (["-o", "run.stepz=3"], "has no option 'stepz'. Did you mean 'steps'?"),
        (["-o", "train.lego.conditionin=3"], "lego has no option 'conditionin'"),
        (["-o", "train.flip=7"], "train ip2p: option flip=7"),
        (["-o", "train.lego.vllm=x"], "the rows of the ablation set 'vllm' themselves"),
        (["--vllm", "llava"], "Unknown VLLM 'llava'"),
        (["--dtype", "bflot16"], "Unknown dtype 'bflot16'. Did you mean 'bfloat16'?"),
        (["--protocol", "released"], "Unknown protocol 'released'"),
        (["-o", "steps=3"], "begin it with train. or run."),
        (["-o", "run.leg.steps=3"], "Unknown method 'leg'. Did you mean 'lego'?"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_invalid_calls_are_refused_in_one_sentence(bench, root, words, sentence):
    refused(ablate(bench, *words), sentence, root)


def refused(result, sentence, root):
    assert result.status == 2
    assert sentence in result.err
    assert result.err.count("\n") == 1
    assert not list(root.glob("models/ablation-*"))


def test_missing_inputs_are_reported_before_anything_is_trained(bench, root):
    shutil.rmtree(root / "features" / "own" / "drawn-val" / "image")
    sentence = "Row 'image' needs image features of split 'drawn-val', and "
    refused(ablate(bench), sentence, root)
    assert "`bench lego embed --split drawn-val --descriptions own --out " in ablate(bench).err
    result = bench("lego", "ablate", "--rows", "descriptions", *SMALL)
    refused(result, "Row 'descriptions' needs descriptions: name them with --descriptions", root)
    result = bench("lego", "ablate", "--tables", "tuning", "--rows", "untuned", *SMALL)
    refused(result, "Row 'untuned' needs descriptions: name them with --untuned NAME.", root)


def test_lego_conditioned_only_on_labels_is_instruct_pix2pix(root):
    """So both share a row of the table, as in the paper."""
    options = {"init": untrained_weights.NAME, "size": 16, "batch_size": 2, "iterations": 2}
    split, models = load_split(root / "splits" / "drawn-train"), root / "models"
    for name, more in (("ip2p", {}), ("lego", {"conditioning": "labels"})):
        choices = {"models": models, "cache": root / "cache", "options": options | more}
        train_weights.train(name, split, root / name, device="cpu", **choices)
    for path in (root / "ip2p").rglob("*.safetensors"):
        other = root / "lego" / path.relative_to(root / "ip2p")
        assert path.read_bytes() == other.read_bytes()


def test_features_can_be_computed_on_demand(bench, root):
    write_tiny_vllm(root / "models" / "tiny")
    shutil.rmtree(root / "features")
    words = ["--tables", "tuning", "--rows", "joint,untuned"]
    assert ablate(bench, *words, "--vllm", "tiny", "--untuned-vllm", "tiny").status == 0
    for row, descriptions in (("joint", "own"), ("untuned", "off")):
        for path in (
            "models/ablation-{}-drawn-train-s0/train",
            "runs/drawn-val/ablation-{}-s0/run",
        ):
            manifest = json.loads((root / f"{path.format(row)}.json").read_text())
            assert manifest["options"]["resolved"]["vllm"] == "tiny"
            assert manifest["descriptions"] == descriptions


@pytest.mark.slow
def test_two_processes_share_the_work(bench, root):
    words = ["lego", "ablate", "--rows", "ip2p", *SMALL]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    program = Path(sys.executable).with_name("bench")
    launched = subprocess.run(
        [*torchrun, "--no-python", program, *words, "-w", root], capture_output=True, text=True
    )
    assert launched.returncode == 0, launched.stderr
    assert launched.stdout.count("Tables in") == 1
    table = root / "ablations/drawn-val/ablation/conditioning/table.md"
    two = table.read_bytes()
    assert bench(*words).status == 0
    assert table.read_bytes() == two


def test_all_shuffled_descriptions_come_from_other_samples(root):
    split = load_split(root / "splits" / "drawn-val")
    name = control_files.shuffle_descriptions(split, "own", seed=5)
    real, made = (load_descriptions(split.folder, each).texts for each in ("own", name))
    assert sorted(real.values()) == sorted(made.values())
    assert all(real[sample_id] != made[sample_id] for sample_id in real)
    before = (split.folder / "descriptions" / "own-shuffled.csv").stat().st_mtime_ns
    control_files.shuffle_descriptions(split, "own", seed=5)
    assert (split.folder / "descriptions" / "own-shuffled.csv").stat().st_mtime_ns == before
    orders = [
        tuple(control_files.partners([f"s{n}" for n in range(9)], seed).items()) for seed in (0, 1)
    ]
    assert orders[0] != orders[1]


def test_random_features_have_the_statistics_of_the_real_ones(tmp_path):
    real = tmp_path / "real"
    for kind in ("image", "text"):
        (real / kind).mkdir(parents=True)
        for number in range(40):
            draw = np.random.default_rng([number, len(kind)])
            rows = 16 if kind == "image" else 5 + number
            states = draw.normal(np.arange(VLLM), 1 + np.arange(VLLM), (rows, VLLM))
            np.save(real / kind / f"s{number}.npy", states.astype(np.float32))
    made = control_files.randomise_features(real, tmp_path / "random", seed=1)
    sizes = {"vllm_width": VLLM, "image_tokens": 16, "text_tokens": 77}
    read = FeatureFolder(made, kinds_of("joint"))
    states = [read.of(f"s{number}", sizes) for number in range(40)]
    images = np.concatenate([each["image"].numpy() for each in states])
    assert np.allclose(images.mean(0), np.arange(VLLM), atol=1.5)
    assert np.allclose(images.std(0), 1 + np.arange(VLLM), rtol=0.15)
    lengths = [int(each["text"].any(dim=1).sum()) for each in states]
    assert sorted(lengths) == list(range(5, 45))
    assert lengths != list(range(5, 45))
    again = control_files.randomise_features(real, tmp_path / "again", seed=1)
    other = control_files.randomise_features(real, tmp_path / "other", seed=2)
    name = "image/s3.safetensors"
    assert (made / name).read_bytes() == (again / name).read_bytes()
    assert (made / name).read_bytes() != (other / name).read_bytes()


def test_controls_are_not_written_through_links_that_lead_out(drawn_split, tmp_path):
    write_csv(drawn_split / "mine.csv", pd.DataFrame(columns=["sample_id", "description"]))
    (tmp_path / "elsewhere").mkdir()
    (drawn_split / "mine.csv").rename(tmp_path / "elsewhere/mine.csv")
    (drawn_split / "descriptions").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "random").mkdir()
    (tmp_path / "random/image").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BenchError, match="is a link that leads out of"):
        control_files.shuffle_descriptions(load_split(drawn_split), "mine")
    with pytest.raises(BenchError, match="is a link that leads out of"):
        control_files.randomise_features(tmp_path / "real", tmp_path / "random")
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["mine.csv"]


def test_names_of_trainings_and_rows_exist():
    assert {row.training for row in ROWS.values()} - {None} <= TRAININGS.keys()
    for table in TABLES.values():
        assert set(table.rows.values()) <= ROWS.keys()
