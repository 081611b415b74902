"""Which results a run writes."""

from __future__ import annotations

from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number


@dataclass(frozen=True)
class OutputConfig(Checked):
    """Which results are written, for each camera and for a run over several.

    Attributes:
        video: annotated H.264 video.
        mot: MOTChallenge text; with several cameras, also with ids over all of them.
        jsonl: JSON lines, one frame a line; with several cameras, also the identities' events.
        csv: one row a box.
        crops: one folder of pictures per identity.
        mosaic: one video of all cameras, where a run has several.
        parquet: a table of all boxes of all cameras, where a run has several.
        pictures: timeline, transitions, transit times and floor map, where a run has several.
        trail_s: length of the drawn trail.
        video_crf: x264 quality, 0 best to 51 worst.
        blur_heads: make heads unrecognisable in whatever pictures are shown, written or stored.
        extra: names of further output formats, those that have no key of their own here.
    """

    video: bool = True
    mot: bool = True
    jsonl: bool = True
    csv: bool = False
    crops: bool = False
    mosaic: bool = True
    parquet: bool = False
    pictures: bool = True
    trail_s: float = number(2.0, 0.0)
    video_crf: int = number(23, 0, 51)
    blur_heads: bool = False
    extra: tuple[str, ...] = ()
