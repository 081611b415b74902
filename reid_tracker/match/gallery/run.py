"""Opens a gallery for one run, and closes it with everything that the run found in it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reid_tracker.config import GalleryConfig
from reid_tracker.match.decide.matcher import CrossCameraMatcher
from reid_tracker.match.gallery.asker import PatientAsker
from reid_tracker.match.gallery.link import RunLink
from reid_tracker.match.gallery.matcher import GalleryMatcher, PictureOf
from reid_tracker.match.gallery.open import writing_to
from reid_tracker.match.gallery.store import check_model

Remember = Callable[[CrossCameraMatcher], GalleryMatcher]
"""Gives the matcher of a run a memory; called once."""


@contextmanager
def remembering(
    config: GalleryConfig, model: str, *, start_s: float = 0.0, picture_of: PictureOf | None = None
) -> Iterator[Remember]:
    """Open the gallery of a configuration for a run, and close it with what waits written.

    What is older than the retention is deleted first, so that nobody is recognised by it.

    Args:
        config: which gallery, and for how long.
        model: hash of the encoder's weights.
        start_s: UTC seconds since 1970 at time 0 of the run.
        picture_of: gives pictures to store; None stores none.

    Yields:
        What makes a matcher remember people beyond the run.

    Raises:
        ConfigError: the configuration names no gallery.
        ModelMismatchError: the gallery holds looks of another encoder.
        StoreError: it cannot be opened; at the end, something could not be stored.
    """
    made: list[GalleryMatcher] = []
    with writing_to(config) as (store, writer):
        info = store.info()
        if info.model is not None and info.embedding_size is not None:
            known = info.model, info.embedding_size
            check_model(info.place, known, model, info.embedding_size)
        asker = PatientAsker(store)

        def remember(matcher: CrossCameraMatcher) -> GalleryMatcher:
            # Random: it only has to differ from that of every other run.
            link = RunLink(uuid.uuid4().hex, model, config.site, start_s)
            made.append(GalleryMatcher(matcher, asker, writer, link, picture_of))
            return made[-1]

        try:
            yield remember
        finally:
            asker.close()
            for matcher in made:
                matcher.store()  # also after Ctrl-C, which ends a run in its middle
    for matcher in made:
        if matcher.failure is not None:
            raise matcher.failure
