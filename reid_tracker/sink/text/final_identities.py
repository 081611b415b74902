"""Who each tracklet is after all events so far: for files whose past may still be put right."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from reid_tracker.arrays import IntArray
from reid_tracker.types import IdentityEvent, Member


class FinalIdentities:
    """Takes the identity events of a run in order, and tells what they amount to."""

    def __init__(self) -> None:
        self._identity: dict[Member, int] = {}

    def take(self, events: Iterable[IdentityEvent]) -> None:
        """Note more events."""
        for event in events:
            self._identity.update(dict.fromkeys(event.members, event.identity))

    def one(self, camera: str, track: int) -> int:
        """Return the identity of a track of a camera; 0 where it is not sure who."""
        return self._identity.get((camera, track), 0)

    def of(self, camera: str, tracks: IntArray) -> IntArray:
        """Return the (M,) identities of (M,) tracks of a camera; 0 where it is not sure who."""
        return np.array([self.one(camera, track) for track in tracks.tolist()], np.int64)
