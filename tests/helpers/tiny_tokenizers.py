"""Tokenizers of the classes that pipelines name, with a few hundred entries; nothing is fetched."""

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer, Qwen2Tokenizer, T5Tokenizer

LETTERS = sorted(ByteLevel.alphabet())


def clip_tokenizer():
    """One token per letter, with CLIP's two special tokens as the last of 514."""
    tokens = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return CLIPTokenizer(vocabulary, [], model_max_length=77)


def t5_tokenizer():
    """One token per letter; below 200 entries with the special tokens."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,-'{}\":_▁"
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    return T5Tokenizer([*vocabulary, *((letter, -3.0) for letter in letters)], extra_ids=0)


def qwen2_tokenizer(*special):
    """One token per byte, then `special` tokens and Qwen's own."""
    own = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *special]
    vocabulary = {token: number for number, token in enumerate([*LETTERS, *own])}
    tokenizer = Qwen2Tokenizer(vocabulary, [])
    tokenizer.add_special_tokens({"additional_special_tokens": own[1:]})
    return tokenizer
