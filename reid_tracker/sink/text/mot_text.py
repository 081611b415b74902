"""MOTChallenge text: one line per box, as TrackEval and the MOTChallenge server read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from operator import itemgetter
from typing import TextIO

import numpy as np
import numpy.typing as npt

from reid_tracker.geometry import xyxy_to_tlwh
from reid_tracker.sink.files import TextSink
from reid_tracker.sink.text.final_text import once_each
from reid_tracker.types import FrameResult

_LINE = "%d,%d,%.2f,%.2f,%.2f,%.2f,%.2f,-1,-1,-1\n"


class MotSink(TextSink):
    """Writes `frame,id,left,top,width,height,confidence,-1,-1,-1`; frames count from 1.

    Predicted boxes of unseen tracks are written like any other box that the tracker reports. Equal
    results give equal bytes.
    """

    def write(self, result: FrameResult) -> None:
        """Write the boxes of one frame; a frame without tracks leaves no line."""
        tracks = result.tracks
        columns = np.column_stack(
            [
                np.full(len(tracks), result.frame.index + 1),
                tracks.ids,
                xyxy_to_tlwh(tracks.boxes),
                tracks.scores,
            ]
        )
        self.append(mot_lines(columns))


def mot_lines(rows: npt.NDArray[np.floating]) -> str:
    """Return the text of (N, 7) rows: frame, id, left, top, width, height, confidence."""
    # Adding zero turns -0.0 into 0.0, which would print as "-0.00".
    values = (rows.astype(np.float64).round(2) + 0.0).ravel().tolist()
    return _LINE * len(rows) % tuple(values)


def copy_with_identities(
    lines: Iterable[str], identity_of: Callable[[int], int], file: TextIO
) -> None:
    """Copy MOTChallenge text with identities in place of track ids.

    Boxes of tracklets whose identity stayed unknown are left out, so that every id is one person
    and occurs at most once in a frame.
    """
    rows = (line.split(",", 2) for line in lines)
    for frame, group in groupby(rows, key=itemgetter(0)):
        some = list(group)
        identities = once_each([int(track) for _, track, _ in some], identity_of)
        for (_, _, rest), identity in zip(some, identities, strict=True):
            if identity:
                file.write(f"{frame},{identity},{rest}")
