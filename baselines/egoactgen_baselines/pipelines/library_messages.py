"""Messages of diffusers and transformers, which they would repeat for each sample of a run."""

import logging


class _Once(logging.Filter):
    """Drops messages that were shown before."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        known = message in self._shown
        self._shown.add(message)
        return not known


def show_once() -> None:
    """Show each message of the libraries once."""
    for name in ("diffusers", "transformers"):
        for handler in logging.getLogger(name).handlers:
            on_terminal = isinstance(handler, logging.StreamHandler)
            if on_terminal and not any(isinstance(each, _Once) for each in handler.filters):
                handler.addFilter(_Once())
