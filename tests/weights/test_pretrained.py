"""Folders of transformers and diffusers: strict, without code, and only what is read counts."""

import json
import shutil
import zipfile

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import (
    AutoTokenizer,
    CLIPConfig,
    CLIPModel,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionModel,
)

from egoactgen_bench.diffusion.denoiser import latent_model, untrained_weights
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.provenance import content_digest
from egoactgen_bench.weights.foreign_checkpoints import read_checkpoint, read_source
from egoactgen_bench.weights.model_folders import read_files, tensor_source, variant
from egoactgen_bench.weights.pretrained import load_model, load_processor
from egoactgen_bench.weights.torchscript import load_torchscript


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    return untrained_weights.folder(tmp_path_factory.mktemp("models"))


@pytest.fixture
def weights(shipped, tmp_path):
    return shutil.copytree(shipped, tmp_path / "weights")


def tensors_of(folder, change, name="model.safetensors"):
    """Rewrite the tensors of a folder."""
    found = change(load_file(folder / name))
    save_file(found, folder / name, metadata={"format": "pt"})


def edit_json(path, **entries):
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def refused(kind, folder, sentence, **options):
    with pytest.raises(BenchError, match=sentence) as caught:
        load_model(kind, folder, **options)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", ["text_encoder", "unet"])
def test_missing_unknown_and_misshapen_tensors_are_named(weights, part):
    kind = {"text_encoder": CLIPTextModel, "unet": UNet2DConditionModel}[part]
    folder, name = weights / part, tensor_source(weights / part).name
    whole = load_file(folder / name)
    first, last = min(whole), max(whole)
    tensors_of(folder, lambda found: {k: v for k, v in found.items() if k != first}, name)
    refused(kind, folder, f"lacks tensors for {kind.__name__}: {first}")
    save_file(whole | {"more.weight": torch.ones(1)}, folder / name, metadata={"format": "pt"})
    refused(kind, folder, r"has unknown tensors for \w+: more\.weight")
    save_file(whole | {last: torch.ones(3, 1)}, folder / name, metadata={"format": "pt"})
    refused(kind, folder, f"has tensors of another shape for {kind.__name__}: {last}")
    constant = {"text_model.embeddings.position_ids": torch.arange(77)[None]}
    save_file(whole | constant, folder / name, metadata={"format": "pt"})
    if part == "text_encoder":
        assert not load_model(kind, folder).training


def test_one_tower_of_a_whole_clip_is_loaded(tmp_path):
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "projection_dim": 8}
    vision = sizes | heads | {"image_size": 8, "patch_size": 4}
    text = sizes | heads | {"vocab_size": 50}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).save_pretrained(
        tmp_path
    )
    for kind in (CLIPTextModel, CLIPVisionModel):
        assert len(list(load_model(kind, tmp_path).parameters())) > 4


def test_code_is_never_part_of_a_folder(weights, tmp_path, monkeypatch):
    trap = tmp_path / "trap"
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked on the terminal"))
    evil = f"open({str(trap)!r}, 'w')\nclass C: pass\n"
    folder = weights / "tokenizer"
    edit_json(
        folder / "tokenizer_config.json",
        auto_map={"AutoTokenizer": ["evil.C", None]},
        tokenizer_class="Evil",
    )
    with pytest.raises(BenchError, match="tokenizer cannot be loaded"):
        load_processor(AutoTokenizer, folder)
    (folder / "evil.py").write_text(evil)
    for call in (
        lambda: load_processor(AutoTokenizer, folder),
        lambda: latent_model.check_folder(weights),
    ):
        with pytest.raises(BenchError, match=r"contains code, .*evil\.py, which is never executed"):
            call()
    assert not trap.exists()


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"_attn_implementation_internal": "someone/kernels"}, "the code of another repository"),
        ({"nested": [{"trust_remote_code": True}]}, "asks to trust code"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000"),
        ({"max_position_embeddings": 10**12}, "max_position_embeddings is"),
        ({"hidden_size": 0}, "cannot be loaded"),
        ({"hidden_size": "wide"}, "cannot be loaded"),
    ],
)
def test_unreasonable_configurations_are_refused(weights, entries, sentence):
    edit_json(weights / "text_encoder" / "config.json", **entries)
    refused(CLIPTextModel, weights / "text_encoder", sentence)


def test_deep_configurations_and_lists_are_refused(weights):
    path = weights / "text_encoder" / "config.json"
    path.write_text('{"a":' * 60 + "1" + "}" * 60)
    refused(CLIPTextModel, weights / "text_encoder", "nested more than 50 levels")
    path.write_text("[]")
    refused(CLIPTextModel, weights / "text_encoder", "does not contain a JSON object")


def test_a_variant_is_served_if_it_is_the_only_one(weights):
    folder = weights / "unet"
    plain = folder / "diffusion_pytorch_model.safetensors"
    before = load_model(UNet2DConditionModel, folder).conv_in.weight
    plain.rename(folder / "diffusion_pytorch_model.fp16.safetensors")
    assert variant(folder) == "fp16"
    assert torch.equal(load_model(UNet2DConditionModel, folder).conv_in.weight, before)
    assert [path.name for path in read_files(folder)] == [
        "config.json",
        "diffusion_pytorch_model.fp16.safetensors",
    ]
    shutil.copy(
        folder / "diffusion_pytorch_model.fp16.safetensors",
        folder / "diffusion_pytorch_model.bf16.safetensors",
    )
    refused(UNet2DConditionModel, folder, r"several variants of its weights \(bf16, fp16\)")


