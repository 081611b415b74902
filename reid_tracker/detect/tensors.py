"""Detection in pictures that lie on a device: ultralytics' network, without its way to numpy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from reid_tracker.detect.base import Detector
from reid_tracker.device.letterbox import fit, letterbox, to_picture
from reid_tracker.device.suppress import CANDIDATES, FoundBoxes, selected, suppressed
from reid_tracker.device.transfer import PixelPool


class TensorYolo:
    """Finds boxes in pictures on a device; see `device.path.TensorDetector`.

    Args:
        network: maps (B, 3, h, w) RGB in [0, 1] to what YOLO networks give: (B, 4 + C, A), or
            (B, A, 6) if it suppresses by itself.
        device: where it runs.
        dtype: of its pictures.
        class_names: names of class numbers.
        classes: the classes to keep; None keeps all.
        confidence: a box has a higher score.
        iou: a box that overlaps a better one by more than this is dropped.
        image_size: side of the network's pictures.
        stride: they have whole multiples of it.
        most: most boxes of a picture.
        end_to_end: whether the network suppresses by itself.

    Attributes:
        device: where it runs.
        class_names: names of class numbers.
    """

    def __init__(
        self,
        network: Callable[[torch.Tensor], Any],
        *,
        device: torch.device,
        dtype: torch.dtype,
        class_names: Mapping[int, str],
        classes: Sequence[int] | None,
        confidence: float,
        iou: float,
        image_size: int,
        stride: int,
        most: int,
        end_to_end: bool = False,
    ) -> None:
        self.device = device
        self.class_names = dict(class_names)
        self._network = network
        self._dtype = dtype
        self._confidence = confidence
        self._iou = iou
        self._side = -(-image_size // stride) * stride
        self._stride = stride
        self._most = most
        self._end_to_end = end_to_end
        self._candidates = CANDIDATES
        self._classes = None
        if classes is not None:
            kept = torch.zeros(max(class_names) + 1, dtype=torch.bool)
            kept[list(classes)] = True
            self._classes = kept.to(device)

    def find(self, pool: PixelPool) -> FoundBoxes:
        """Find the boxes of each picture, in its pixels, without waiting for the device."""
        groups: dict[tuple[tuple[int, int], bool], list[int]] = defaultdict(list)
        for number, key in enumerate(zip(pool.sizes, pool.rgb, strict=True)):
            groups[key].append(number)
        parts = [self._find(pool, numbers) for numbers in groups.values()]
        found = FoundBoxes.joined(parts)
        order = [number for numbers in groups.values() for number in numbers]
        if order == sorted(order):
            return found
        rows = sorted(range(len(order)), key=order.__getitem__)
        columns = (found.boxes, found.scores, found.classes, found.counts, found.exact)
        return FoundBoxes(*(torch.stack([column[row] for row in rows]) for column in columns))

    def _find(self, pool: PixelPool, numbers: list[int]) -> FoundBoxes:
        """Find boxes in pictures of one size and colour order."""
        (height, width), rgb = pool.sizes[numbers[0]], pool.rgb[numbers[0]]
        wanted = fit(height, width, self._side, self._stride)
        pictures = torch.stack([pool.picture(number) for number in numbers])
        raw = self._network(letterbox(pictures, wanted, rgb=rgb).to(self._dtype))
        raw = raw[0] if isinstance(raw, list | tuple) else raw
        if self._end_to_end:
            found = selected(
                raw, confidence=self._confidence, classes=self._classes, most=self._most
            )
        else:
            found = suppressed(
                raw,
                confidence=self._confidence,
                iou=self._iou,
                classes=self._classes,
                most=self._most,
                candidates=self._candidates,
                rounds=self._candidates // 32,
            )
        there = (found.scores > 0)[..., None]
        boxes = torch.where(there, to_picture(found.boxes, wanted, height, width), 0)
        return FoundBoxes(boxes, found.scores, found.classes, found.counts, found.exact)

    def search_wider(self) -> None:
        """Compare twice as many candidates from now on."""
        self._candidates *= 2


def tensor_yolo(detector: Detector) -> TensorYolo | None:
    """Return a detector with the network and the options of another; None if it has no torch YOLO.

    The two share the network, and must not be used at the same time.
    """
    from reid_tracker.detect.ultralytics_backend import UltralyticsDetector

    if not isinstance(detector, UltralyticsDetector) or detector.torch_network is None:
        return None
    backend = detector.torch_network
    options = detector.options
    return TensorYolo(
        backend,
        device=torch.device(backend.device),
        dtype=torch.float16 if backend.fp16 else torch.float32,
        class_names=detector.class_names,
        classes=options["classes"],
        confidence=options["conf"],
        iou=options["iou"],
        image_size=options["imgsz"],
        stride=int(backend.stride),
        most=options["max_det"],
        end_to_end=bool(getattr(backend, "end2end", False)),
    )
