"""Describes in one line the damage found while a file was read."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from reid_tracker.video.decode import DecodeReport

_SOUND_OUTLASTS_PICTURE_S = 1


def describe_damage(
    container: InputContainer, stream: VideoStream, frame_rate: Fraction, report: DecodeReport
) -> str | None:
    """Compare what was read with what the container promises.

    Args:
        container: a file that was read to its end.
        stream: the video stream of it.
        frame_rate: frames per second.
        report: what reading met.

    Returns:
        One line without the file's name, or None if the file is whole.
    """
    declared, missing = _declared_and_missing(container, stream, frame_rate, report)
    if not (report.lost or report.damaged or report.stopped_by or missing):
        return None
    count = f"{report.frames} of {declared} frames" if declared else f"{report.frames} frames"
    parts = [f"damaged or cut short: {count} read"]
    if report.lost:
        parts.append(f"{report.lost} could not be decoded")
    if report.damaged:
        parts.append(f"{report.damaged} may show damage")
    if report.stopped_by:
        parts.append(f"reading stopped with '{report.stopped_by}'")
    return ", ".join(parts)


def _declared_and_missing(
    container: InputContainer, stream: VideoStream, frame_rate: Fraction, report: DecodeReport
) -> tuple[int | None, bool]:
    """Return how many frames the container promises, and whether some were not even stored."""
    container_format = container.format.name
    end = round(report.end * (stream.time_base or Fraction(1)) * frame_rate)
    if stream.frames and "mp4" in container_format:
        # The index holds fewer frames than the header if an edit list cuts some off.
        indexed = len(getattr(stream, "index_entries", ())) or stream.frames
        declared = min(stream.frames, indexed)
        return declared, report.packets < declared
    if stream.frames and container_format == "avi":
        # The header counts slots; a recorder that dropped frames left some empty.
        return stream.frames, report.end < stream.frames
    if "matroska" in container_format:
        seconds, tolerance = _matroska_duration_s(container, stream)
        declared = round(seconds * frame_rate)
        return declared or None, end + max(2, round(tolerance * frame_rate)) < declared
    return stream.frames or None, False


def _matroska_duration_s(
    container: InputContainer, stream: VideoStream
) -> tuple[Fraction, Fraction]:
    """Return the declared duration of the video and how far off it may be, in seconds."""
    hours, _, rest = stream.metadata.get("DURATION", "").partition(":")
    minutes, _, seconds = rest.partition(":")
    try:
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds), Fraction(0)
    except ValueError:
        # The file's own duration is that of its longest stream, which may be the sound.
        return Fraction(container.duration or 0, 1_000_000), Fraction(_SOUND_OUTLASTS_PICTURE_S)
