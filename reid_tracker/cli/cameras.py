"""How live cameras are doing, in a few words."""

from __future__ import annotations

from collections.abc import Sequence

from reid_tracker.types import SourceState, SourceStatus

_MOST_NAMED = 3


def describe_cameras(statuses: Sequence[SourceStatus]) -> str:
    """Return one line, such as "2 live, yard stalled 4 s, gate gone 75 s".

    Args:
        statuses: of all live cameras of a run.
    """
    troubled = [status for status in statuses if status.state is not SourceState.LIVE]
    parts = [f"{len(statuses) - len(troubled)} live"]
    parts += [
        f"{status.camera} {status.state.value} {status.since_s:.0f} s"
        for status in troubled[:_MOST_NAMED]
    ]
    if len(troubled) > _MOST_NAMED:
        parts.append(f"{len(troubled) - _MOST_NAMED} more not live")
    return ", ".join(parts)
