"""The index beside the store: against exact searches while much is written, moved and deleted."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.arrays import IntArray
from reid_tracker.match.gallery.embedded import indexer as indexer_module
from reid_tracker.match.gallery.embedded import memory as memory_module
from reid_tracker.match.gallery.embedded.indexer import Indexer
from reid_tracker.match.gallery.embedded.memory import Rows, VectorMemory
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.records import ANYWHERE, SightingRecord, Where
from reid_tracker.match.gallery.vector_index import VectorIndex
from reid_tracker.types import Embeddings
from tests.conftest import ROOT
from tests.match.gallery.samples import MODEL, sighting
from tests.match.gallery.test_vector_index import SIZE, looks

pytest.importorskip("faiss", reason="needs faiss: pip install 'reid-tracker[index]'")


@pytest.fixture(scope="module", autouse=True)
def small_limits() -> Iterator[None]:
    """An index from few vectors on, and searches that use it."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {
            "INDEXED_FROM": 400,
            "EXACT_ROWS": 40,
            "_BATCH_ROWS": 32,
            "_MIN_CANDIDATES": 120,
        }.items():
            patched.setattr(memory_module, name, value)
        yield


WHERES = [
    ANYWHERE,
    Where(cameras=("c1",)),
    Where(except_cameras=("c1",), sites=("s0",)),
    Where(since_s=200, until_s=700),
    Where(except_identities=frozenset(range(1, 60))),
    Where(identities=(3,)),
    Where(cameras=("nowhere",)),
]


def filled(memory: VectorMemory) -> VectorMemory:
    """Do at once what the thread does."""
    indexer = Indexer(threading.RLock())
    indexer.tend(memory)
    assert indexer.wait(60)
    return memory