def test_shards_and_their_index(weights):
    folder = weights / "text_encoder"
    whole = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(whole)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for shard, chosen in shards.items():
        save_file({n: whole[n] for n in chosen}, folder / shard, metadata={"format": "pt"})
    index = folder / "model.safetensors.index.json"
    named = {name: shard for shard, chosen in shards.items() for name in chosen}
    index.write_text(json.dumps({"metadata": {}, "weight_map": named}))
    assert read_source(index).keys() == whole.keys()
    load_model(CLIPTextModel, folder)
    assert {path.name for path in read_files(folder)} >= {"a.safetensors", index.name}
    for target, sentence in (("../x.safetensors", "outside its folder"), ("c", "does not exist")):
        index.write_text(json.dumps({"weight_map": named | {names[0]: target}}))
        refused(CLIPTextModel, folder, sentence)
    index.write_text(json.dumps({"weight_map": {names[0]: 1}}))
    refused(CLIPTextModel, folder, "has no weight_map")


def test_files_that_are_not_read_are_not_part_of_the_identity(weights):
    before = {path: content_digest(path) for path in latent_model.weight_files(weights)}
    digest = content_digest(weights / "unet")
    for name in ("README.md", "._config.json", ".cache/huggingface/x.metadata"):
        path = weights / "unet" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1700000000.1")
    assert content_digest(weights / "unet") == digest
    (weights / "unet" / "optimizer.bin").write_bytes(b"state")
    (weights / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
    after = {path: content_digest(path) for path in latent_model.weight_files(weights)}
    assert after == before


def test_saved_networks_do_not_contain_the_path(weights, tmp_path):
    for part, kind in (("unet", UNet2DConditionModel), ("text_encoder", CLIPTextModel)):
        load_model(kind, weights / part).save_pretrained(tmp_path / part)
        assert str(weights) not in (tmp_path / part / "config.json").read_text()


def test_damaged_and_pickled_weights_are_refused(weights):
    folder = weights / "text_encoder"
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    for data, sentence in (
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
        (b"<!DOCTYPE html><html></html>", "is a web page"),
        (whole[:100], "is not a readable safetensors file"),
        (whole[:-1], "is not a readable safetensors file"),
    ):
        file.write_bytes(data)
        refused(CLIPTextModel, folder, rf"model\.safetensors {sentence}")
    (folder / "config.json").rename(folder / "kept")
    (folder / "config.json").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    refused(CLIPTextModel, folder, r"config\.json is a pointer of Git LFS")
    (folder / "kept").rename(folder / "config.json")
    state = {"x": torch.ones(1)}
    file.unlink()
    refused(CLIPTextModel, folder, r"contains no weights: model\.safetensors is missing")
    torch.save(state, folder / "pytorch_model.bin")
    refused(CLIPTextModel, folder, r"contains pytorch_model\.bin, but no \.safetensors")
    refused(CLIPTextModel, folder, r"describes a network of [\d,]+ parameters", pickles=True)
    (folder / "adapter_config.json").write_text("{}")
    refused(CLIPTextModel, folder, "an adapter, not a whole network")


def test_a_tokenizer_with_more_tokens_than_embeddings_is_refused(weights):
    latent_model.load(weights, "cpu", torch.float32)
    tokenizer = CLIPTokenizer.from_pretrained(weights / "tokenizer")
    tokenizer.add_tokens(["<more>"])
    tokenizer.save_pretrained(weights / "tokenizer")
    with pytest.raises(
        BenchError, match="has ids up to 49408, but the network embeds only 49408 tokens"
    ):
        latent_model.load(weights, "cpu", torch.float32)
    for name in ("tokenizer.json", "vocab.json"):
        (weights / "tokenizer" / name).unlink(missing_ok=True)
        (weights / "tokenizer" / name).write_bytes(b'{"model": {"type": "BPE"')
    with pytest.raises(BenchError, match=r"tokenizer/vocab\.json is not readable JSON"):
        latent_model.load(weights, "cpu", torch.float32)


def test_archives_that_unpack_to_much_more_are_refused(tmp_path):
    path = tmp_path / "bomb.ckpt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", bytes(100 << 20))
    with pytest.raises(BenchError, match=r"bomb\.ckpt has 1\d\d,\d\d\d bytes, but unpacks to"):
        read_checkpoint(path)


class Writing(torch.nn.Module):
    """Writes a file when its archive is loaded."""

    def __init__(self, path):
        super().__init__()
        self.path: str = path
        self.weight = torch.nn.Parameter(torch.ones(2))

    @torch.jit.export
    def __getstate__(self):
        return self.weight, self.path, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, str, bool]):
        self.weight = state[0]
        self.path = state[1]
        self.training = state[2]
        torch.save(state[0], self.path)

    def forward(self, x):
        return x + self.weight


def test_the_code_of_torchscript_cannot_access_files(tmp_path):
    trap, path = tmp_path / "trap", tmp_path / "inception.pt"
    torch.jit.script(Writing(str(trap))).save(path)
    with pytest.raises(BenchError, match=r"could access files \('save' in .*\): it was not loaded"):
        load_torchscript(path)
    assert not trap.exists()
    torch.jit.script(torch.nn.Linear(2, 3)).save(path)
    assert load_torchscript(path)(torch.ones(1, 2)).shape == (1, 3)
    for data in (b"cut short", path.read_bytes()[:300]):
        path.write_bytes(data)
        with pytest.raises(BenchError, match=r"inception\.pt is (not a complete|truncated)"):
            load_torchscript(path)
