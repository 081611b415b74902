"""The interface through which the pipeline asks who the tracks of all cameras are."""

from __future__ import annotations

from typing import Protocol

from reid_tracker.types import Embeddings, Identities, IdentityEvent, Tracks


class Matcher(Protocol):
    """Takes the tracks of every camera, frame by frame, and returns their identities."""

    def update(
        self, camera: str, tracks: Tracks, embeddings: Embeddings | None, timestamp_s: float
    ) -> Identities:
        """Take the tracks of one frame of one camera; see `CrossCameraMatcher.update`."""
        ...

    def events(self) -> list[IdentityEvent]:
        """Return the changes since the last call, in order."""
        ...

    def finish(self) -> None:
        """Decide what is still open, after the last frame."""
        ...
