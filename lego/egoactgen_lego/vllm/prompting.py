"""Prompts of the VLLM: questions, the authors' chat template, and token ids."""

from typing import Any

IMAGE = "<image>"
PLACEHOLDER = -200  # replaced by all tokens of the image
QUESTION = "How does the person properly {} that is displayed in the video frame?"
# The templates for tuning. Of the authors' ten, only the first is published; the others are ours.
QUESTIONS = (
    QUESTION,
    "How will the person in this picture {}?",
    "In what way does the person {} here?",
    "Describe how the person is going to {}.",
    "What do the person's hands do to {}?",
    "Explain step by step how the person can {} from here.",
    "How should one {} in this situation?",
    "The person wants to {}. How is it done?",
    "Tell how the person would {} in the scene shown.",
    "What does it look like when the person starts to {}?",
)

SYSTEM = (
    "You are a helpful language and vision assistant. "
    "You are able to understand the visual content that the user provides, "
    "and assist the user with a variety of tasks using natural language."
)
# LLaVA's template `llava_llama_2` in Jinja; the tokenizer prepends the begin token.
LLAMA_2 = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}"
    "{{ '[INST] ' }}{% if loop.first %}{{ '<<SYS>>\\n" + SYSTEM + "\\n<</SYS>>\\n\\n' }}{% endif %}"
    "{% for part in message['content'] if part['type'] == 'image' %}{{ '<image>\\n' }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
    "{{ ' [/INST]' }}"
    "{% else %}"
    "{% for part in message['content'] %}{{ ' ' + part['text'] + ' </s>' }}{% endfor %}"
    "{% endif %}"
    "{% endfor %}"
)


def conversation(question: str, answer: str | None = None) -> list[dict[str, Any]]:
    """A question about an image, and its answer if given, in the format of chat templates."""
    asked = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}
    if answer is None:
        return [asked]
    return [asked, {"role": "assistant", "content": [{"type": "text", "text": answer}]}]


def token_ids(tokenizer: Any, prompt: str) -> list[int]:
    """The token ids of a prompt, with one `PLACEHOLDER` for each image.

    As in LLaVA, each piece of text between images is tokenized separately, and only the first keeps
    its begin token.
    """
    first, *others = prompt.split(IMAGE)
    ids = list(tokenizer(first).input_ids)
    for text in others:
        ids += [PLACEHOLDER, *word_ids(tokenizer, text)]
    return ids


def word_ids(tokenizer: Any, text: str) -> list[int]:
    """The token ids of a text, without a begin token."""
    return list(tokenizer(text, add_special_tokens=False).input_ids)
