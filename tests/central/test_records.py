"""Names, batches and records made of messages."""

from __future__ import annotations

import pytest

from reid_tracker.central.records import (
    camera_name,
    key_of_sighting,
    row_of,
    sighting_id,
)
from reid_tracker.errors import (
    MessageError,
)
from tests.central.world import (
    SITE,
)


def test_cameras_of_two_edges_may_share_a_name() -> None:
    assert camera_name("e1", "door") == "e1/door"
    names = [("a/b", "c"), ("a", "b/c"), ("a%2Fb", "c")]
    assert len({camera_name(*one) for one in names}) == 3
    keys = [("e1", "b1", "door", 3), ("e2", "b1", "door", 3), ("e1", "b2", "door", 3)]
    assert len({row_of(key) for key in keys}) == len({sighting_id(SITE, key) for key in keys}) == 3


def test_the_id_of_a_sighting_identifies_its_tracklet() -> None:
    key = ("edge 1/ü", "b", "door.left", 7)
    assert key_of_sighting(SITE, sighting_id(SITE, key)) == key
    assert key_of_sighting("yard", sighting_id(SITE, key)) is None
    for other in ("run/door/3", "a/b/c/d/e", "main=20hall/a/b/c/x", "main=20hall/=zz/b/c/1"):
        assert key_of_sighting(SITE, other) is None
    with pytest.raises(MessageError, match="choose shorter names"):
        sighting_id(SITE, ("ü" * 100, "b", "door", 1))
