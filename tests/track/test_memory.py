"""The ring buffer of embeddings against a list of deques."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from reid_tracker.track.memory import AppearanceMemory
from reid_tracker.types import Embeddings
from tests.examples import examples

SIZE = 6
seeds = st.integers(0, 2**32 - 1)


def random_units(generator: np.random.Generator, count: int, zero_rate: float = 0.0) -> Embeddings:
    rows = generator.normal(size=(count, SIZE)) * generator.choice([0, 1], (count, SIZE))
    rows[:, 0] += 0.1
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[generator.random(count) < zero_rate] = 0
    units: Embeddings = rows.astype(np.float32)
    return units


def all_pairs(slots: npt.NDArray[np.int64], embeddings: Embeddings) -> npt.NDArray[np.bool_]:
    return np.ones((len(slots), len(embeddings)), np.bool_)


class MemoryMachine(RuleBasedStateMachine):
    """Random tracks come, are described and go; the model keeps a deque for each."""

    budget = 3

    def __init__(self) -> None:
        super().__init__()
        self.memory = AppearanceMemory(self.budget)
        self.model: dict[int, deque[npt.NDArray[np.float32]]] = {}
        self.most_alive = 0

    @rule(count=st.integers(0, 20))
    def acquire(self, count: int) -> None:
        free = sorted(set(range(len(self.model) + count)) - set(self.model))
        slots = self.memory.acquire(count)
        assert slots.tolist() == free[:count], "expected the lowest free slots"
        for slot in slots:
            self.model[int(slot)] = deque(maxlen=self.budget)
        self.most_alive = max(self.most_alive, len(self.model))

    @precondition(lambda self: self.model)
    @rule(seed=seeds)
    def release(self, seed: int) -> None:
        generator = np.random.default_rng(seed)
        slots = self._pick(generator, 0.4)
        self.memory.release(slots)
        for slot in slots:
            del self.model[int(slot)]

    @precondition(lambda self: self.model)
    @rule(seed=seeds, times=st.integers(1, 4))
    def append(self, seed: int, times: int) -> None:
        generator = np.random.default_rng(seed)
        for _ in range(times):
            slots = generator.permutation(self._pick(generator, 0.6))
            embeddings = random_units(generator, len(slots), zero_rate=0.2)
            self.memory.append(slots, embeddings)
            for slot, embedding in zip(slots, embeddings, strict=True):
                if embedding.any():
                    self.model[int(slot)].append(embedding)

    @precondition(lambda self: self.model)
    @rule(seed=seeds, count=st.integers(0, 5), density=st.sampled_from([0.0, 0.3, 1.0]))
    def compare(self, seed: int, count: int, density: float) -> None:
        generator = np.random.default_rng(seed)
        slots = generator.permutation(self._pick(generator, 0.7))
        queries = random_units(generator, count, zero_rate=0.1)
        pairs = generator.random((len(slots), count)) < density
        expected = np.ones(pairs.shape)
        newest = np.ones(pairs.shape)
        for row, column in zip(*np.nonzero(pairs), strict=True):
            remembered = self.model[int(slots[row])]
            distances = [1 - float(queries[column] @ embedding) for embedding in remembered]
            expected[row, column] = min([1.0, *distances])
            newest[row, column] = min(1.0, distances[-1]) if distances else 1.0
        actual = self.memory.distance(slots, queries, pairs)
        np.testing.assert_allclose(actual, expected, atol=1e-6)

        rows, columns = np.nonzero(pairs)
        latest = self.memory.latest_distance(slots[rows], queries[columns])
        np.testing.assert_allclose(latest, newest[rows, columns], atol=1e-6)
        assert (latest >= actual[rows, columns] - 1e-6).all()

    @invariant()
    def memory_follows_the_tracks_alive_at_once(self) -> None:
        assert len(self.memory._free) <= 2 * self.most_alive + 16
        assert int((~self.memory._free).sum()) == len(self.model)

    def _pick(self, generator: np.random.Generator, part: float) -> npt.NDArray[np.int64]:
        slots = np.array(sorted(self.model), np.int64)
        return slots[generator.random(len(slots)) < part]


TestMemoryAgainstDeques = MemoryMachine.TestCase
TestMemoryAgainstDeques.settings = settings(
    max_examples=examples(40), stateful_step_count=30, deadline=None, derandomize=True
)


def test_the_ring_overwrites_the_oldest() -> None:
    memory = AppearanceMemory(budget=2)
    slots = memory.acquire(1)
    axes = np.eye(3, dtype=np.float32)
    for axis in axes:
        memory.append(slots, axis[None])
    distances = memory.distance(slots, axes, all_pairs(slots, axes))
    np.testing.assert_array_equal(distances, [[1, 0, 0]])


def test_a_released_slot_tells_its_next_owner_nothing() -> None:
    memory = AppearanceMemory(budget=4)
    slots = memory.acquire(2)
    axes = np.eye(2, dtype=np.float32)
    for _ in range(4):
        memory.append(slots, axes)
    memory.release(slots[:1])
    again = memory.acquire(1)
    assert again.tolist() == slots[:1].tolist()
    np.testing.assert_array_equal(memory.distance(again, axes, all_pairs(again, axes)), [[1, 1]])
    np.testing.assert_array_equal(memory.latest_distance(again, axes[:1]), [1])
    np.testing.assert_array_equal(
        memory.distance(slots[1:], axes, all_pairs(slots[1:], axes)), [[1, 0]]
    )


def test_zero_rows_are_not_remembered() -> None:
    memory = AppearanceMemory(budget=1)
    slots = memory.acquire(1)
    axis = np.array([[0, 1]], np.float32)
    memory.append(slots, axis)
    memory.append(slots, np.zeros((1, 2), np.float32))
    assert memory.distance(slots, axis, all_pairs(slots, axis)).item() == 0
    assert memory.latest_distance(slots, axis).item() == 0


def test_growing_keeps_what_is_remembered() -> None:
    generator = np.random.default_rng(0)
    memory = AppearanceMemory(budget=2)
    first = memory.acquire(3)
    embeddings = random_units(generator, 3)
    memory.append(first, embeddings)
    before = memory.distance(first, embeddings, all_pairs(first, embeddings))
    more = memory.acquire(200)
    assert set(first).isdisjoint(more)
    assert len(set(more.tolist())) == 200
    memory.append(more, random_units(generator, 200))
    np.testing.assert_array_equal(
        memory.distance(first, embeddings, all_pairs(first, embeddings)), before
    )


def test_only_the_pairs_asked_for_are_computed() -> None:
    memory = AppearanceMemory(budget=2)
    slots = memory.acquire(3)
    axis = np.array([[1, 0]], np.float32)
    memory.append(slots, axis.repeat(3, axis=0))
    pairs = np.array([[True, False], [False, False], [False, True]])
    distances = memory.distance(slots, axis.repeat(2, axis=0), pairs)
    np.testing.assert_array_equal(distances, np.where(pairs, 0, 1))


def test_distances_are_capped_at_one() -> None:
    memory = AppearanceMemory(budget=2)
    slots = memory.acquire(1)
    axis = np.array([[1, 0]], np.float32)
    memory.append(slots, axis)
    assert memory.distance(slots, -axis, all_pairs(slots, axis)).item() == 1
    assert memory.latest_distance(slots, -axis).item() == 1


def test_before_the_first_embedding_everything_is_far() -> None:
    memory = AppearanceMemory(budget=2)
    assert memory.embedding_size is None
    slots = memory.acquire(2)
    queries = np.eye(2, dtype=np.float32)
    assert (memory.distance(slots, queries, all_pairs(slots, queries)) == 1).all()
    memory.append(slots, queries)
    assert memory.embedding_size == 2


def test_before_the_first_embedding_the_latest_is_far_too() -> None:
    memory = AppearanceMemory(budget=2)
    slots = memory.acquire(2)
    assert (memory.latest_distance(slots, np.eye(2, dtype=np.float32)) == 1).all()
