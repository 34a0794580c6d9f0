"""Small folders of weights in every format that is read, and what users do with them."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.robustness import hostile_values  # noqa: F401  makes tests/helpers importable
from egoactgen_bench.toy import stand_ins

Result = Sequence[NDArray[np.generic]]
SENTENCE = "open drawer"


@dataclass(frozen=True)
class Reader:
    """A kind of weights: `write` puts small ones into a folder, `use` loads them and computes."""

    name: str
    write: Callable[[Path], object]
    use: Callable[[Path], Result]


def frame() -> Image.Image:
    drawn = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return Image.fromarray(drawn).resize((48, 32))


def _judge(folder: Path) -> Result:
    from egoactgen_bench.toy.judge_network import load_judge

    verdict = load_judge.__wrapped__(folder / "judge.safetensors").read([frame()], [frame()])[0]
    return [np.array(verdict.place)]


def _clip(folder: Path) -> Result:
    from egoactgen_bench.metrics import clip_network as clip

    clip.load_clip.cache_clear()
    clip._tokenizer.cache_clear()
    texts = clip.ClipTexts(folder, "cpu").extract([(SENTENCE,)])
    return [texts, clip.ClipImages(folder, "open_clip", "quick_gelu", "cpu").extract([(frame(),)])]


def _dino(folder: Path) -> Result:
    from egoactgen_bench.metrics import dino_network

    dino_network.load_dino.cache_clear()
    return [dino_network.DinoImages(folder, "cpu").extract([(frame(),)])]


def _blip(folder: Path) -> Result:
    from egoactgen_bench.captioning import transformers_blip as blip

    loaded = blip.load_blip.__wrapped__(folder)
    pixels = loaded.processor([frame()], return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        seen = loaded.model.vision_model(pixels).last_hidden_state
        return [seen.numpy(), np.array(loaded.tokenizer(SENTENCE)["input_ids"])]


def _latents(folder: Path) -> Result:
    from egoactgen_bench.diffusion.denoiser import latent_model

    model = latent_model.load(folder, "cpu", torch.float32)
    latent_model.check_parts(model, folder)
    with torch.inference_mode():
        return [model.embed([SENTENCE]).numpy(), model.encode(model.pixels([frame()])).numpy()]


def _write_latents(folder: Path) -> None:
    from egoactgen_bench.diffusion.denoiser import untrained_weights

    shutil.copytree(untrained_weights.folder(folder.parent / "models"), folder, dirs_exist_ok=True)


def _vllm(folder: Path) -> Result:
    from egoactgen_lego.vllm import vllm_model

    vllm = vllm_model.load(folder, "cpu", torch.float32)
    images = vllm.image_features([frame()])
    return [images.numpy(), vllm.states([SENTENCE], images, [SENTENCE])[0].float().numpy()]


def _write_vllm(folder: Path) -> None:
    from tiny_vllm import write_tiny_vllm

    write_tiny_vllm(folder)


def _conditioner(folder: Path) -> Result:
    from egoactgen_lego.generator.vllm_conditioning import load_conditioner

    loaded = load_conditioner(folder)
    return [tensor.numpy() for _, tensor in sorted(loaded.state_dict().items())]


def _write_conditioner(folder: Path) -> None:
    from egoactgen_lego import toy

    source = Path(str(toy.__file__)).parent / "weights/lego/conditioner"
    shutil.copytree(source, folder, dirs_exist_ok=True)


def _egovlp(folder: Path) -> Result:
    from egoactgen_bench.metrics.egovlp_text import SentenceEncoder
    from egoactgen_bench.metrics.egovlp_weights import load_video_tower

    tower = load_video_tower(folder / "egovlp.pth")
    encoder = SentenceEncoder.load(folder / "egovlp.pth", folder / "distilbert-base-uncased")
    state = [tensor.numpy() for _, tensor in sorted(tower.state_dict().items())]
    return [*state, encoder.encode([SENTENCE]).numpy()]


def _write_egovlp(folder: Path) -> None:
    from small_networks import small_egovlp
    from small_weights import _add_text_tower, _write_distilbert

    torch.manual_seed(0)
    _write_distilbert(folder / "distilbert-base-uncased")
    small_egovlp(folder / "egovlp.pth", frames=4)
    _add_text_tower(folder / "egovlp.pth")


def _torchscript(folder: Path) -> Result:
    import forked_trials
    from egoactgen_bench.weights import torchscript

    torchscript.execute = forked_trials.execute
    torchscript.check_torchscript(folder / "script.pt")
    torchscript.check_execution(folder / "script.pt", (1, 2))
    with torch.inference_mode():
        return [torchscript.load_torchscript(folder / "script.pt")(torch.ones(1, 2)).numpy()]


def _write_torchscript(folder: Path) -> None:
    torch.manual_seed(0)
    script: Any = torch.jit.script
    script(torch.nn.Linear(2, 3)).save(folder / "script.pt")


def _shards(folder: Path) -> Result:
    from egoactgen_bench.diffusion.denoiser.strict_loading import fill
    from egoactgen_bench.weights.foreign_checkpoints import read_source

    index = folder / "pytorch_model.bin.index.json"
    network = torch.nn.Module()
    for name, shape in (("a", (5, 3)), ("b", (4,)), ("c", (7,))):
        network.register_buffer(name, torch.empty(shape, device="meta"))
    fill(network, read_source(index), str(index))
    return [tensor.float().numpy() for tensor in network.state_dict().values()]


def _write_shards(folder: Path) -> None:
    torch.save({"a": torch.ones(5, 3), "b": torch.arange(4)}, folder / "1.bin")
    old = {"c": torch.ones(7).half()}
    torch.save(old, folder / "2.bin", _use_new_zipfile_serialization=False)
    named = {"a": "1.bin", "b": "1.bin", "c": "2.bin"}
    index = folder / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": named}))


def _copy(name: str) -> Callable[[Path], object]:
    """Writes a file or folder of the toy weights of the metrics."""
    source = Path(stand_ins.JUDGE).parent / name
    if source.is_dir():
        return lambda folder: shutil.copytree(source, folder, dirs_exist_ok=True)
    return lambda folder: shutil.copy(source, folder)


READERS = (
    Reader("judge", _copy("judge.safetensors"), _judge),
    Reader("clip", _copy("clip"), _clip),
    Reader("dinov2", _copy("dinov2"), _dino),
    Reader("blip", _copy("blip"), _blip),
    Reader("denoiser", _write_latents, _latents),
    Reader("conditioner", _write_conditioner, _conditioner),
    Reader("vllm", _write_vllm, _vllm),
    Reader("egovlp", _write_egovlp, _egovlp),
    Reader("torchscript", _write_torchscript, _torchscript),
    Reader("shards", _write_shards, _shards),
)
