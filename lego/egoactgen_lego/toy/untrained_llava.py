"""A small untrained LLaVA in transformers' format, whose vocabulary is the words of given texts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from egoactgen_bench.support.seeds import derive_seed, seeded
from egoactgen_lego.vllm.prompting import IMAGE

SIDE, PATCH, WIDTH = 64, 8, 96
SPECIAL = ("<unk>", "<s>", "</s>")
TOWER = {
    "hidden_size": WIDTH,
    "intermediate_size": 4 * WIDTH,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "image_size": SIDE,
    "patch_size": PATCH,
}
LANGUAGE = {
    "hidden_size": WIDTH,
    "intermediate_size": 3 * WIDTH,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 512,
}
# Llama's template without the system prompt, which would only take time.
TURNS = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' }}"
    "{% for part in message['content'] if part['type'] == 'image' %}{{ '<image>\\n' }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
    "{{ ' [/INST]' }}"
    "{% else %}"
    "{% for part in message['content'] %}{{ ' ' + part['text'] + ' </s>' }}{% endfor %}"
    "{% endif %}{% endfor %}"
)


def write_untrained(folder: Path, texts: Iterable[str], seed: int) -> None:
    """Write model, tokenizer and image processor; words that are not in `texts` are `<unk>`."""
    import torch
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    tokenizer, words = _tokenizer(texts)
    side = {"height": SIDE, "width": SIDE}
    LlavaProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size=side),
        tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TURNS,
    ).save_pretrained(folder)
    language = LlamaConfig(**LANGUAGE, vocab_size=words + 1, bos_token_id=1, eos_token_id=2)
    config = LlavaConfig(
        text_config=language,
        vision_config=CLIPVisionConfig(**TOWER),
        image_token_index=words,
        image_seq_length=(SIDE // PATCH) ** 2,
        vision_feature_layer=-1,  # LLaVA uses CLIP's last but one: the last would be idle
    )
    with seeded(derive_seed(seed, "networks")):
        model = LlavaForConditionalGeneration(config)
        # Llama's initialisation suits its own width; this one lets a narrow model train fast.
        for layer in model.modules():
            if isinstance(layer, torch.nn.Linear):
                torch.nn.init.xavier_uniform_(layer.weight)
    model.save_pretrained(folder)


def _tokenizer(texts: Iterable[str]) -> tuple[Any, int]:
    """A tokenizer of words and punctuation marks, and its number of tokens without `<image>`."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    split = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("\n", "removed"),
            pre_tokenizers.Metaspace(),
            pre_tokenizers.Punctuation(),
        ]
    )
    vocabulary = [*texts, "[INST] [/INST]"]
    found = {word for text in vocabulary for word, _ in split.pre_tokenize_str(text)}
    words = {word: number for number, word in enumerate([*SPECIAL, *sorted(found)])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token=SPECIAL[0]))
    tokenizer.pre_tokenizer = split
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", words["<s>"])]
    )
    tokenizer.decoder = decoders.Metaspace()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    fast.add_tokens([AddedToken(IMAGE, special=True, normalized=False)])
    return fast, len(words)
