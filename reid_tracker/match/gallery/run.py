"""Opens a gallery for one run, and closes it after everything has been written."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reid_tracker.config import GalleryConfig
from reid_tracker.errors import ConfigError
from reid_tracker.match.decide.matcher import CrossCameraMatcher
from reid_tracker.match.gallery.aging import Aging
from reid_tracker.match.gallery.asker import PatientAsker
from reid_tracker.match.gallery.matcher import GalleryMatcher
from reid_tracker.match.gallery.open import open_gallery
from reid_tracker.match.gallery.recorder import PictureOf, RunLink
from reid_tracker.match.gallery.store import GalleryStore, check_gallery
from reid_tracker.match.gallery.writer import GalleryWriter

Remember = Callable[[CrossCameraMatcher], GalleryMatcher]
"""Gives the matcher of a run a memory; call it once."""

_LIMIT_S = 10.0
"""A call of a run that takes longer is given up and repeated later."""


@contextmanager
def writing_to(config: GalleryConfig) -> Iterator[tuple[GalleryStore, GalleryWriter]]:
    """Open the gallery of a configuration, and write what waits before it is closed.

    Records older than the retention are deleted first, and about once a minute from then on, unless
    the clock is in doubt, see `Aging`.

    Yields:
        The store, to ask; and the queue in front of it, to write.

    Raises:
        ConfigError: the configuration names no gallery.
        StoreError: the gallery cannot be opened, or at the end, something could not be written.
    """
    if config.address is None:
        raise ConfigError("gallery.address = null: expected a file or postgresql://...")
    retention_s = None if config.retention_h is None else 3600 * config.retention_h
    with open_gallery(config.address, limit_s=_LIMIT_S) as store:
        aging = None
        if retention_s is not None:
            aging = Aging(retention_s, newest_s=store.info().stored_s)
            store.purge(aging.limit_s())
        with GalleryWriter(store, capacity=config.max_waiting, aging=aging) as writer:
            yield store, writer


@contextmanager
def remembering(
    config: GalleryConfig, model: str, *, start_s: float = 0.0, picture_of: PictureOf | None = None
) -> Iterator[Remember]:
    """Open the gallery of a configuration for a run, and write what waits before it is closed.

    Records older than the retention are deleted first, so that nobody is recognised by them, unless
    the clock is in doubt, see `Aging`.

    Args:
        config: address and retention of the gallery.
        model: space of the embeddings, see `SightingRecord`.
        start_s: UTC seconds since 1970 at time 0 of the run.
        picture_of: returns pictures to store; None stores none.

    Yields:
        A function that makes a matcher remember people beyond the run.

    Raises:
        ConfigError: the configuration names no gallery.
        ModelMismatchError: the gallery holds embeddings of another encoder.
        StoreError: the gallery cannot be opened, or at the end, something could not be stored.
    """
    made: list[GalleryMatcher] = []
    with writing_to(config) as (store, writer):
        check_gallery(store, model)
        asker = PatientAsker(store)

        def remember(matcher: CrossCameraMatcher) -> GalleryMatcher:
            link = RunLink(uuid.uuid4().hex, model, config.site, start_s)
            made.append(GalleryMatcher(matcher, asker, writer, link, picture_of))
            return made[-1]

        try:
            yield remember
        finally:
            asker.close()
            for matcher in made:
                matcher.store()  # also after Ctrl-C in the middle of a run
    for matcher in made:
        if matcher.failure is not None:
            raise matcher.failure