def rows_of(vectors: Embeddings, first: int, identities: IntArray) -> Rows:
    count = len(vectors)
    numbers = np.arange(first, first + count)
    return Rows(
        numbers,
        identities,
        [f"c{number % 3}" for number in numbers],
        [f"s{number % 2}" for number in numbers],
        numbers.astype(np.float64),
        numbers.astype(np.float64) + 5,
        vectors.astype(np.float16),
    )


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 4), min_size=1, max_size=5))
@pytest.mark.slow
def test_against_the_exact_oracle(seed: int, steps: list[int]) -> None:
    """Any order of writing, removing, moving and growing: the two stores differ in no more than
    a few candidates, and never in what may be found."""
    random = np.random.default_rng(seed)
    vectors = looks(250, 8, seed % 7)
    order = random.permutation(len(vectors))
    indexed, exact = VectorMemory(SIZE, chunk_rows=300), VectorMemory(SIZE, chunk_rows=300)
    first, hits, wanted = 1, 0, 0
    for step in [4, *steps]:
        alive = exact.search(vectors[0], 10**6, ANYWHERE)[0]
        if step == 0 and len(alive):
            gone = random.choice(alive, len(alive) // 4, replace=False)
            for memory in (indexed, exact):
                memory.remove(gone)
        elif step == 1 and len(alive):
            moved = random.choice(alive, 20)
            for memory in (indexed, exact):
                memory.assign(moved, 7)
        else:
            chosen = order[(first - 1) % len(order) :][: 250 * step]
            for memory in (indexed, exact):
                memory.append(rows_of(vectors[chosen], first, chosen // 8))
            first += len(chosen)
        filled(indexed)
        assert len(indexed) == len(exact)
        query = vectors[random.integers(len(vectors))].astype(np.float32)
        for where in WHERES:
            for each in (False, True):
                found, scores = indexed.search(query, 5, where, one_per_identity=each)
                best, best_scores = exact.search(query, 5, where, one_per_identity=each)
                assert len(found) == len(best)
                assert set(found) <= set(exact.search(query, 10**6, where)[0])
                # Of equals, another one is as good.
                hits += int((scores[: len(best)] >= best_scores[-1:] - 1e-6).sum())
                wanted += len(best)
                _, left, right = np.intersect1d(found, best, return_indices=True)
                np.testing.assert_allclose(scores[left], best_scores[right], atol=1e-6)
    assert indexed._index is not None or len(indexed) < 400
    assert hits >= 0.85 * wanted  # short vectors have rough codes


def people(first: int, vectors: Embeddings) -> list[SightingRecord]:
    return [
        sighting(str(row), row, "c", embeddings=vector[None])
        for row, vector in enumerate(vectors, first)
    ]


def index_of(store: EmbeddedStore) -> VectorIndex | None:
    """The index, once it is up to date."""
    assert store.indexed(60)
    return None if store._memory is None else store._memory._index


@pytest.mark.slow
def test_a_store_gets_an_index_and_loses_it(tmp_path: Path) -> None:
    vectors = looks(80, 10)
    with EmbeddedStore(tmp_path / "gallery.sqlite") as store:
        store.write(people(1, vectors[:300]))
        assert index_of(store) is None
        store.write(people(301, vectors[300:]))
        index = index_of(store)
        assert index is not None
        assert index.covered > 700
        for row in (5, 410, 799):
            (hit,) = store.nearest(vectors[row], model=MODEL, k=1)
            assert hit.sighting.id == str(row + 1)
        assert store.purge() == 800
        assert store.nearest(vectors[0], model=MODEL) == []
        store.write(people(1, vectors[:10]))
        assert len(store.nearest(vectors[0], model=MODEL, k=100)) == 10


@pytest.mark.slow
def test_the_lists_are_learnt_anew_as_a_gallery_grows() -> None:
    vectors = looks(250, 8)
    memory = VectorMemory(SIZE)
    memory.append(rows_of(vectors[:450], 1, np.ones(450, np.int64)))
    first = filled(memory)._index
    memory.append(rows_of(vectors[450:1700], 451, np.ones(1250, np.int64)))
    assert filled(memory)._index is first
    memory.append(rows_of(vectors[1700:1850], 1701, np.ones(150, np.int64)))
    second = filled(memory)._index
    assert second is not None
    assert second is not first
    assert second.rows == 1850
    assert memory._next_index is None


@pytest.mark.slow
def test_deleted_vectors_are_in_no_file_and_not_in_the_index(tmp_path: Path) -> None:
    """The files hold the remaining ones only, while the store is open and after."""
    vectors = looks(80, 10)
    path = tmp_path / "gallery.sqlite"

    def content() -> bytes:
        return b"".join(file.read_bytes() for file in sorted(tmp_path.iterdir()))

    def part(row: int) -> bytes:
        return bytes(vectors[row].astype("<f2").tobytes()[:32])

    with EmbeddedStore(path) as store:
        store.write(people(1, vectors))
        index = index_of(store)
        assert part(4) in content()
        store.forget(5)
        assert index is not None
        assert 5 not in index.candidates(vectors[4], 10_000, effort=100)
        assert part(4) not in content()
        assert part(5) in content()
    assert {file.name for file in tmp_path.iterdir()} == {"gallery.sqlite"}
    assert part(4) not in content()
    with EmbeddedStore(path) as store:
        index_of(store)
        found = store.nearest(vectors[4], model=MODEL, k=800)
        assert len(found) == 799
        assert "5" not in {hit.sighting.id for hit in found}


def test_only_reading_builds_no_index(tmp_path: Path) -> None:
    path = tmp_path / "gallery.sqlite"
    with EmbeddedStore(path) as store:
        store.write(people(1, looks(50, 10)))
    with EmbeddedStore(path, read_only=True) as store:
        assert index_of(store) is None


def test_without_faiss_it_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(indexer_module, "is_available", lambda: False)
    vectors = looks(50, 10)
    with caplog.at_level(logging.WARNING), EmbeddedStore(tmp_path / "gallery.sqlite") as store:
        store.write(people(1, vectors[:200]))
        assert not caplog.messages
        store.write(people(201, vectors[200:450]))
        store.write(people(451, vectors[450:]))
        assert store.nearest(vectors[7], model=MODEL, k=1)[0].sighting.id == "8"
    (message,) = caplog.messages
    assert "holds 450 embeddings" in message
    assert "pip install 'reid-tracker[index]'" in message


@pytest.mark.slow
def test_a_failing_index_leaves_the_exact_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(sample: object, rows: int) -> None:
        raise MemoryError("no memory is left")

    monkeypatch.setattr(indexer_module, "VectorIndex", broken)
    vectors = looks(50, 10)
    with caplog.at_level(logging.WARNING), EmbeddedStore(tmp_path / "gallery.sqlite") as store:
        store.write(people(1, vectors[:450]))
        index_of(store)
        store.write(people(451, vectors[450:]))
        index_of(store)
        assert store.nearest(vectors[7], model=MODEL, k=1)[0].sighting.id == "8"
    (message,) = caplog.messages
    assert "no memory is left" in message


KILLED = """
import sys
from tests.match.gallery.embedded import test_indexer as tests
from tests.match.gallery.test_vector_index import looks
tests.memory_module.INDEXED_FROM = 400
tests.memory_module._BATCH_ROWS = 32
vectors = looks(400, 10)
with tests.EmbeddedStore(sys.argv[1]) as store:
    print("open", flush=True)
    for first in range(0, len(vectors), 40):
        store.write(tests.people(first + 1, vectors[first : first + 40]))
        print("stored", first + 40, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("stored", [440, 1200, 2800])
def test_kill_9_while_the_index_grows(tmp_path: Path, stored: int) -> None:
    """The index is made again from the table, whatever it covered."""
    path = tmp_path / "gallery.sqlite"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line == f"stored {stored}\n":
            process.kill()
            break
    process.wait(60)
    vectors = looks(400, 10)
    with EmbeddedStore(path) as store:
        assert index_of(store) is not None
        assert store.count() >= stored
        for row in range(0, stored, 97):
            (hit,) = store.nearest(vectors[row], model=MODEL, k=1)
            assert hit.sighting.id == str(row + 1)
