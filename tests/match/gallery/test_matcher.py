"""People keep their numbers beyond a run: recognised, new, merged, asked again, and stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from reid_tracker.arrays import Float32Array
from reid_tracker.config import MatchConfig
from reid_tracker.errors import StoreUnavailableError
from reid_tracker.match import CrossCameraMatcher
from reid_tracker.match.gallery.asker import PatientAsker
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.matcher import GalleryMatcher
from reid_tracker.match.gallery.recorder import RunLink
from reid_tracker.match.gallery.records import ANYWHERE, Hit, Where
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.match.gallery.writer import GalleryWriter
from reid_tracker.types import IdentityEvent
from tests.match.gallery.samples import MODEL, identities, person, sighting, unit
from tests.match.worlds import tracks

STEP_S = 0.5
START_S = 1_700_000_000.0


class World:
    """A run of a matcher with a gallery."""

    def __init__(self, store: GalleryStore, run: str, config: MatchConfig | None = None) -> None:
        self.asker = PatientAsker(store, patience_s=60)
        self.writer = GalleryWriter(store)
        self.link = RunLink(run, MODEL, "north", START_S)
        inner = CrossCameraMatcher(config)
        self.pictures: dict[tuple[str, int], bytes] = {}
        self.matcher = GalleryMatcher(
            *(inner, self.asker, self.writer, self.link),
            lambda camera, track: self.pictures.pop((camera, track), None),
        )
        self.now_s = 0.0
        self.events: list[IdentityEvent] = []

    def walk(self, people: dict[int, int], seconds: float, camera: str = "door") -> list[int]:
        """Show people, by track; return who they are in the last frame."""
        looks = np.stack([person(one) for one in people.values()])
        for _ in range(round(seconds / STEP_S)):
            found = self.matcher.update(camera, tracks(list(people)), looks, self.now_s)
            self.events += self.matcher.events()
            self.now_s += STEP_S
        return [int(one) for one in found.ids]

    def end(self) -> list[IdentityEvent]:
        self.matcher.finish()
        self.events += self.matcher.events()
        self.asker.close()
        self.writer.close()
        return self.events


def kinds(events: Sequence[IdentityEvent]) -> list[tuple[str, int, tuple[int, ...]]]:
    return [(event.kind, event.identity, event.previous_ids) for event in events]


def test_a_run_is_stored(store: GalleryStore) -> None:
    world = World(store, "first")
    world.pictures["door", 2] = b"a picture"
    assert world.walk({1: 1, 2: 2}, 12) == [1, 2]
    assert world.writer.flush(60)
    # While they are still there.
    assert identities(store) == {"first/door/1": 1, "first/door/2": 2}
    assert world.walk({2: 2}, 3) == [2]
    assert kinds(world.end()) == [("new", 1, ()), ("new", 2, ())]
    one, two = store.sightings()
    assert (one.site, one.camera, one.start_s, one.end_s) == (
        "north",
        "door",
        START_S,
        START_S + 11.5,
    )
    assert two.end_s == START_S + 14.5
    assert 0 < one.quality <= 1
    assert one.embeddings[0] @ person(1) > 0.999
    assert store.crops([one.id, two.id]) == {two.id: b"a picture"}
    assert [event.kind for event in store.events()] == ["new", "new"]
    assert store.events()[0].time_s >= START_S


def test_who_was_there_before_is_known(store: GalleryStore) -> None:
    first = World(store, "first")
    first.walk({1: 1, 2: 2}, 6)
    first.end()
    second = World(store, "second")
    # Other tracks, another order, and somebody new.
    assert second.walk({1: 3, 7: 2, 9: 1}, 6)[1:] == [2, 1]
    events = second.end()
    assert sorted(kinds(events)) == [("match", 1, ()), ("match", 2, ()), ("new", 65, ())]
    assert "known to the gallery" in next(one.reason for one in events if one.identity == 2)
    found = identities(store)
    assert {found["second/door/1"], found["second/door/7"], found["second/door/9"]} == {65, 2, 1}
    # Numbers are taken in advance, and none is given twice.
    assert store.reserve_identities(1).start > 65


def test_nobody_is_two_people_at_once(store: GalleryStore) -> None:
    first = World(store, "first")
    first.walk({1: 1}, 6)
    first.end()
    second = World(store, "second")
    ids = second.walk({1: 1, 2: 1}, 6)  # twins, side by side
    second.end()
    assert ids[0] == 1
    assert ids[1] not in {0, 1}


def test_two_alike_are_nobody_for_sure(store: GalleryStore) -> None:
    store.write([sighting("a", 1), sighting("b", 2, embeddings=person(1)[None])])
    world = World(store, "run")
    assert world.walk({1: 1}, 6) == [3]
    world.end()


def test_the_same_gallery_gives_the_same_identities(tmp_path: Path) -> None:
    results = []
    for name in ("a", "b"):
        with EmbeddedStore(tmp_path / f"{name}.sqlite") as store:
            store.write([sighting("old", 4)])
            world = World(store, name)
            ids = [world.walk({1: 4, 2: 5}, 7), world.walk({3: 6}, 4), world.walk({4: 5}, 9)]
            results.append((ids, [repr(event) for event in world.end()]))
    assert results[0] == results[1]


class Away(EmbeddedStore):
    """A store that can be away, for questions too."""

    gone = False

    def nearest(
        self,
        query: Float32Array,
        *,
        model: str,
        k: int = 10,
        where: Where = ANYWHERE,
        one_per_identity: bool = False,
    ) -> list[Hit]:
        if self.gone:
            raise StoreUnavailableError("away")
        return super().nearest(
            query, model=model, k=k, where=where, one_per_identity=one_per_identity
        )

    def reserve_identities(self, count: int) -> range:
        if self.gone:
            raise StoreUnavailableError("away")
        return super().reserve_identities(count)


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Away]:
    store = Away(tmp_path / "gallery.sqlite")
    store.write([sighting("old", 1)])
    yield store
    store.close()


def test_who_could_not_be_asked_for_is_asked_for_again(away: Away) -> None:
    world = World(away, "run")
    away.gone = True
    (own,) = world.walk({1: 1}, 4)
    assert own == 2  # from the stock
    away.gone = False
    for _ in range(100):  # until the asker tries again, which is a matter of clocks
        if world.walk({1: 1}, 2) == [1]:
            break
        world.asker._next_try = 0.0
    assert kinds(world.end()) == [("new", 2, ()), ("merge", 1, (2,))]
    assert identities(away) == {"old": 1, "run/door/1": 1}


def test_without_any_number_it_is_open_who_it_is(away: Away) -> None:
    world = World(away, "run")
    world.matcher._stock.clear()
    away.gone = True
    assert world.walk({1: 2}, 4) == [0]
    assert world.events == []
    away.gone = False
    for _ in range(100):
        if world.walk({1: 2}, 2) != [0]:
            break
        world.asker._next_try = 0.0
    (event,) = world.end()
    assert (event.kind, event.members) == ("new", (("door", 1),))
    assert identities(away)["run/door/1"] == event.identity > 1


def test_a_merge_ends_only_numbers_of_this_run(store: GalleryStore) -> None:
    """Looks that change: 1 is seen, then 2 on another camera, who turns out to be 1."""
    for known in ((), (1,), (1, 2), (2,)):
        store.purge()
        # 2 is remembered less well, so that of both 1 is the surer one.
        looks = {1: person(1), 2: unit(person(2) + 0.2 * person(3))}
        store.write([sighting(f"old {one}", one, embeddings=looks[one][None]) for one in known])
        world = World(store, f"run {known}", MatchConfig(revise_every_s=0))
        (one,) = world.walk({1: 1}, 4)
        (two,) = world.walk({2: 2}, 4, "yard")
        assert (one in known, two in known) == (1 in known, 2 in known)
        ledger = world.matcher._matcher._ledger
        rows = np.flatnonzero(ledger.table.identity == 2)
        ledger.assign(rows, 1, "merge", "similar", np.full(len(rows), 0.9))
        kept, ended = (two, one) if known == (2,) else (one, two)
        assert world.walk({2: 2}, 1, "yard") == [kept]
        world.end()
        merged = [event for event in kinds(world.events) if event[0] in {"merge", "split"}]
        assert merged == [("split" if known == (1, 2) else "merge", kept, (ended,))]
        found = identities(store)
        assert {name: found[name] for name in found if name.startswith("old")} == {
            f"old {one}": one for one in known
        }
        assert found[f"run {known}/door/1"] == found[f"run {known}/yard/2"] == kept
