"""Files damaged in a way that can be repeated: the same number makes the same bytes."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Callable, Sequence

#: Numbers that sizes, counts and energies are replaced by, as text and as they lie in memory.
HOSTILE_TEXT = (
    *(b"0", b"-1", b"1", b"2147483648", b"4294967295", b"9223372036854775808", b"1e400", b"-1e400"),
    *(
        b"nan",
        b"inf",
        b"1e-400",
        b"",
        b"1e5",
        b"0x10",
        b"1_0",
        b"\xd9\xa3",
        b"9" * 400,
        b"'",
        b"--1",
    ),
)
_HOSTILE_INTEGERS = (0, 1, -1, 2, 255, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1)
_HOSTILE_REALS = (float("nan"), float("inf"), -float("inf"), 0.0, -1.0, 1e38, 1e308, 5e-324)
_NUMBER = re.compile(rb"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
_BRACKETS = (b"[", b"{", b"(", b"{'", b"((", b'"', b"\\'", b"a=[", b"a={b=", b"[[", b"<", b"\n")
#: Structures of a binary format mostly lie within so many bytes of its ends.
_RIM = 4096

Random = random.Random
Mutation = Callable[[bytes, Random, Sequence[bytes]], bytes]


def mutated(content: bytes, rng: Random, others: Sequence[bytes], is_text: bool) -> bytes:
    """`content` after one to four mutations; `others` are files of the same kind."""
    kinds = _OF_TEXT if is_text else _OF_BYTES
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        content = rng.choice(kinds)(content, rng, others)
    return content


def _place(content: bytes, rng: Random) -> int:
    n = len(content)
    if n > 2 * _RIM and rng.random() < 0.6:
        at = rng.randrange(_RIM)
        return at if rng.random() < 0.6 else n - 1 - at
    return rng.randrange(n) if n else 0


def _span(content: bytes, rng: Random) -> tuple[int, int]:
    start = _place(content, rng)
    return start, min(start + rng.choice((1, 2, 4, 8, 16, 64, 300, 1024)), len(content))


def flip_bits(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8, 30)) if content else 0):
        damaged[_place(content, rng)] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def set_bytes(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 6, 20)) if content else 0):
        damaged[_place(content, rng)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(damaged)


def set_run(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    start, stop = _span(content, rng)
    n = stop - start
    run = rng.choice((bytes(n), b"\xff" * n, rng.randbytes(n), bytes([rng.randrange(256)]) * n))
    return content[:start] + run + content[stop:]


def truncate(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def insert(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    at = _place(content, rng)
    start, stop = _span(content, rng)
    added = rng.choice((content[start:stop], rng.randbytes(rng.randrange(1, 40)), bytes(8)))
    return content[:at] + added + content[at:]


def delete(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    start, stop = _span(content, rng)
    return content[:start] + content[stop:]


def copy_over(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """A part of the file over another one: addresses that point at something else."""
    start, stop = _span(content, rng)
    at = _place(content, rng)
    return content[:at] + content[start:stop] + content[at + stop - start :]


def splice(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """The beginning of one file and the end of another."""
    other = rng.choice(others) if others else content
    if rng.random() < 0.5:  # at the same place: tables of both may still be met
        at = rng.randrange(min(len(content), len(other)) + 1)
        return content[:at] + other[at:]
    return content[: _place(content, rng)] + other[_place(other, rng) :]


def number_in_bytes(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    width = rng.choice((1, 2, 4, 4, 8, 8))
    at = _place(content, rng)
    at -= at % (width if rng.random() < 0.8 else 1)
    if rng.random() < 0.25 and width >= 4:
        value = rng.choice(_HOSTILE_REALS)
        if width == 4 and abs(value) > 3e38:
            value = float("inf")
        number = struct.pack(rng.choice("<>") + ("f" if width == 4 else "d"), value)
    else:
        value = rng.choice(_HOSTILE_INTEGERS) % 256**width
        number = value.to_bytes(width, rng.choice(("little", "little", "big")))
    return content[:at] + number + content[at + width :]


def number_in_text(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    found = list(_NUMBER.finditer(content))
    if not found:
        return set_bytes(content, rng, others)
    at = rng.choice(found)
    return content[: at.start()] + rng.choice(HOSTILE_TEXT) + content[at.end() :]


def words_moved(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Two pieces between blanks, or two lines, changed for each other, or one said twice."""
    separator = rng.choice((b"\n", b" ", b",", b"=", b"\t"))
    words = content.split(separator)
    i, k = rng.randrange(len(words)), rng.randrange(len(words))
    if rng.random() < 0.5:
        words[i], words[k] = words[k], words[i]
    elif rng.random() < 0.5:
        words.insert(i, words[k])
    else:
        del words[i]
    return separator.join(words)


def nested(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Brackets that open often and never close."""
    at = _place(content, rng)
    n = rng.choice((1, 3, 100, 1000, 1000, 10_000))
    return content[:at] + rng.choice(_BRACKETS) * n + content[at:]


_SHARED: tuple[Mutation, ...] = (
    *(flip_bits, set_bytes, set_run, truncate, insert, delete, copy_over, splice),
)
_OF_BYTES: tuple[Mutation, ...] = (*_SHARED, set_bytes, number_in_bytes, number_in_bytes)
_OF_BYTES += (number_in_bytes, number_in_bytes)
_OF_TEXT: tuple[Mutation, ...] = (*_SHARED, number_in_text, number_in_text, number_in_text)
_OF_TEXT += (number_in_text, words_moved, words_moved, nested)
