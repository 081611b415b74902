"""Passes the results of a run to its outputs, with blurred heads if asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from reid_tracker.sink import open_head_blur
from reid_tracker.types import FrameResult

Write = Callable[[FrameResult], None]


class ResultWriter:
    """Passes each result to the outputs of its camera.

    Args:
        outputs: for each camera, functions that take its results, in the order of the calls.
        blur_heads: whether heads are blurred before any output sees the picture.
    """

    def __init__(self, outputs: Mapping[str, Sequence[Write]], *, blur_heads: bool) -> None:
        self._outputs = outputs
        self._blurs = {camera: open_head_blur() for camera in outputs} if blur_heads else {}

    def write(self, result: FrameResult) -> None:
        """Pass on one frame.

        Raises:
            OutputError: an output failed; those after it have not received the frame.
        """
        if result.camera in self._blurs:
            result = self._blurs[result.camera].hide(result)
        for write in self._outputs[result.camera]:
            write(result)
