"""Changes inputs at random, with a liking for numbers, words and brackets that break readers.

Coverage is not looked at; the other engine, atheris, does, and takes changes from here, too: a
change of single bytes rarely gets past a strict reader of JSON.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

_LITERALS: list[bytes] = [
    *(b"0", b"-0", b"-1", b"1", b"2", b"1e999", b"-1e999", b"1e-999", b"1e308", b"0.1", b"NaN"),
    *(b"nan", b"inf", b"-inf", b".inf", b".nan", b"Infinity", b"null", b"~", b"true", b"no", b""),
    *(b"2147483647", b"2147483648", b"4294967296", b"9007199254740993", b"9223372036854775807"),
    *(b"9223372036854775808", b"1" * 400, b"1" * 5000, b"0x" + b"f" * 300, b"1_0", b"1:1:1.5"),
    *(b"1e999999999", b"1/0", b"1/3", b"2026-99-99", b"2026-11-24", b"12:61", b"0o9", b"010"),
    *(b'""', b"''", b'"\\ud800"', b'"\\u0000"', b'"\\u2028"', b"\x00", b"\x1c", b"\x85", b"\xff"),
    *("\u2028".encode(), "\ufeff".encode(), "٣".encode(), "²".encode(), "\U0001f600".encode()),
    *(b"[]", b"{}", b"[[]]", b"[[[[[[[[", b"{a: ", b"&a [*a]", b"*a", b"<<: *a", b"!!binary a"),
    *(b"!!bool x", b"!!python/name:os.system", b"!!set {a}", b"!!timestamp 1", b"---", b"..."),
    *(b"${HOME}", b"${", b"%(a)s", b"@", b"://", b"..", b"/", b"\\", b"=2F", b"=FF", b"==", b"*"),
    *(b"<!ENTITY a 'a'>", b"&lt;", b"<a>", b"\x1f\x8b", b"\r", b"\n", b"\t", b"a" * 300, b","),
]
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_WORD = re.compile(rb"[A-Za-z_]{2,}")
_VALUE = re.compile(rb'"[^"\\]*"|(?<=: )[^\n,]+|-?\d+(?:\.\d+)?')

Change = Callable[["Mutator", bytearray], None]


class Mutator:
    """Makes inputs out of seeds.

    Args:
        seeds: inputs; their words become parts of others.
        seed: of the random numbers: the same gives the same inputs.
        most_bytes: none is longer.
    """

    def __init__(self, seeds: Sequence[bytes], seed: int, most_bytes: int = 200_000) -> None:
        self.random = random.Random(seed)  # noqa: S311 - no secret
        self._seeds, self._most = list(seeds), most_bytes
        words = {word for one in seeds for word in _WORD.findall(one)}
        self._parts: list[bytes] = _LITERALS + sorted(words)[:500]

    def next(self) -> bytes:
        """Return a new input, made of one or two seeds."""
        return self.change(self.random.choice(self._seeds))

    def change(self, data: bytes) -> bytes:
        """Return a changed copy; the first byte, which chooses the reader, mostly stays."""
        head, body = data[:1], bytearray(data[1:])
        for _ in range(self.random.choice((1, 1, 1, 2, 3, 6))):
            self.random.choice(_CHANGES)(self, body)
        if self.random.random() < 0.02:
            head = bytes([self.random.randrange(256)])
        return (head + bytes(body))[: self._most]

    def part(self) -> bytes:
        """Return a word or literal."""
        return self.random.choice(self._parts)

    def span(self, body: bytearray) -> tuple[int, int]:
        """Return start and end of a part of an input, mostly short."""
        start = self.random.randrange(len(body) + 1)
        length = int(len(body) ** self.random.random())
        return start, min(start + length, len(body))

    def other(self) -> bytes:
        """Return the body of some seed."""
        return self.random.choice(self._seeds)[1:]


def _replace_found(pattern: re.Pattern[bytes]) -> Change:
    def change(mutator: Mutator, body: bytearray) -> None:
        # Not from the beginning alone, and not all of a long input.
        start = mutator.random.randrange(len(body) + 1) if len(body) > 500 else 0
        found = list(pattern.finditer(bytes(body[start : start + 2000])))
        if found:
            match = mutator.random.choice(found)
            body[start + match.start() : start + match.end()] = mutator.part()

    return change


def _flip(mutator: Mutator, body: bytearray) -> None:
    if body:
        body[mutator.random.randrange(len(body))] ^= 1 << mutator.random.randrange(8)


def _put(mutator: Mutator, body: bytearray) -> None:
    place = mutator.random.randrange(len(body) + 1)
    body[place:place] = mutator.part()


def _cut(mutator: Mutator, body: bytearray) -> None:
    start, end = mutator.span(body)
    del body[start:end]


def _truncate(mutator: Mutator, body: bytearray) -> None:
    del body[mutator.random.randrange(len(body) + 1) :]


def _copy(mutator: Mutator, body: bytearray) -> None:
    start, end = mutator.span(body)
    place = mutator.random.randrange(len(body) + 1)
    body[place:place] = body[start:end]


def _splice(mutator: Mutator, body: bytearray) -> None:
    other = bytearray(mutator.other())
    start, end = mutator.span(other)
    at, to = mutator.span(body)
    body[at:to] = other[start:end]


def _repeat(mutator: Mutator, body: bytearray) -> None:
    """Say a part of it again, and now and then so often that quadratic time shows."""
    start, end = mutator.span(body)
    if end > start:
        length = 100_000 if mutator.random.random() < 0.02 else 2000
        body[end:end] = bytes(body[start:end]) * (length // (end - start))


_CHANGES: list[Change] = [
    *(_replace_found(_NUMBER), _replace_found(_VALUE), _replace_found(_VALUE)),
    *(_replace_found(_WORD), _flip, _put, _put, _cut, _truncate, _copy, _splice, _repeat),
]
