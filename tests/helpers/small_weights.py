"""A weights folder with small random networks under all names that the metrics load."""

import json
from pathlib import Path

import torch
from torch import nn

from small_blip import write_small_blip
from small_dreamsim import write_small_dreamsim
from small_networks import ScriptedInception, small_clip_state, small_dino, small_egovlp

LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{c}" for c in LETTERS)]
TEXT_SIZES = {"dim": 64, "n_layers": 1, "n_heads": 2, "hidden_dim": 96, "vocab_size": 64}


def write_small_weights(folder: Path) -> None:
    """Write the networks of all registered metrics but the judge's, a few megabytes, and Inception.

    A metric added later needs its own here, so that the contract tests can build it.
    """
    from safetensors.torch import save_file

    torch.manual_seed(0)
    _write_distilbert(folder / "distilbert-base-uncased")
    for name in ("egovlp.pth", "epic_mir_plus.pth"):  # the second one is inflated to 16 frames
        small_egovlp(folder / name, frames=4)
        _add_text_tower(folder / name)
    save_file(small_clip_state(), folder / "ViT-L-14.safetensors")
    save_file(small_clip_state(), folder / "ViT-L-14-336px.safetensors")
    for name in ("dinov2-base", "dinov2-large"):
        small_dino(folder / name)
    write_small_dreamsim(folder)
    for seed, size in enumerate(("base", "large")):
        write_small_blip(folder / f"blip-image-captioning-{size}", seed)
    _write_lpips_and_inception(folder)
    _write_raft(folder)


def _write_distilbert(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    (folder / "config.json").write_text(json.dumps(TEXT_SIZES))


def _add_text_tower(path: Path) -> None:
    from transformers import DistilBertConfig

    from egoactgen_bench.metrics.egovlp_network import TextTower

    tower = TextTower(DistilBertConfig(**TEXT_SIZES), 24)
    for parameter in tower.parameters():
        nn.init.normal_(parameter, std=0.2)
    state = torch.load(path)["state_dict"]
    state |= {f"module.{name}": tensor for name, tensor in tower.state_dict().items()}
    torch.save({"state_dict": state}, path)


def _write_lpips_and_inception(folder: Path) -> None:
    from torchvision.models import squeezenet1_1

    from egoactgen_bench.metrics.inception_network import FidInception

    torch.save(squeezenet1_1().state_dict(), folder / "squeezenet1_1-b8a52dc0.pth")
    torch.jit.script(ScriptedInception()).save(folder / "inception-2015-12-05.pt")
    inception = FidInception()
    for module in inception.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    torch.save(inception.state_dict(), folder / "pt_inception-2015-12-05-6726825d.pth")


def _write_raft(folder: Path) -> None:
    """The toy RAFT under the published name: `raft_large` takes ten times as long."""
    from egoactgen_bench.metrics.flow_network import build_toy_raft

    torch.save(build_toy_raft().state_dict(), folder / "raft_large_C_T_SKHT_V2-ff5fadd5.pth")
