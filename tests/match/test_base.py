"""Every matcher of the package can stand behind the pipeline's interface."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reid_tracker.config import GalleryConfig, MatchConfig
from reid_tracker.match import CrossCameraMatcher, Matcher
from reid_tracker.match.gallery.run import remembering
from tests.match.worlds import embeddings_of, tracks


def check(matcher: Matcher) -> None:
    """Two people walk past one camera and get one identity each, reported by events."""
    rng = np.random.default_rng(0)
    for step in range(8):
        found = matcher.update("door", tracks([4, 2]), embeddings_of([0, 1], rng), step / 2)
        assert found.track_ids.tolist() == [4, 2]
    none = matcher.update("door", tracks([]), None, 4.0)
    assert len(none) == 0
    matcher.finish()
    assert sorted(found.ids.tolist()) == [1, 2]
    events = matcher.events()
    assert {event.members[0]: event.identity for event in events} == {
        ("door", track): identity
        for track, identity in zip(found.track_ids.tolist(), found.ids.tolist(), strict=True)
    }
    assert matcher.events() == []


def test_the_matcher_of_a_run() -> None:
    check(CrossCameraMatcher(MatchConfig(min_hits=2, patience_s=1.0)))


def test_the_matcher_with_a_gallery(tmp_path: Path) -> None:
    config = GalleryConfig(address=str(tmp_path / "people.sqlite"))
    with remembering(config, "5f" * 32) as remember:
        check(remember(CrossCameraMatcher(MatchConfig(min_hits=2, patience_s=1.0))))
