"""Writes the refined tracks of a recorded video when it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reid_tracker.config import DeepSortConfig
from reid_tracker.geometry import xyxy_to_tlwh
from reid_tracker.sink.files import cannot_write, file_stem, refuse_existing
from reid_tracker.sink.formats import REFINED
from reid_tracker.track.refine import Recorder, Trajectory, refine
from reid_tracker.types import FrameResult, Tracks
from reid_tracker.video import Source

if TYPE_CHECKING:
    from reid_tracker.sink.counts.files import CountSink

_LINE = "{:d},{:d},{:.2f},{:.2f},{:.2f},{:.2f},{:.2f},-1,-1,-1\n"


class RefinedTracks:
    """Writes `CAMERA_refined.txt` (MOTChallenge text) and `CAMERA_refined.json` (the changes).

    The other files of the run keep their ids. Each change names the live track (`old_id`), its id
    in the refined text (`new_id`), the time from which it applies, and the reason.

    Args:
        folder: where the files go; exists.
        source: the recorded video.
        config: of the tracker, for its thresholds.
        counts: counts the people of the refined tracks; not closed here.
        overwrite: whether earlier files may be replaced.

    Raises:
        OutputError: a file exists.
    """

    def __init__(
        self,
        folder: Path,
        source: Source,
        config: DeepSortConfig,
        counts: CountSink | None = None,
        *,
        overwrite: bool,
    ) -> None:
        self.path, self._changes = (folder / f"{file_stem(source.name)}{end}" for end in REFINED)
        for path in (self.path, self._changes):
            refuse_existing(path, overwrite)
        self._camera, self._counts = source.name, counts
        self._thresholds = config.thresholds()
        self._size = (float(source.info.width), float(source.info.height))
        self._recorder = Recorder()
        self._numbers: list[int] = []  # of the frames that were read, from 1
        self._closed = False

    def write(self, result: FrameResult) -> None:
        """Take one frame."""
        if self._counts is not None:
            self._counts.class_names = result.class_names
            self._counts.write_events(result.events)
        embeddings = result.embeddings
        if embeddings is not None:
            weak = result.tracks.scores < self._thresholds.high_confidence
            embeddings = np.where(weak[:, None], np.float32(0), embeddings)
        time_s = result.frame.timestamp_s
        self._recorder.add(len(self._numbers), time_s, result.tracks, embeddings)
        self._numbers.append(result.frame.index + 1)

    def close(self) -> None:
        """Refine and write; closing twice is harmless.

        Raises:
            OutputError: a file cannot be written.
        """
        if self._closed:
            return
        self._closed = True
        tracks, changes = refine(
            self._recorder.trajectories(), self._size, self._thresholds.max_cosine_distance
        )
        text = json.dumps([asdict(change) for change in changes], indent=1)
        for path, content in ((self.path, self._lines(tracks)), (self._changes, text + "\n")):
            try:
                path.write_text(content, encoding="utf-8")
            except OSError as error:
                raise cannot_write(path, error) from error
        if self._counts is not None:
            for frame, time_s, rows in rows_by_frame(tracks):
                self._counts.count(self._camera, self._numbers[frame] - 1, time_s, rows)

    def _lines(self, tracks: list[Trajectory]) -> str:
        rows = [
            (self._numbers[frame], track.track_id, *box, score)
            for track in tracks
            for frame, box, score in zip(
                track.frames.tolist(),
                xyxy_to_tlwh(track.boxes).tolist(),
                track.scores.tolist(),
                strict=True,
            )
        ]
        return "".join(_LINE.format(*row) for row in sorted(rows))


def rows_by_frame(tracks: Sequence[Trajectory]) -> Iterator[tuple[int, float, Tracks]]:
    """Yield number, time and tracks of each frame that has any, in order."""
    if not tracks:
        return
    frames = np.concatenate([track.frames for track in tracks])
    ids = np.repeat([track.track_id for track in tracks], [len(track) for track in tracks])
    times_s = np.concatenate([track.times_s for track in tracks])
    born_s = np.repeat([track.born_s for track in tracks], [len(track) for track in tracks])
    rows = Tracks(
        ids=ids,
        boxes=np.concatenate([track.boxes for track in tracks]),
        scores=np.concatenate([track.scores for track in tracks]),
        classes=np.repeat([one.class_number for one in tracks], [len(one) for one in tracks]),
        ages_s=times_s - born_s,
        observed=np.concatenate([track.observed for track in tracks]),
        detection_index=np.full(len(ids), -1),
    )
    order = np.lexsort((ids, frames))
    for group in np.split(order, np.flatnonzero(np.diff(frames[order])) + 1):
        yield int(frames[group[0]]), float(times_s[group[0]]), rows[group]
