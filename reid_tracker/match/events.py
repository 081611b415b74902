"""What a matcher publishes when it learns who somebody is, or changes its mind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EventKind = Literal["new", "match", "merge", "split"]

Member = tuple[str, int]
"""A tracklet: camera and the id that the camera's tracker gave it."""


@dataclass(frozen=True)
class IdentityEvent:
    """From `time_s` on, `members` belong to `identity`; this also holds for their past.

    Attributes:
        kind: "new": nobody known; "match": tracklets joined a known identity; "merge": two
            identities were one person; "split": tracklets do not belong where they were.
        identity: number that the members have now; 0 after a split that leaves open who it is.
        previous_ids: other numbers that the members had before, rising.
        members: the tracklets that changed, in order.
        reason: in words, for people.
        score: similarity in [0, 1] on which it rests; 1 where nothing was compared.
        time_s: time of the decision.
    """

    kind: EventKind
    identity: int
    previous_ids: tuple[int, ...]
    members: tuple[Member, ...]
    reason: str
    score: float
    time_s: float
