"""Third-party methods in the current folder of a workspace with a synthetic split."""

import secrets

import pytest

METHODS = '''
import time
import numpy as np
from PIL import Image
from pydantic import Field
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.api.method import Method
from egoactgen_bench.api.options import Options

class NoiseOptions(Options):
    size: int = Field(8, ge=1, le=64, description="width and height")
    pause: float = Field(0.0, description="seconds per image")

class Noise(Method[NoiseOptions]):
    """Seeded noise."""
    Options = NoiseOptions
    uses_device = False

    def prompt(self, request):
        return f"{request.action}, {request.description}"

    def generate(self, requests):
        return [self.one(request) for request in requests]

    def one(self, request):
        time.sleep(self.options.pause)
        size = self.options.size
        noise = np.random.default_rng(request.seed).integers(0, 256, (size, size, 3), np.uint8)
        return Image.fromarray(noise)

class OutOfMemoryError(RuntimeError):
    pass

class Faulty(Noise):
    """Fails in a different way for each sample, and scribbles into its input first."""

    def one(self, request):
        request.input.paste((0, 0, 0), (0, 0, 4, 4))
        number = int(request.sample_id[-1])
        if number == 0:
            raise ValueError("no\\nluck")
        if number == 1:
            return SampleError("no_features", "V01_1.npy")
        if number == 2:
            raise OutOfMemoryError("CUDA out of memory")
        if number == 3:
            return np.full((8, 8, 3), np.nan, np.float32)
        if number == 4:
            return super().one(request).convert("L")
        return super().one(request)

class Refusing(Noise):
    uses_device = True

    def generate(self, requests):
        raise BenchError("Features are missing: give -o features=DIR.")

class TooFew(Noise):
    def generate(self, requests):
        return [self.one(request) for request in requests][1:]

class Weighted(Noise):
    uses_weights = True
    default_weights = "noise-weights"

    def weight_files(self):
        return sorted(self.context.weights.glob("*.bin"))

NotAMethod = dict
'''


@pytest.fixture
def workspace(drawn_split, monkeypatch):
    """The workspace of `bench`, with a module of methods in the current folder."""
    folder = drawn_split.parents[1]
    name = f"methods_{secrets.token_hex(4)}"  # a module of its own for each test
    (folder / f"{name}.py").write_text(METHODS)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def module(workspace):
    return next(workspace.glob("methods_*.py")).stem
