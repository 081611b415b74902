from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.errors import InputError
from reid_tracker.train.batches.samplers import check_identities, pk_batches, random_batches


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(st.integers(1, 200), st.integers(1, 50), st.integers(0, 2**32))
def test_random_draws_each_image_at_most_once(count: int, batch: int, seed: int) -> None:
    if count < batch:
        with pytest.raises(InputError, match=r"lower sampler\.batch_size"):
            random_batches(count, batch, rng(seed))
        return
    batches = random_batches(count, batch, rng(seed))
    assert batches.shape == (count // batch, batch)
    drawn = batches.ravel()
    assert len(set(drawn.tolist())) == len(drawn)
    assert drawn.min() >= 0
    assert drawn.max() < count


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(2, 13), min_size=2, max_size=12),
    st.integers(2, 6),
    st.integers(2, 5),
    st.integers(0, 2**32),
)
def test_pk_batches_hold_p_identities_with_k_images(
    counts: list[int], p: int, k: int, seed: int
) -> None:
    labels = rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    cameras = rng(seed).integers(0, 3, len(labels))
    if p > len(counts):
        with pytest.raises(InputError, match=r"lower sampler\.identities_per_batch"):
            pk_batches(labels, cameras, p, k, rng(seed))
        return
    batches = pk_batches(labels, cameras, p, k, rng(seed))
    assert batches.shape[1] == p * k
    used = np.zeros(len(labels), int)
    for batch in batches:
        groups = labels[batch].reshape(p, k)
        assert (groups == groups[:, :1]).all()
        assert len(set(groups[:, 0].tolist())) == p
        for group in batch.reshape(p, k):
            # An identity with K images or more never fills a group with copies.
            available = counts[labels[group[0]]]
            assert len(set(group.tolist())) == min(k, available)
        np.add.at(used, batch, 1)
    # Each group is used at most once; filling up uses an image again, ceil(k / count) times more.
    assert used.max(initial=0) <= 1 + -(-k // min(counts))


def test_pk_epoch_leaves_little_out() -> None:
    labels = np.repeat(np.arange(100), 10)
    batches = pk_batches(labels, labels, 16, 5, rng(0))
    assert len(batches) == 200 // 16


def test_pk_prefers_identities_with_many_images() -> None:
    labels = np.repeat(np.arange(4), [20, 4, 4, 4])
    batches = pk_batches(labels, labels, 2, 4, rng(0))
    # Five groups of the first identity meet one of another each, as far as those last.
    assert len(batches) >= 3
    assert all(0 in labels[batch] for batch in batches)


def test_pk_images_of_a_person_come_from_different_cameras() -> None:
    labels = np.repeat(np.arange(6), 8)
    cameras = np.tile(np.repeat([0, 1, 2], [4, 2, 2]), 6)
    batches = pk_batches(labels, cameras, 3, 2, rng(0))
    groups = cameras[batches].reshape(-1, 2)
    # The first camera has as many images as both others, so nobody needs two by the same one.
    assert (groups[:, 0] != groups[:, 1]).mean() > 0.7
    shuffled = rng(1).permutation(len(labels))
    again = pk_batches(labels[shuffled], cameras[shuffled], 3, 2, rng(0))
    groups = cameras[shuffled][again].reshape(-1, 2)
    assert (groups[:, 0] != groups[:, 1]).mean() > 0.7


@pytest.mark.parametrize("name", ["random", "pk"])
def test_same_seed_same_epoch(name: str) -> None:
    labels = np.repeat(np.arange(6), 5)

    def draw(seed: int) -> object:
        if name == "random":
            return random_batches(30, 7, rng(seed)).tolist()
        return pk_batches(labels, labels, 3, 2, rng(seed)).tolist()

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_identity_with_one_image_is_named() -> None:
    with pytest.raises(InputError, match="identity 7 has one image"):
        check_identities(np.array([5, 5, 7, 8, 8]), 2)


def test_only_image_of_an_identity_is_named() -> None:
    paths = [Path(f"{number}.png") for number in range(5)]
    with pytest.raises(InputError, match=r"^2\.png: its identity has one image; .* random$"):
        check_identities(np.array([5, 5, 7, 8, 8]), 2, paths)
