"""Draws tracks onto frames: boxes, labels and trails, in sizes that suit the frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import supervision as sv

from reid_tracker.arrays import IntArray
from reid_tracker.config import OutputConfig
from reid_tracker.sink.video.palette import UNSURE, colour_index, colours_with_unsure, text_colours
from reid_tracker.sink.video.trail import Trail
from reid_tracker.types import FrameResult, ImageBGR, Tracks

_SMALLEST_TEXT = 0.45
_LEGEND = "not seen: predicted"
_FONT = cv2.FONT_HERSHEY_SIMPLEX


class Annotator:
    """Draws one camera's tracks. Frames must come in order, since it remembers the trails.

    A box with a detection in this frame is drawn in full, a predicted box as thin corners.
    The colour depends on the identity over all cameras if the result has identities, else on the
    track id. People who are not identified yet are grey, labelled with a question mark and their
    track id.

    Args:
        trail_s: seconds of the path behind each track; 0 draws none.
        labels: parts of the label, in this order: "id", "class", "confidence".
        line_thickness: line width of boxes, pixels; None derives it from the frame size.
        paint: draws onto the frame, below the tracks.
    """

    def __init__(
        self,
        *,
        trail_s: float = 2.0,
        labels: Sequence[str] = ("id",),
        line_thickness: int | None = None,
        paint: Callable[[ImageBGR], None] | None = None,
    ) -> None:
        self._trail = Trail(trail_s)
        self._parts = tuple(labels)
        self._thickness = line_thickness
        self._paint = paint
        self._has_predicted = False

    @classmethod
    def of(cls, config: OutputConfig, paint: Callable[[ImageBGR], None] | None = None) -> Annotator:
        """Return an annotator that draws as a configuration says."""
        return cls(
            trail_s=config.trail_s,
            labels=config.labels,
            line_thickness=config.line_thickness,
            paint=paint,
        )

    def draw(self, result: FrameResult) -> ImageBGR:
        """Return an annotated copy of the frame, (H, W, 3) uint8 BGR; the frame is not changed."""
        scene: ImageBGR = result.frame.image.copy()
        height, width = scene.shape[:2]
        tracks = result.tracks
        if self._paint is not None:
            self._paint(scene)
        self._trail.add(tracks, result.frame.timestamp_s)
        tools = _tools_for(width, height, self._thickness)
        self._has_predicted |= not tracks.observed.all()
        if len(tracks):
            self._draw_tracks(scene, result, tools)
        if self._has_predicted:
            _draw_legend(scene, tools)
        return scene

    def _draw_tracks(self, scene: ImageBGR, result: FrameResult, tools: _Tools) -> None:
        height, width = scene.shape[:2]
        tracks = result.tracks
        ids = tracks.ids if result.identities is None else _one_each(result.identities.ids, tracks)
        colours = np.where(ids > 0, colour_index(ids), UNSURE)
        of_track = dict(zip(tracks.ids.tolist(), colours.tolist(), strict=True))
        for track, points in self._trail.lines(tracks.ids):
            pixels = np.rint(np.clip(points, -30_000, 30_000)).astype(np.int32)
            colour = tools.bgr[of_track[track]]
            cv2.polylines(scene, [pixels], False, colour, tools.thickness, cv2.LINE_AA)
        # Boxes far outside the frame would overflow OpenCV's integers.
        limits = np.array([width, height, width, height])
        boxes = np.clip(tracks.boxes, -limits, 2 * limits)
        seen = tracks.observed
        for annotator, rows in ((tools.predicted, ~seen), (tools.observed, seen)):
            annotator.annotate(scene, sv.Detections(boxes[rows]), custom_color_lookup=colours[rows])
        labels = self._labels(tracks, ids, result.class_names)
        anchors = _inside(boxes, labels, tools, width)
        tools.label.annotate(
            scene, sv.Detections(anchors), labels=labels, custom_color_lookup=colours
        )

    def _labels(self, tracks: Tracks, ids: IntArray, class_names: Mapping[int, str]) -> list[str]:
        pairs = zip(ids.tolist(), tracks.ids.tolist(), strict=True)
        parts = {
            "id": [str(identity) if identity > 0 else f"?{track}" for identity, track in pairs],
            "class": [class_names.get(kind, str(kind)) for kind in tracks.classes.tolist()],
            "confidence": [f"{score:.2f}" for score in tracks.scores.tolist()],
        }
        columns = [parts[part] for part in self._parts]
        return [" ".join(row) for row in zip(*columns, strict=True)] or [""] * len(tracks)


def _one_each(ids: IntArray, tracks: Tracks) -> IntArray:
    """Return the identities; if two tracks share one, all but the surest get 0.

    A track detected in this frame is surer than a predicted one; then the confidence decides.
    """
    order = np.lexsort((-tracks.scores, ~tracks.observed))
    _, first = np.unique(ids[order], return_index=True)
    kept = np.zeros_like(ids)
    kept[order[first]] = ids[order[first]]
    return kept


class _Tools:
    """supervision's annotators, scaled for one frame size in pixels."""

    def __init__(self, width: int, height: int, thickness: int | None) -> None:
        size = (width, height)
        self.thickness = thickness or sv.calculate_optimal_line_thickness(size)
        self.text_scale = max(_SMALLEST_TEXT, sv.calculate_optimal_text_scale(size))
        self.text_thickness = max(1, round(self.text_scale * 1.7))
        self.padding = max(2, round(self.text_scale * 6))
        colours = colours_with_unsure()
        self.bgr = [tuple(map(int, colour[::-1])) for colour in colours]
        palette = _to_palette(colours)
        self.observed = sv.BoxAnnotator(color=palette, thickness=self.thickness)
        self.corner = max(6, min(size) // 40)
        self.predicted = sv.BoxCornerAnnotator(
            color=palette, thickness=max(1, self.thickness // 2), corner_length=self.corner
        )
        self.label = sv.LabelAnnotator(
            color=palette,
            text_color=_to_palette(text_colours(colours)),
            text_scale=self.text_scale,
            text_thickness=self.text_thickness,
            text_padding=self.padding,
        )

    def text_size(self, text: str) -> tuple[int, int]:
        """Return width and height of a label in pixels, with its padding."""
        (width, height), _ = cv2.getTextSize(text, _FONT, self.text_scale, self.text_thickness)
        return width + 2 * self.padding, height + 2 * self.padding


@lru_cache(maxsize=16)
def _tools_for(width: int, height: int, thickness: int | None) -> _Tools:
    return _Tools(width, height, thickness)


def _draw_legend(scene: ImageBGR, tools: _Tools) -> None:
    """Explain the thin corners in the lower left corner, if there is room."""
    height, width = scene.shape[:2]
    scale = 0.8 * tools.text_scale
    (text_width, text_height), _ = cv2.getTextSize(_LEGEND, _FONT, scale, 1)
    pad, side = tools.padding, 2 * tools.corner + 4
    needed = side + text_width + 3 * pad, max(side, text_height) + 2 * pad
    if needed[0] > width // 2 or needed[1] > height // 4:
        return
    left, top = pad, height - needed[1] + pad
    scene[height - needed[1] :, : needed[0]] //= 3
    icon = np.array([[left, top, left + side, top + side]], np.float32)
    tools.predicted.annotate(scene, sv.Detections(icon), custom_color_lookup=np.array([UNSURE]))
    where = (left + side + pad, top + (side + text_height) // 2)
    cv2.putText(scene, _LEGEND, where, _FONT, scale, (240, 240, 240), 1, cv2.LINE_AA)


def _to_palette(colours: npt.NDArray[np.uint8]) -> sv.ColorPalette:
    return sv.ColorPalette([sv.Color(*map(int, colour)) for colour in colours])


def _inside(boxes: npt.NDArray[Any], labels: list[str], tools: _Tools, width: int) -> Any:
    """Move the upper left corners of boxes so that the labels above them stay in the frame."""
    sizes = np.array([tools.text_size(label) for label in labels])
    anchors = boxes.copy()
    anchors[:, 0] = np.clip(boxes[:, 0], 0, np.maximum(0, width - sizes[:, 0]))
    anchors[:, 1] = np.maximum(boxes[:, 1], sizes[:, 1])
    anchors[:, 2:] = np.maximum(anchors[:, 2:], anchors[:, :2])
    return anchors
