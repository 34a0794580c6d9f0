"""The visual large language model (a LLaVA) that describes how an action is done."""
