"""A batch of instructions and its loss, as in tuning."""

import torch

from egoactgen_lego.vllm.answer_supervision import IGNORED, answer_loss, batch_of


def batch_and_loss(vllm, instructions):
    questions = [one.question for one in instructions]
    batch = batch_of(vllm, instructions, questions, max_length=2048)
    labels = batch.pop("labels")
    with torch.inference_mode():
        logits = vllm.model(**batch).logits
    total = float(answer_loss(logits, labels, vllm.words))
    return {**batch, "labels": labels}, total / int((labels != IGNORED).sum())
