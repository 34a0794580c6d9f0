"""Seeded damage of a file's bytes, for tests of readers.

    for damaged in mutations(path.read_bytes(), count=200, seed="mp4"):
        ...  # the reader returns the right content or a named error

The same bytes, count and seed give the same damaged bytes on every machine.
"""

import random
from collections.abc import Callable, Iterator

# Values that length and count fields are not prepared for.
_BOUNDARIES = (
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
)


def mutations(data: bytes, count: int, seed: int | str = 0) -> Iterator[bytes]:
    """`count` damaged copies of `data`, each with one to four changes of random kinds."""
    for number in range(count):
        yield mutated(data, f"{seed}/{number}")


def mutated(data: bytes, seed: int | str) -> bytes:
    """A copy of `data` with one to four changes; half of them are in the first or last kilobyte.

    Headers and indexes are there, which a uniform choice would rarely hit in a long file.
    """
    source = random.Random(seed)
    for _ in range(source.choice((1, 1, 1, 2, 3, 4))):
        data = source.choice(KINDS)(data, source)
    return data


def flip_bits(data: bytes, source: random.Random) -> bytes:
    damaged = bytearray(data)
    begin = _position(data, source)
    for place in range(begin, min(begin + source.choice((1, 1, 4, 16)), len(data))):
        damaged[place] ^= 1 << source.randrange(8)
    return bytes(damaged)


def overwrite(data: bytes, source: random.Random) -> bytes:
    """Random bytes, zeros or a boundary value in place of what was there."""
    begin, length = _position(data, source), _length(source)
    new = source.choice((source.randbytes(length), bytes(length), source.choice(_BOUNDARIES)))
    return data[:begin] + new[: len(data) - begin] + data[begin + len(new) :]


def insert(data: bytes, source: random.Random) -> bytes:
    begin, length = _position(data, source), _length(source)
    return data[:begin] + source.choice((source.randbytes(length), bytes(length))) + data[begin:]


def repeat(data: bytes, source: random.Random) -> bytes:
    """A part of the file once more, at a random place."""
    begin, end = _position(data, source), _position(data, source)
    return data[:end] + data[begin : begin + _length(source)] + data[end:]


def remove(data: bytes, source: random.Random) -> bytes:
    begin = _position(data, source)
    return data[:begin] + data[begin + _length(source) :]


def truncate(data: bytes, source: random.Random) -> bytes:
    return data[: _position(data, source)]


KINDS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flip_bits,
    overwrite,
    insert,
    repeat,
    remove,
    truncate,
)


def _position(data: bytes, source: random.Random) -> int:
    size = max(len(data), 1)
    edge = min(size, 1024)
    near_end = size - 1 - source.randrange(edge)
    return source.choice(
        (source.randrange(size), source.randrange(size), source.randrange(edge), near_end)
    )


def _length(source: random.Random) -> int:
    return source.choice((1, 4, 40, 400, 4000))
