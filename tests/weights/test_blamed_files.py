"""A damaged configuration of a network is blamed on its file, not on the tensors or the folder."""

import json
import shutil

import pytest
import torch
from diffusers import UNet2DConditionModel
from transformers import AutoImageProcessor, BertTokenizer, CLIPTextModel, LlavaConfig

from egoactgen_bench.captioning.transformers_blip import load_blip
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_bench.errors import BenchError
from egoactgen_bench.metrics.clip_network import _tokenizer, load_clip
from egoactgen_bench.metrics.egovlp_text import SentenceEncoder
from egoactgen_bench.toy import stand_ins
from egoactgen_bench.weights.pretrained import load_model, load_processor
from egoactgen_lego.vllm import vllm_model
from egoactgen_lego.vllm.llava_converter import OldLlava
from egoactgen_lego.vllm.vision_tower import find_tower
from small_blip import write_small_blip
from tiny_vllm import write_tiny_vllm

DAMAGE = (None, b"", b'{"hidden_size": 16', b"[]", b"\xff\xfe\0")  # None: missing


@pytest.fixture(scope="module")
def folders(small_weights, tmp_path_factory):
    """A copy of each folder, of which tests damage one file at a time and repair it."""
    root = tmp_path_factory.mktemp("folders")
    for name in ("distilbert-base-uncased", "dinov2-base", "blip-image-captioning-base"):
        shutil.copytree(small_weights / name, root / name)
    shutil.copytree(untrained_weights.folder(root / "models"), root / "sd")
    write_tiny_vllm(root / "vllm")
    return root


def message(path, data, load):
    """The error of `load` while the file has other bytes, or is missing."""
    before = path.read_bytes()
    path.unlink() if data is None else path.write_bytes(data)
    try:
        with pytest.raises(BenchError) as caught:
            load()
    finally:
        path.write_bytes(before)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def text_tower(folders, small_weights):
    return lambda: SentenceEncoder.load(
        small_weights / "egovlp.pth", folders / "distilbert-base-uncased"
    )


def changed(path, **entries):
    return json.dumps(json.loads(path.read_text()) | entries).encode()


@pytest.mark.parametrize("entries", [{"dim": -1}, {"dim": 7}, {"n_heads": 0}, {"dim": "x"}])
def test_the_configuration_of_the_text_tower(folders, small_weights, entries):
    path = folders / "distilbert-base-uncased" / "config.json"
    load = text_tower(folders, small_weights)
    assert message(path, changed(path, **entries), load).startswith(f"{path} cannot be loaded (")
    for data in DAMAGE:
        assert message(path, data, load).startswith(str(path))


@pytest.mark.parametrize("entries", [{"n_layers": 3}, {"vocab_size": 7}, {"hidden_dim": 7}])
def test_other_sizes_than_those_of_the_text_tower_name_both_files(folders, small_weights, entries):
    path, checkpoint = folders / "distilbert-base-uncased/config.json", small_weights / "egovlp.pth"
    found = message(path, changed(path, **entries), text_tower(folders, small_weights))
    assert found.startswith(f"{checkpoint} does not fit EgoVLP's network of the sizes in {path}: ")


def test_the_vocabulary_of_the_text_tower(folders, small_weights):
    path = folders / "distilbert-base-uncased/vocab.txt"
    for data in (None, b"", b"\xff\xfe\0"):
        assert message(path, data, text_tower(folders, small_weights)).startswith(str(path))
    longer = path.read_bytes() + b"".join(b"word%d\n" % number for number in range(40_000))
    found = message(path, longer, text_tower(folders, small_weights))
    assert found.startswith(f"{path}: the tokenizer has ids up to ")


def test_the_processor_and_the_vocabulary_of_a_captioner(tmp_path):
    folder = write_small_blip(tmp_path / "blip")
    path = folder / "preprocessor_config.json"
    side = json.loads((folder / "config.json").read_text())["vision_config"]["image_size"]

    def load():
        return load_blip.__wrapped__(folder)

    load()
    data = changed(path, size={"height": 2 * side, "width": side})
    assert message(path, data, load).startswith(f"{path} makes images of (3, {2 * side}, {side}), ")
    more = BertTokenizer.from_pretrained(folder)
    more.add_tokens(["<a>", "<b>", "<c>"])
    more.save_pretrained(folder)
    with pytest.raises(BenchError, match="blip: the tokenizer has ids up to"):
        load()


