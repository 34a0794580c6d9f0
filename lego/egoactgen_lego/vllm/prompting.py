"""What the VLLM is asked: questions, the authors' template, and the numbers of its tokens."""

from typing import Any

IMAGE = "<image>"
PLACEHOLDER = -200  # stands for all tokens of the image
QUESTION = "How does the person properly {} that is displayed in the video frame?"
# What the paper draws from in tuning; the authors' ten are not published, but for the first.
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
# LLaVA's template `llava_llama_2` in Jinja; the tokenizer puts the begin token in front.
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
    """A question about an image, and its answer where there is one, as chat templates take it."""
    asked = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}
    if answer is None:
        return [asked]
    return [asked, {"role": "assistant", "content": [{"type": "text", "text": answer}]}]


def token_ids(tokenizer: Any, prompt: str) -> list[int]:
    """The numbers of a prompt's tokens, with one `PLACEHOLDER` for each image.

    As LLaVA does, each piece of text between images is tokenized on its own, and only the first
    keeps its begin token.
    """
    first, *others = prompt.split(IMAGE)
    ids = list(tokenizer(first).input_ids)
    for text in others:
        ids += [PLACEHOLDER, *word_ids(tokenizer, text)]
    return ids


def word_ids(tokenizer: Any, text: str) -> list[int]:
    """The numbers of a text's tokens, without a begin token."""
    return list(tokenizer(text, add_special_tokens=False).input_ids)
