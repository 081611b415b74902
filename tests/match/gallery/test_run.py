"""A gallery for one run: opened before it, closed with everything written."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from reid_tracker.config import GalleryConfig
from reid_tracker.errors import ConfigError, ModelMismatchError
from reid_tracker.match import CrossCameraMatcher
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.run import remembering, writing_to
from tests.match.gallery.samples import MODEL, OTHER_MODEL, identities, person, sighting
from tests.match.worlds import tracks

STEP_S = 0.5
START_S = 1_700_000_000.0


def test_another_encoder_is_refused_before_anything_is_tracked(tmp_path: Path) -> None:
    config = GalleryConfig(address=str(tmp_path / "gallery.sqlite"))
    with EmbeddedStore(tmp_path / "gallery.sqlite") as store:
        store.write([sighting("a")])
    with (
        pytest.raises(ModelMismatchError, match="use the same encoder"),
        remembering(config, OTHER_MODEL),
    ):
        pass
    with remembering(config, MODEL):
        pass


def test_what_is_too_old_is_gone_before_anybody_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "gallery.sqlite"
    with EmbeddedStore(path, clock=lambda: time.time() - 7200) as store:
        store.write([sighting("a", 1)])
    config = GalleryConfig(address=str(path), retention_h=1)
    with remembering(config, OTHER_MODEL):  # an empty gallery takes any
        pass
    with EmbeddedStore(path) as store:
        assert identities(store) == {}
        assert store.reserve_identities(1).start == 2


def test_a_clock_that_may_be_days_ahead_deletes_nobody_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "gallery.sqlite"
    with EmbeddedStore(path, clock=lambda: time.time() - 4 * 86_400) as store:
        store.write([sighting("a", 1)])
    with writing_to(GalleryConfig(address=str(path), retention_h=72)) as (store, writer):
        writer.put([sighting("b", 2)])
        writer.flush()
        assert identities(store) == {"a": 1, "b": 2}
    assert "nothing is deleted by age for an hour" in caplog.text


def test_a_run_that_is_interrupted_is_stored_to_the_last_frame(tmp_path: Path) -> None:
    config = GalleryConfig(address=str(tmp_path / "gallery.sqlite"))

    def run() -> None:
        with remembering(config, MODEL, start_s=START_S) as remember:
            matcher = remember(CrossCameraMatcher())
            for step in range(8):
                look = person(1)[None]
                matcher.update("door", tracks([1]), look, step * STEP_S)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    with EmbeddedStore(tmp_path / "gallery.sqlite") as store:
        (one,) = store.sightings()
    assert one.end_s == START_S + 3.5


def test_the_gallery_of_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "gallery.sqlite"
    with writing_to(GalleryConfig(address=str(path))) as (store, writer):
        assert store.info().next_identity == 1
        writer.put([sighting("a", 1)])
    with EmbeddedStore(path, create=False) as store:
        assert identities(store) == {"a": 1}
    with pytest.raises(ConfigError, match=r"gallery\.address = null"), writing_to(GalleryConfig()):
        pass
