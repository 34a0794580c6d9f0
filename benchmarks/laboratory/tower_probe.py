"""What a small language model can learn of hand and place from a frozen vision tower.

    python -m benchmarks.laboratory.tower_probe --workspace DIR --weights vllm-lab-start

A language model of the size of the laboratory's LLaVA sees the tower's patches and the action, and
predicts hand and place directly instead of writing a sentence. It shows within minutes whether the
tower, rather than the tuning, keeps a VLLM from naming them. `--positions` adds a learned vector to
each patch, which tells where it is.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.laboratory.ceiling import true_words
from benchmarks.laboratory.materials import ALL, TRAIN, Laboratory
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.support.images import read_rgb
from egoactgen_bench.support.seeds import seeded
from egoactgen_lego.curation.sentence_templates import PLACES
from egoactgen_lego.toy import tower_training
from egoactgen_lego.toy.split_clips import split_clips
from egoactgen_lego.toy.untrained_llava import LANGUAGE, WIDTH
from egoactgen_lego.vllm.vllm_model import load

BATCH, RATE, EVERY = 64, 1e-3, 200

Known = tuple[Tensor, Tensor, list[str]]  # patches (n, 64, width), answers (n,), actions


class Probe(nn.Module):
    def __init__(self, actions: int, patches: int, positions: bool) -> None:
        from transformers import LlamaConfig, LlamaModel

        super().__init__()
        config = LlamaConfig(**LANGUAGE, vocab_size=actions)
        self.language: Any = LlamaModel(config)
        for layer in self.language.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
        self.projector, self.answer = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2 * len(PLACES))
        self.positions = nn.Parameter(torch.randn(patches, WIDTH) / 2) if positions else None

    def forward(self, patches: Tensor, actions: Tensor) -> Tensor:
        seen = self.projector(patches.float())
        if self.positions is not None:
            seen = seen + self.positions
        asked = self.language.get_input_embeddings()(actions)[:, None]
        states = self.language(inputs_embeds=torch.cat([seen, asked], 1), use_cache=False)
        answers: Tensor = self.answer(states.last_hidden_state[:, -1])
        return answers


@torch.no_grad()
def known(lab: Laboratory, name: str, vllm: Any) -> Known:
    """The clips of a split whose object is in the target frame."""
    split = load_split(lab.split(name))
    clips = split_clips(split)
    words = [true_words(clip) for clip in clips]
    kept = [number for number, each in enumerate(words) if each]
    paths = [split.frame_path(split.samples["input_frame"][number]) for number in kept]
    patches = []
    for first in range(0, len(paths), 256):
        frames = [read_rgb(path) for path in paths[first : first + 256]]
        seen = tower_training.normalised(vllm.image_processor, frames)
        patches.append(tower_training.patches(vllm.model.model.vision_tower, seen).half())
    answers = [
        (hand == "right") * len(PLACES) + place for hand, place in (each for each in words if each)
    ]
    return torch.cat(patches), torch.tensor(answers), [clips[number].action for number in kept]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--weights", default="vllm-lab-start", help="a LLaVA in models/")
    parser.add_argument("--positions", action="store_true")
    parser.add_argument("--steps", type=int, default=1400)
    chosen = parser.parse_args()
    lab = Laboratory(chosen.workspace)
    vllm = load(lab.model(chosen.weights), "cpu", torch.float32)
    trained, held_out = (known(lab, name, vllm) for name in (TRAIN, ALL))
    names = sorted(set(trained[2]))
    actions, asked = (
        torch.tensor([names.index(each) for each in part[2]]) for part in (trained, held_out)
    )
    with seeded(0):
        probe = Probe(len(names), trained[0].shape[1], chosen.positions)
        optimizer = torch.optim.AdamW(probe.parameters(), RATE, weight_decay=0.02)
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, RATE, total_steps=chosen.steps, pct_start=0.1
        )
        for step in range(1, chosen.steps + 1):
            drawn = torch.randint(len(actions), (BATCH,))
            loss = F.cross_entropy(probe(trained[0][drawn], actions[drawn]), trained[1][drawn])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(probe.parameters(), 1.0)
            optimizer.step()
            cycle.step()
            if step % EVERY == 0 or step == chosen.steps:
                with torch.no_grad():
                    found = torch.cat(
                        [
                            probe(held_out[0][i : i + 256], asked[i : i + 256]).argmax(1)
                            for i in range(0, len(asked), 256)
                        ]
                    )
                hand, place = (
                    float((part(found) == part(held_out[1])).float().mean())
                    for part in (lambda x: x // len(PLACES), lambda x: x % len(PLACES))
                )
                print(f"{step} steps: hand {100 * hand:.1f} %, place {100 * place:.1f} %")


if __name__ == "__main__":
    main()
