from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reid_tracker.errors import ConfigError
from reid_tracker.train.datasets import (
    PersonImages,
    ReidDataset,
    hold_out,
    join_datasets,
)


def images(*rows: tuple[str, int, int]) -> PersonImages:
    return PersonImages.from_rows((Path(name), person, camera) for name, person, camera in rows)


def test_people_and_cameras_of_two_sets_are_different_ones() -> None:
    first = ReidDataset(
        images(("a", 1, 0), ("b", 4, 2)), images(("q", 9, 0)), images(("g", 9, 1), ("x", 0, 1))
    )
    second = ReidDataset(
        images(("c", 1, 0), ("d", 2, 1)), images(("r", 9, 0)), images(("h", 9, 1), ("y", 0, 1))
    )
    joined = join_datasets([first, second])
    assert [path.name for path in joined.train.paths] == ["a", "b", "c", "d"]
    assert joined.train.identity_count == 4
    assert len(set(joined.train.cameras.tolist())) == 4
    mine, theirs = (
        set(joined.gallery.identities[rows].tolist()) for rows in (slice(2), slice(2, 4))
    )
    assert mine & theirs == {0}, "distractors stay nobody"
    query, gallery = joined.query.identities, joined.gallery.identities
    assert query.tolist() == [gallery[0], gallery[2]]
    assert not set(joined.query.cameras.tolist()) & set(joined.gallery.cameras.tolist())


def test_one_set_stays_as_it_is() -> None:
    alone = ReidDataset(images(("a", 3, 1), ("b", 4, 2)), images(), images())
    joined = join_datasets([alone])
    assert joined.train.identities.tolist() == [3, 4]
    assert joined.train.cameras.tolist() == [1, 2]


def people(identities: list[int], cameras: list[int]) -> PersonImages:
    paths = tuple(Path(f"{row}.jpg") for row in range(len(identities)))
    return PersonImages(paths, np.array(identities), np.array(cameras))


def test_identities_are_disjoint_and_cameras_split() -> None:
    found = hold_out(people([1, 1, 2, 2, 3, 3, 4], [0, 1, 1, 2, 0, 0, 0]), 2, seed=0)
    # Only identities 1 and 2 were seen by two cameras.
    assert set(found.train.identities.tolist()) == {3, 4}
    assert list(zip(found.query.identities, found.query.cameras, strict=True)) == [(1, 0), (2, 1)]
    assert list(zip(found.gallery.identities, found.gallery.cameras, strict=True)) == [
        (1, 1),
        (2, 2),
    ]


def test_seed_decides() -> None:
    whole = people([i for i in range(1, 31) for _ in (0, 1)], [0, 1] * 30)
    kept = [set(hold_out(whole, 5, seed).query.identities.tolist()) for seed in (1, 1, 2)]
    assert kept[0] == kept[1] != kept[2]


def test_none_held_out() -> None:
    found = hold_out(people([1, 2], [0, 0]), 0, seed=0)
    assert (len(found.train), len(found.query), len(found.gallery)) == (2, 0, 0)


def test_too_many() -> None:
    with pytest.raises(ConfigError, match="only 1 of 3 identities were seen by two cameras"):
        hold_out(people([1, 1, 2, 3], [0, 1, 0, 0]), 2, seed=0)
