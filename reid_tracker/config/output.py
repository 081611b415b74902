"""Settings of the results that a run writes."""

from __future__ import annotations

from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number


@dataclass(frozen=True)
class OutputConfig(Checked):
    """Which results are written, for each camera and for a run over several cameras.

    Attributes:
        video: write an annotated H.264 video.
        mot: write MOTChallenge text, which counts frames from 1; with several cameras, also with
            ids over all of them.
        jsonl: write JSON lines, one frame a line, counted from 0; with several cameras, also the
            events of identities.
        csv: write CSV, one row a box; frames count from 0.
        crops: write pictures of each identity, in a folder of its own.
        mosaic: write one video of all cameras; several cameras only.
        parquet: write a table of all boxes of all cameras; several cameras only.
        pictures: draw timeline, transitions, transit times and map; several cameras only.
        trail_s: length of the drawn trail.
        video_crf: quality of the x264 encoder; 0 is best, 51 is worst.
        blur_heads: blur heads in every picture that is shown, written or stored.
        extra: names of further output formats, which have no key of their own.
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
