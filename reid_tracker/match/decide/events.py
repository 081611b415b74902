"""Events of identities: made many at a time, and read back to who everybody is."""

from __future__ import annotations

from collections.abc import Sequence

from reid_tracker.types import IdentityEvent, Member


def arrivals(
    members: Sequence[Member],
    identities: Sequence[int],
    scores: Sequence[float],
    *,
    known: bool,
    loose: float,
    time_s: float,
) -> list[IdentityEvent]:
    """Return the events of tracklets that get their first identity, one each.

    Args:
        members: K tracklets.
        identities: K numbers.
        scores: K similarities in [0, 1]; 1 where the identities are new.
        known: the identities were there before; otherwise they are new.
        loose: highest cost allowed, for the reason.
        time_s: of the decision.
    """
    return [
        IdentityEvent(
            "match" if known else "new",
            identity,
            (),
            (member,),
            f"looks cost {1 - score:.3f}, at most {loose:g} allowed"
            if known
            else "nobody known is alike enough",
            score,
            time_s,
        )
        for member, identity, score in zip(members, identities, scores, strict=True)
    ]


def final_identities(events: Sequence[IdentityEvent]) -> dict[Member, int]:
    """Return who each tracklet is after all events, by camera and track id."""
    return {member: event.identity for event in events for member in event.members}
