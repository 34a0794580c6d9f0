"""Records what reaches the networks of a pipeline: sizes, guidance, noise."""

from contextlib import contextmanager

import torch


def _recorded(value):
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, list | tuple):
        return [_recorded(each) for each in value]
    return value


class Calls(list):
    """(component, method, arguments by name) of each call, in order."""

    def of(self, component, method="forward"):
        """The arguments of all calls of one method of a component."""
        return [given for name, called, given in self if (name, called) == (component, method)]

    @property
    def encoded(self):
        """(width, height) of each picture or video that the VAE encodes."""
        return [tuple(given["args"][0].shape[:-3:-1]) for given in self.of("vae", "encode")]


@contextmanager
def recording(pipeline):
    """Record the calls of a pipeline's networks: `forward` of all, `encode` of the VAE.

    Positional arguments are in `args`.
    """
    calls, handles, patched = Calls(), [], []
    for name, part in pipeline.components.items():
        if not isinstance(part, torch.nn.Module):
            continue

        def note(module, args, kwargs, name=name):
            calls.append((name, "forward", {"args": _recorded(args)} | _named(kwargs)))

        handles.append(part.register_forward_pre_hook(note, with_kwargs=True))
        if hasattr(part, "encode"):
            original = part.encode

            def encode(*args, _original=original, _name=name, **kwargs):
                calls.append((_name, "encode", {"args": _recorded(args)} | _named(kwargs)))
                return _original(*args, **kwargs)

            part.encode = encode
            patched.append(part)
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()
        for part in patched:
            del part.encode


def _named(kwargs):
    return {name: _recorded(value) for name, value in kwargs.items()}
