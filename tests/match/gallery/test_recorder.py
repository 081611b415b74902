"""Records of a run: ids beyond the run, UTC times, and events that move the right sightings."""

from __future__ import annotations

from reid_tracker.match.gallery.recorder import RunLink
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.types import IdentityEvent
from tests.match.gallery.samples import MODEL, identities, person


def test_a_run_in_a_gallery(store: GalleryStore) -> None:
    link = RunLink("host 2026-11-24T18:30", MODEL, "north", start_s=1_700_000_000.0)
    look = person(1)[None]
    door = link.sighting("door", 3, 0, span_s=(1.5, 4.0), embeddings=look, quality=0.5)
    yard = link.sighting("yard", 3, 2, span_s=(9.0, 12.0), embeddings=look, quality=0.5)
    assert door.id != yard.id
    assert (door.start_s, door.end_s) == (1_700_000_001.5, 1_700_000_004.0)
    new = IdentityEvent("new", 1, (), (("door", 3),), "nobody known", 1.0, 4.0)
    merge = IdentityEvent("merge", 1, (2,), (("yard", 3),), "looks alike", 0.8, 15.0)
    store.write([door, yard], [link.event(new), link.event(merge)])
    assert identities(store) == {door.id: 1, yard.id: 1}
    first, second = store.events()
    assert first.id != second.id
    assert second.time_s == 1_700_000_015.0
    assert (second.previous, second.sightings) == ((2,), (yard.id,))


def test_two_runs_do_not_share_ids() -> None:
    links = [RunLink(run, MODEL) for run in ("a", "b")]
    assert len({link.sighting_id("door", 1) for link in links}) == 2
    event = IdentityEvent("new", 1, (), (("door", 1),), "", 1.0, 0.0)
    assert len({link.event(event).id for link in links}) == 2
