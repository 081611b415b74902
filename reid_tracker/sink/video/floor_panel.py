"""A live floor plan: the position and path of each identity, and the view of each camera."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import FloatArray, IntArray
from reid_tracker.fusion import fuse
from reid_tracker.sink.video.palette import PALETTE_SIZE, colours_with_unsure, text_colours
from reid_tracker.sink.video.trail import smoothed
from reid_tracker.types import Boxes, FrameResult, ImageBGR

Locate = Callable[[str, Boxes], tuple[FloatArray, FloatArray]]
"""Camera and (M, 4) boxes -> (M, 2) metres on the plan and (M, 2, 2) covariances, NaN: unknown."""

_FADES = 8  # steps from pale to full along a path
_FRESH_S = 0.6  # older positions only belong to the path
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_PAPER, _FINE, _COARSE = (250, 250, 250), (232, 232, 232), (205, 205, 205)
_INK = (90, 90, 90)
# The colours of the map at the end of a run, as blue, green, red.
_VIEWS = ((178, 114, 0), (17, 51, 204), (115, 158, 0), (167, 121, 204), (0, 159, 230))
_GRIDS_M = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class _Place(NamedTuple):
    time_s: float
    x: float
    y: float


class _View(NamedTuple):
    time_s: float
    metres: FloatArray
    covariance: FloatArray


class FloorPanel:
    """Remembers the last seconds of every identity and draws them onto a plan.

    A person seen by several cameras is drawn once, at the mean position weighted by certainty.

    Args:
        locate: returns the positions of a camera's people and their covariances.
        footprints: (K, 2) metres, the outline of each camera's view, by name; may be empty.
        trail_s: seconds of the path behind each identity.
    """

    def __init__(
        self, locate: Locate, footprints: Mapping[str, FloatArray], trail_s: float = 8.0
    ) -> None:
        self._locate = locate
        self._footprints = {name: line for name, line in footprints.items() if len(line)}
        self._trail_s = trail_s
        self._seen: dict[int, dict[str, _View]] = {}
        self._paths: dict[int, deque[_Place]] = {}
        self._colours = colours_with_unsure()[:, ::-1]
        self._dark_text = text_colours(colours_with_unsure())
        self._paper: ImageBGR | None = None
        self._scale, self._origin = 1.0, np.zeros(2)
        self.note = ""

    def add(self, results: Sequence[FrameResult], time_s: float) -> None:
        """Add the results up to a time; boxes are in the cameras' own pixels."""
        for result in results:
            if result.identities is None:
                continue
            sure = (result.identities.ids > 0) & result.tracks.observed
            metres, covariances = self._locate(result.camera, result.tracks.boxes[sure])
            who = result.identities.ids[sure].tolist()
            for identity, xy, covariance in zip(who, metres, covariances, strict=True):
                if np.isfinite(xy).all():
                    view = _View(result.frame.timestamp_s, xy, covariance)
                    self._seen.setdefault(identity, {})[result.camera] = view
        for identity, views in list(self._seen.items()):
            fresh = {c: v for c, v in views.items() if v.time_s >= time_s - _FRESH_S}
            self._seen[identity] = fresh
            if fresh:
                (x, y) = _together(fresh.values()).tolist()
                self._paths.setdefault(identity, deque()).append(_Place(time_s, x, y))
            else:
                del self._seen[identity]
        for identity, path in list(self._paths.items()):
            while path and path[0].time_s < time_s - self._trail_s:
                path.popleft()
            if not path:
                del self._paths[identity]

    def draw(self, picture: ImageBGR, time_s: float) -> None:
        """Draw the plan over a picture, (H, W, 3) uint8 BGR; its size may not change."""
        if self._paper is None:
            self._paper = self._make_paper(picture.shape[1], picture.shape[0])
        picture[:] = self._paper
        self._draw_paths(picture, time_s)
        for identity in sorted(self._seen):
            row = identity % PALETTE_SIZE
            colour, ink = tuple(self._colours[row].tolist()), tuple(self._dark_text[row].tolist())
            last = self._paths[identity][-1]
            (x, y) = self._pixels(np.array([[last.x, last.y]]))[0].tolist()
            if not (0 <= x < picture.shape[1] and 0 <= y < picture.shape[0]):
                continue
            cv2.circle(picture, (x, y), 12, _PAPER, -1, cv2.LINE_AA)
            cv2.circle(picture, (x, y), 11, colour, -1, cv2.LINE_AA)
            text = str(identity)
            (width, height), _ = cv2.getTextSize(text, _FONT, 0.42, 1)
            where = (x - width // 2, y + height // 2)
            cv2.putText(picture, text, where, _FONT, 0.42, ink, 1, cv2.LINE_AA)

    def _draw_paths(self, picture: ImageBGR, time_s: float) -> None:
        """Draw old positions first and pale, so that current ones lie on top."""
        height, width = picture.shape[:2]
        pieces: list[tuple[int, int, npt.NDArray[np.int32]]] = []
        for identity, path in self._paths.items():
            times_s = np.array([p.time_s for p in path])
            metres = smoothed(np.array([[p.x, p.y] for p in path], np.float32), times_s)
            pixels = self._pixels(metres.astype(np.float64))
            # Hidden feet can be located far away: lines to there would cross the whole plan.
            inside = np.asarray(((pixels >= 0) & (pixels < (width, height))).all(axis=1))
            age: IntArray = np.clip(
                (time_s - times_s) / self._trail_s * _FADES, 0, _FADES - 1
            ).astype(int)
            for fade in np.unique(age).tolist():
                first, last = np.flatnonzero(age == fade)[[0, -1]].tolist()
                part = slice(max(first - 1, 0), last + 1)
                if inside[part].all():
                    pieces.append((fade, identity, pixels[part]))
        for fade, identity, pixels in sorted(pieces, key=lambda one: (-one[0], one[1])):
            share = 1 - 0.8 * fade / (_FADES - 1)
            full = self._colours[identity % PALETTE_SIZE]
            colour = np.rint(share * full + (1 - share) * np.array(_PAPER)).astype(int).tolist()
            cv2.polylines(picture, [pixels], False, colour, 2, cv2.LINE_AA)

    def _pixels(self, metres: FloatArray) -> npt.NDArray[np.int32]:
        """Return (N, 2) pixels of (N, 2) metres; y of the plan points up."""
        xy = (metres - self._origin) * self._scale
        xy[:, 1] = self._height - xy[:, 1]
        return np.rint(np.clip(xy, -30_000, 30_000)).astype(np.int32)

    def _make_paper(self, width: int, height: int) -> ImageBGR:
        """Draw the fixed background: the grid in metres and the outlines of the views."""
        self._height = height
        lines = list(self._footprints.values()) or [np.array([[-5.0, -5], [5, 5]])]
        points = np.concatenate(lines)
        low, high = points.min(axis=0), points.max(axis=0)
        size = np.maximum(high - low, 1.0)
        border = 12
        self._scale = float(min((width - 2 * border) / size[0], (height - 2 * border) / size[1]))
        middle = (low + high) / 2
        self._origin = middle - np.array([width, height]) / (2 * self._scale)
        paper: ImageBGR = np.full((height, width, 3), _PAPER, np.uint8)
        step = next((g for g in _GRIDS_M if g * self._scale >= 24), _GRIDS_M[-1])
        self.note = f"{step} m grid"
        self._rule(paper, step)
        tinted = paper.copy()
        for number, line in enumerate(self._footprints.values()):
            colour = _VIEWS[number % len(_VIEWS)]
            layer = paper.copy()
            cv2.fillPoly(layer, [self._pixels(line)], colour)
            tinted = np.asarray(cv2.addWeighted(tinted, 0.88, layer, 0.12, 0), np.uint8)
        for number, (name, line) in enumerate(self._footprints.items()):
            colour = _VIEWS[number % len(_VIEWS)]
            pixels = self._pixels(line)
            cv2.polylines(tinted, [pixels], True, colour, 1, cv2.LINE_AA)
            _name_view(tinted, pixels, name, colour)
        result: ImageBGR = tinted.astype(np.uint8)
        return result

    def _rule(self, paper: ImageBGR, step: int) -> None:
        height, width = paper.shape[:2]
        for axis, length in ((0, width), (1, height)):
            first = int(np.ceil(self._origin[axis] / step))
            for number in range(first, first + int(length / self._scale / step) + 1):
                at = round((number * step - self._origin[axis]) * self._scale)
                colour: Any = _COARSE if number % 5 == 0 else _FINE
                if axis == 0:
                    cv2.line(paper, (at, 0), (at, height), colour, 1)
                else:
                    cv2.line(paper, (0, height - at), (width, height - at), colour, 1)


def _name_view(paper: ImageBGR, pixels: npt.NDArray[np.int32], name: str, colour: Any) -> None:
    """Write a camera's name at the near edge of its view, inside the picture."""
    half = len(pixels) // 2
    x, y = pixels[:half].mean(axis=0).astype(int).tolist()  # the lower edge of the camera's picture
    (width, height), _ = cv2.getTextSize(name, _FONT, 0.5, 1)
    x = int(np.clip(x - width // 2, 4, max(4, paper.shape[1] - width - 4)))
    y = int(np.clip(y, height + 4, paper.shape[0] - 6))
    box = (x - 3, y - height - 3), (x + width + 3, y + 4)
    cv2.rectangle(paper, *box, (255, 255, 255), -1)
    cv2.rectangle(paper, *box, colour, 1)
    cv2.putText(paper, name, (x, y), _FONT, 0.5, colour, 1, cv2.LINE_AA)


def _together(views: Collection[_View]) -> FloatArray:
    """Return the (2,) position that fits all views of one person best."""
    metres = np.array([view.metres for view in views])
    covariances = np.array([view.covariance for view in views])
    fused, _ = fuse(metres, covariances, np.zeros(len(views), np.int64))
    place: FloatArray = fused[0]
    return place