@pytest.mark.parametrize(
    ("file", "kind", "entries"),
    [
        ("sd/text_encoder/config.json", CLIPTextModel, {"num_attention_heads": 0}),
        ("sd/text_encoder/config.json", CLIPTextModel, {"hidden_act": "x"}),
        ("sd/unet/config.json", UNet2DConditionModel, {"block_out_channels": "x"}),
        ("sd/unet/config.json", UNet2DConditionModel, {"norm_num_groups": 7}),
    ],
)
def test_the_configuration_of_a_network(folders, file, kind, entries):
    path = folders / file

    def load():
        load_model(kind, path.parent)

    assert message(path, changed(path, **entries), load).startswith(f"{path} cannot be loaded (")
    for data in DAMAGE:
        assert message(path, data, load).startswith(str(path))


def test_the_configuration_of_another_network(folders):
    path = folders / "sd/text_encoder/config.json"
    found = message(
        path,
        changed(path, intermediate_size=8),
        lambda: load_model(CLIPTextModel, path.parent),
    )
    assert found.endswith(", or its config.json is of another network.")


def test_a_much_larger_unet_is_not_allocated(folders):
    path = folders / "sd/unet/config.json"
    wide = changed(path, cross_attention_dim=1 << 20)
    found = message(path, wide, lambda: load_model(UNet2DConditionModel, path.parent))
    assert found.startswith(f"{path} describes a network of ")


@pytest.mark.parametrize(
    "entries", [{"image_mean": "x"}, {"crop_size": "x"}, {"resample": 99}, {"size": {}}]
)
def test_the_configuration_of_an_image_processor(folders, entries):
    path = folders / "dinov2-base/preprocessor_config.json"

    def load():
        load_processor(AutoImageProcessor, path.parent)

    load()
    assert message(path, changed(path, **entries), load).startswith(f"{path} cannot be loaded (")
    for data in DAMAGE:
        assert message(path, data, load).startswith(str(path))


def test_one_of_several_files_of_a_tokenizer(folders):
    path = folders / "blip-image-captioning-base/tokenizer.json"
    for data in (b"", b"{", b"\xff\xfe\0"):
        found = message(path, data, lambda: load_processor(BertTokenizer, path.parent))
        assert found.startswith(str(path))


def test_the_configuration_of_a_vllm(folders):
    path = folders / "vllm/config.json"
    tower = json.loads(path.read_text())["vision_config"] | {"patch_size": 0}
    for entries in ({"vision_config": tower}, {"text_config": {"num_attention_heads": 0}}):
        data = changed(path, **entries)
        found = message(path, data, lambda: vllm_model.load(path.parent, "cpu", torch.float32))
        assert found.startswith(f"{path} cannot be loaded (")
    found = message(
        path, changed(path, vision_config=tower), lambda: vllm_model.sizes_of(path.parent)
    )
    assert found.startswith(f"{path} cannot be loaded (")
    assert load_processor(LlavaConfig, path.parent)


@pytest.mark.parametrize("content", ["[]", '{"architectures": 5}', '{"architectures": "x"}'])
def test_another_folder_is_not_an_old_llava(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    assert not OldLlava.recognises(tmp_path)


@pytest.mark.parametrize("stated", [{"num_attention_heads": 0}, {"hidden_size": "x"}])
def test_the_configuration_of_a_vision_tower(folders, tmp_path, stated):
    shutil.copy(folders / "sd/text_encoder/model.safetensors", tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(stated))
    with pytest.raises(BenchError) as caught:
        find_tower("x", {}, {"vision_tower": str(tmp_path)}, [])
    assert str(caught.value).startswith(f"{tmp_path / 'config.json'} cannot be loaded (")


def test_the_configuration_of_a_clip_folder(tmp_path):
    folder = shutil.copytree(stand_ins.FOLDER / "clip", tmp_path / "clip")
    path = folder / "open_clip_config.json"
    sizes = json.loads(path.read_text())["model_cfg"]
    load_clip.__wrapped__(folder)
    with pytest.raises(BenchError, match=r"clip: the tokenizer has ids up to \d+, but"):
        text = {"text_cfg": sizes["text_cfg"] | {"vocab_size": 3}}
        path.write_bytes(changed(path, model_cfg=sizes | text))
        _tokenizer.__wrapped__(folder)
    for part, entries in (("vision_cfg", {"width": "x"}), ("text_cfg", {"heads": 0})):
        data = changed(path, model_cfg=sizes | {part: sizes[part] | entries})
        found = message(path, data, lambda: load_clip.__wrapped__(folder))
        assert found.startswith(f"{path} cannot be loaded (")
    for data in DAMAGE:
        assert str(folder) in message(path, data, lambda: load_clip.__wrapped__(folder))
