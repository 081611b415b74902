"""One video of all cameras side by side, their frames aligned by time."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import cv2
import numpy as np

from reid_tracker.config.stages import OutputConfig
from reid_tracker.sink.base import BaseSink
from reid_tracker.sink.video.annotate import Annotator
from reid_tracker.sink.video.floor_panel import FloorPanel
from reid_tracker.sink.video.mosaic_layout import Tile, arrange, clock, label, placed, say
from reid_tracker.sink.video.writer import VideoSink
from reid_tracker.types import Detections, Frame, FrameResult, ImageBGR, Tracks, VideoInfo

_EPS_S = 1e-6  # tolerance for rounding errors in sums of frame times
_MOST_RATE = 60


class _Shown(NamedTuple):
    """A picture at its final size, without the result's large frame."""

    time_s: float
    picture: ImageBGR
    result: FrameResult


@dataclass
class _Screen:
    """One camera's tile and state."""

    tile: Tile
    annotator: Annotator
    waiting: deque[_Shown] = field(default_factory=deque)
    now: _Shown | None = None
    reached_s: float = -np.inf
    ended_s: float | None = None


class MosaicSink(BaseSink):
    """Takes the results of every camera and writes one frame per tick of a common clock.

    A tick shows each camera's latest frame, so that cameras may have different rates; the clock
    runs at the highest of these rates, at most 60 per second. A tick is written when every camera
    has reached it or has ended. The last frame of an ended camera stays, darkened, with the time of
    its end. Identities are those known at the frame.

    Args:
        path: the file, ending in .mp4.
        cameras: size and frame rate of each source, by camera name, in display order.
        is_over: whether a camera sends no results now, or has ended.
        config: how tracks are drawn, and the quality of the video.
        floor: draws a floor plan in an extra tile; None leaves it out.
        paints: functions that draw onto a camera's pictures, by camera name.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputError: the file exists, or cannot be made.
    """

    def __init__(
        self,
        path: Path,
        cameras: Mapping[str, VideoInfo],
        is_over: Callable[[str], bool],
        config: OutputConfig = OutputConfig(),
        *,
        floor: FloorPanel | None = None,
        paints: Mapping[str, Callable[[ImageBGR], None]] = MappingProxyType({}),
        overwrite: bool = False,
    ) -> None:
        super().__init__(path)
        sizes = [(info.width, info.height) for info in cameras.values()]
        self._layout = arrange(sizes, extra=floor is not None)
        self._screens = {
            camera: _Screen(tile, Annotator.of(config, paints.get(camera)))
            for camera, tile in zip(cameras, self._layout.tiles, strict=False)
        }
        self._is_over = is_over
        self._floor = floor
        self._rate = min(max(info.frame_rate for info in cameras.values()), Fraction(_MOST_RATE))
        info = VideoInfo(self._layout.width, self._layout.height, self._rate)
        self._video = VideoSink(path, info, crf=config.video_crf, overwrite=overwrite)
        self._tick = 0

    def write(self, result: FrameResult) -> None:
        """Add one frame of one camera, and write the ticks that every camera has reached."""
        screen = self._screens[result.camera]
        shown = _Shown(result.frame.timestamp_s, *self._draw(result, screen))
        screen.waiting.append(shown)
        screen.reached_s = max(screen.reached_s, shown.time_s)
        self._write_ticks()

    def _draw(self, result: FrameResult, screen: _Screen) -> tuple[ImageBGR, FrameResult]:
        """Draw at the final size, so that lines and labels stay legible."""
        image = result.frame.image
        *_, width, height, scale = placed(image, screen.tile)
        small = np.asarray(
            cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8
        )
        frame = Frame(small, result.frame.index, result.frame.timestamp_s)
        tracks = replace(result.tracks, boxes=result.tracks.boxes * np.float32(scale))
        scaled = replace(result, frame=frame, tracks=tracks, detections=Detections.empty())
        picture = screen.annotator.draw(scaled)
        # The floor plan needs the boxes in the camera's own pixels, but no picture.
        return picture, replace(scaled, tracks=result.tracks, frame=replace(frame, image=picture))

    def _write_ticks(self) -> None:
        while True:
            time_s = float(self._tick / self._rate)
            open_ones = [s for camera, s in self._screens.items() if not self._is_over(camera)]
            if any(screen.reached_s < time_s - _EPS_S for screen in open_ones):
                return
            if not open_ones and all(s.reached_s < time_s - _EPS_S for s in self._screens.values()):
                return
            self._write_tick(time_s)

    def _write_tick(self, time_s: float) -> None:
        """Write the picture of a time; if nothing has changed, the last one stays on screen."""
        fresh = []
        changed = False
        for camera, screen in self._screens.items():
            while screen.waiting and screen.waiting[0].time_s <= time_s + _EPS_S:
                screen.now = screen.waiting.popleft()
                fresh.append(screen.now.result)
                screen.ended_s = None  # the camera has come back
            over = screen.reached_s < time_s - _EPS_S and self._is_over(camera)
            if over and screen.ended_s is None:
                screen.ended_s, changed = screen.reached_s, True
        if fresh or changed:
            canvas = self._compose(fresh, time_s)
            frame = Frame(canvas, self._tick, time_s)
            self._video.write(FrameResult("", frame, Detections.empty(), Tracks.empty()))
        self._tick += 1
        screens = self._screens.values()
        news = [screen.waiting[0].time_s for screen in screens if screen.waiting]
        if news and all(screen.waiting or screen.ended_s is not None for screen in screens):
            # In a long pause of all cameras, unchanged ticks are left out.
            self._tick = max(self._tick, math.ceil((min(news) - _EPS_S) * self._rate))

    def _compose(self, fresh: list[FrameResult], time_s: float) -> ImageBGR:
        canvas = self._layout.blank()
        for camera, screen in self._screens.items():
            self._show(canvas, camera, screen, time_s)
        if self._floor is not None:
            tile = self._layout.tiles[-1]
            self._floor.add(fresh, time_s)
            self._floor.draw(tile.picture(canvas), time_s)
            label(tile.head(canvas), "floor plan", self._floor.note)
        return canvas

    def _show(self, canvas: ImageBGR, camera: str, screen: _Screen, time_s: float) -> None:
        """Draw one camera's tile at a time."""
        tile = screen.tile
        area = tile.picture(canvas)
        if screen.now is not None:
            image = screen.now.picture
            left, top, width, height, _ = placed(image, tile)
            area[top : top + height, left : left + width] = image
        if screen.now is None or screen.ended_s is not None:
            say(area, "no picture yet" if screen.now is None else "ended")
        ended = screen.ended_s is not None
        note = clock(time_s) if screen.ended_s is None else f"ended at {clock(screen.ended_s)}"
        label(tile.head(canvas), camera, note, ended=ended)

    def _finish(self) -> None:
        """Write the remaining ticks, since no camera will send more frames."""
        self._is_over = lambda camera: True
        try:
            self._write_ticks()
        finally:
            self._video.close()
