from __future__ import annotations

from pathlib import Path

from reid_tracker.train.datasets import PersonImages, ReidDataset, join_datasets


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
