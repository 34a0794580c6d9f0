"""A LLaVA with a few thousand random weights in transformers' format."""

from pathlib import Path

WIDTH, PATCHES = 16, 4


def write_tiny_vllm(folder: Path) -> Path:
    """Its tokens are bytes, its images 28 × 28 pixels in 4 patches, and its texts random."""
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    from egoactgen_lego.vllm.prompting import IMAGE, LLAMA_2

    alphabet = ["<unk>", "<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    words = {word: number for number, word in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", words["<s>"])]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    fast.add_tokens([AddedToken(IMAGE, special=True, normalized=False)])
    side = {"height": 28, "width": 28}
    pictures = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size=side)
    LlavaProcessor(
        pictures,
        fast,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=LLAMA_2,
    ).save_pretrained(folder)
    sizes = {"hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 2}
    config = LlavaConfig(
        text_config=LlamaConfig(
            **sizes,
            num_attention_heads=2,
            vocab_size=len(words) + 1,
            bos_token_id=1,
            eos_token_id=2,
            max_position_embeddings=2048,
        ),
        vision_config=CLIPVisionConfig(
            **sizes, num_attention_heads=2, image_size=28, patch_size=14
        ),
        image_token_index=len(words),
        image_seq_length=PATCHES,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlavaForConditionalGeneration(config)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        # Zero rows are rarely sampled: it generates mostly letters, and stops now and then.
        spoken = {words["</s>"], *(words[letter] for letter in "abcdefghijklmnopqrstuvwxyz")}
        model.lm_head.weight.data[[n for n in range(len(words) + 1) if n not in spoken]] = 0
    model.save_pretrained(folder)
    return folder
