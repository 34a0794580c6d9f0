"""Embeds sentences in EgoVLP's joint space."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from egoactgen_bench.errors import BenchError
from egoactgen_bench.metrics.egovlp_network import TextTower
from egoactgen_bench.metrics.egovlp_weights import load_text_tower
from egoactgen_bench.metrics.tensors import evaluating
from egoactgen_bench.weights.pretrained import check_vocabulary, load_processor


class SentenceEncoder:
    """EgoVLP's text tower with BERT's uncased WordPiece tokens."""

    def __init__(self, tower: TextTower, tokenizer: Any) -> None:
        self.tower = tower
        self.tokenizer = tokenizer

    @classmethod
    def load(cls, checkpoint: Path, distilbert: Path) -> "SentenceEncoder":
        """The tower in `checkpoint`, with vocab.txt and config.json of the folder `distilbert`."""
        tower, tokenizer = load_text_tower(checkpoint, distilbert), cls.load_tokenizer(distilbert)
        words = tower.text_model.config.vocab_size
        check_vocabulary(tokenizer, words, distilbert / "vocab.txt")
        return cls(tower, tokenizer)

    @staticmethod
    def load_tokenizer(distilbert: Path) -> Any:
        """BERT's uncased tokenizer from the folder's vocab.txt."""
        from transformers import BertTokenizer

        if not (distilbert / "vocab.txt").is_file():
            raise BenchError(
                f"{distilbert / 'vocab.txt'} does not exist: fetch it with "
                f"`bench models fetch {distilbert.name}`."
            )
        return load_processor(BertTokenizer, distilbert)

    @evaluating()
    def encode(self, sentences: Sequence[str]) -> Tensor:
        """(n, 256) float32, not normalised; sentences are truncated to the model's length."""
        tokens = self.tokenizer(
            list(sentences),
            padding=True,
            truncation=True,
            max_length=self.tower.text_model.config.max_position_embeddings,
            return_tensors="pt",
        ).to(self.tower.text_model.device)
        embedded: Tensor = self.tower(tokens["input_ids"], tokens["attention_mask"])
        return embedded
