"""The vectors in memory: against a plain search, through removals, moves and small chunks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reid_tracker.arrays import Float32Array
from reid_tracker.match.gallery.embedded import chunk as store_memory_chunk
from reid_tracker.match.gallery.embedded.memory import Rows, VectorMemory
from reid_tracker.match.gallery.records import Where
from tests.match.gallery.samples import unit

SIZE = 8
WHERES = [
    Where(),
    Where(cameras=("c1",)),
    Where(cameras=("c0", "c2"), sites=("s1",)),
    Where(except_cameras=("c1",), since_s=300),
    Where(since_s=200, until_s=400),
    Where(identities=(3, 4, 5), until_s=500),
    Where(identities=(10_000,)),
    Where(since_s=1e9),
]


class Plain:
    """The same, a row at a time."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def append(self, rows: Rows) -> None:
        names = ("number", "identity", "camera", "site", "start", "end", "vector")
        self.rows += [dict(zip(names, row, strict=True)) for row in zip(*rows, strict=True)]

    def search(self, query: Float32Array, k: int, where: Where, of_each: bool) -> list[int]:
        best: dict[int, tuple[float, int]] = {}
        for row in self.rows:
            if not self.passes(row, where) or (of_each and row["identity"] == 0):
                continue
            score = float(row["vector"].astype(np.float32) @ query)
            key = row["identity"] if of_each else row["number"]
            found = (-score, int(row["number"]))
            best[key] = min(best.get(key, found), found)
        return [number for _, number in sorted(best.values())][:k]

    @staticmethod
    def passes(row: dict[str, Any], where: Where) -> bool:
        return bool(
            (not where.cameras or row["camera"] in where.cameras)
            and row["camera"] not in where.except_cameras
            and (not where.sites or row["site"] in where.sites)
            and (not where.identities or row["identity"] in where.identities)
            and row["end"] >= where.since_s
            and row["start"] <= where.until_s
        )


def batch(first: int, count: int, random: np.random.Generator) -> Rows:
    """Sightings with 1 to 3 vectors each, roughly in the order of time."""
    views = random.integers(1, 4, count)
    numbers = np.repeat(np.arange(first, first + count), views)
    starts = np.repeat(np.arange(first, first + count) + random.uniform(-20, 20, count), views)
    total = len(numbers)
    return Rows(
        numbers,
        np.repeat(random.integers(0, 12, count), views),
        [f"c{code}" for code in np.repeat(random.integers(0, 3, count), views)],
        [f"s{code}" for code in np.repeat(random.integers(0, 2, count), views)],
        starts,
        starts + np.repeat(random.uniform(0, 30, count), views),
        unit(random.standard_normal((total, SIZE))).astype(np.float16),
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("chunk_rows", [7, 64, 10_000])
@pytest.mark.parametrize("squeezed", [20, 1024])
def test_against_a_plain_search(
    dtype: type, chunk_rows: int, squeezed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_memory_chunk, "_MIN_SQUEEZED", squeezed)
    random = np.random.default_rng(chunk_rows)
    memory, plain = VectorMemory(SIZE, dtype, chunk_rows), Plain()
    first = 1
    for step in range(6):
        rows = batch(first, 100, random)
        first += 100
        memory.append(rows)
        plain.append(rows)
        alive = np.unique([row["number"] for row in plain.rows])
        gone = random.choice(alive, len(alive) // 3, replace=False)
        memory.remove(gone)
        plain.rows = [row for row in plain.rows if row["number"] not in set(gone.tolist())]
        moved = random.choice(alive, 5)
        memory.assign(moved, 20 + step)
        for row in plain.rows:
            if row["number"] in moved:
                row["identity"] = 20 + step
        merged = [row["number"] for row in plain.rows if row["identity"] in {1, 2}]
        memory.assign(np.array(merged, np.int64), 7)
        for row in plain.rows:
            if row["number"] in merged:
                row["identity"] = 7
        assert len(memory) == len(plain.rows)
        query = unit(random.standard_normal((1, SIZE)))[0]
        for where in WHERES:
            for k, of_each in ((5, False), (1000, False), (4, True)):
                numbers, scores = memory.search(query, k, where, one_per_identity=of_each)
                expected = plain.search(query, k, where, of_each)
                assert numbers.tolist() == expected
                assert (np.diff(scores) <= 0).all()


def test_chunks_without_anything_alive_are_given_back() -> None:
    random = np.random.default_rng(0)
    memory = VectorMemory(SIZE, chunk_rows=50)
    rows = batch(1, 300, random)
    memory.append(rows)
    before = memory.size_bytes
    memory.remove(np.arange(1, 200))
    assert memory.size_bytes < before / 2
    memory.remove(np.arange(1, 301))
    assert memory.size_bytes == len(memory) == 0


@pytest.mark.slow
def test_sightings_written_again_and_again_take_no_more_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who is in sight is written anew every few seconds, with all vectors."""
    monkeypatch.setattr(store_memory_chunk, "_MIN_SQUEEZED", 1000)
    random = np.random.default_rng(0)
    memory, plain = VectorMemory(SIZE, chunk_rows=100_000), Plain()
    stays = batch(1, 50, random)
    memory.append(stays)
    plain.append(stays)
    most = 0
    for turn in range(100):
        # Half of the 400 in sight at a time, so that there is always somebody.
        gone = range(100 + 200 * (turn - 2), 100 + 200 * (turn - 1)) if turn > 1 else range(0)
        memory.remove(np.array(gone, np.int64))
        plain.rows = [row for row in plain.rows if row["number"] not in gone]
        rows = batch(100 + 200 * turn, 200, random)
        memory.append(rows)
        plain.append(rows)
        (chunk,) = memory._chunks
        most = max(most, chunk.used)
    # 200 sightings have 600 vectors at most: without squeezing, 40,000 rows were filled.
    assert most <= 2 * (150 + 1200) + 600
    assert len(memory) == len(plain.rows)
    # Nothing of the dead is left in the place that was filled once.
    assert np.count_nonzero(chunk.vectors[:most].any(axis=1)) == len(memory)
    query = unit(random.standard_normal((1, SIZE)))[0]
    for where in WHERES:
        assert memory.search(query, 9, where)[0].tolist() == plain.search(query, 9, where, False)


def test_what_is_removed_is_overwritten() -> None:
    memory = VectorMemory(SIZE)
    memory.append(batch(1, 10, np.random.default_rng(0)))
    memory.remove(np.array([4]))
    chunk = memory._chunks[0]
    rows = np.flatnonzero(chunk.numbers[: chunk.used] == 4)
    assert len(rows)
    assert not chunk.vectors[rows].any()
