"""Non-maximum suppression whose shapes do not depend on the data, so that the host need not wait.

The usual ways select rows by a mask, and the host must wait for the number of rows. Here a fixed
number of candidates is compared, and a flag says whether the result is exact; the host reads it
with the boxes. Greedy suppression is the only fixed point of "a box stays unless a better box that
stays overlaps it", and is reached after as many rounds as boxes suppress each other in a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

CANDIDATES = 512
ROUNDS = 16

_CLASS_OFFSET = 7680  # as ultralytics: keeps boxes of different classes apart


@dataclass(frozen=True)
class FoundBoxes:
    """The boxes of a batch of B pictures, at most M each, best first.

    Attributes:
        boxes: (B, M, 4) float32 xyxy; zeros where there is no box.
        scores: (B, M) float32; zero where there is no box.
        classes: (B, M) float32 class numbers.
        counts: (B,) int64 number of boxes.
        exact: (B,) bool; False where more candidates or rounds are needed.
    """

    boxes: torch.Tensor
    scores: torch.Tensor
    classes: torch.Tensor
    counts: torch.Tensor
    exact: torch.Tensor

    @staticmethod
    def joined(parts: list[FoundBoxes]) -> FoundBoxes:
        """Put batches one after the other."""
        if len(parts) == 1:
            return parts[0]
        return FoundBoxes(
            boxes=torch.cat([part.boxes for part in parts]),
            scores=torch.cat([part.scores for part in parts]),
            classes=torch.cat([part.classes for part in parts]),
            counts=torch.cat([part.counts for part in parts]),
            exact=torch.cat([part.exact for part in parts]),
        )


def suppressed(
    raw: torch.Tensor,
    *,
    confidence: float,
    iou: float,
    classes: torch.Tensor | None,
    most: int,
    candidates: int = CANDIDATES,
    rounds: int = ROUNDS,
) -> FoundBoxes:
    """Select boxes from what a YOLO network gives, as ultralytics' non_max_suppression does.

    Args:
        raw: (B, 4 + C, A) float: centre x, centre y, width, height and class scores of A anchors.
        confidence: a box has a higher score.
        iou: a box that overlaps a better one of its class by more than this is dropped.
        classes: (C,) bool, the classes to keep; None keeps all.
        most: M, most boxes of a picture.
        candidates: anchors that are compared, best first.
        rounds: see the module.

    Returns:
        The boxes in pixels of the network's picture.
    """
    raw = raw.float()
    scores, kinds = raw[:, 4:].max(dim=1)
    usable = scores > confidence
    if classes is not None:
        usable = usable & classes[kinds]
    taken = min(candidates, raw.shape[2])
    scores, order = torch.where(usable, scores, 0).topk(taken, dim=1)
    usable = scores > confidence
    kinds = kinds.gather(1, order)
    centre_size = raw[:, :4].gather(2, order[:, None].expand(-1, 4, -1)).transpose(1, 2)
    half = centre_size[..., 2:] / 2
    boxes = torch.cat([centre_size[..., :2] - half, centre_size[..., :2] + half], dim=2)
    apart = boxes + kinds[..., None] * _CLASS_OFFSET
    better = torch.ones(taken, taken, dtype=torch.bool, device=raw.device).triu(1)
    over = (_overlaps(apart) > iou) & better & usable[:, :, None]
    keep = before = usable
    for _ in range(rounds):
        before, keep = keep, usable & ~(over & keep[:, :, None]).any(dim=1)
    exact = (keep == before).all(dim=1)
    if taken < raw.shape[2]:
        exact = exact & ~usable[:, -1]  # there may be more of them
    return _packed(torch.cat([boxes, scores[..., None], kinds[..., None]], 2), keep, exact, most)


def selected(
    raw: torch.Tensor, *, confidence: float, classes: torch.Tensor | None, most: int
) -> FoundBoxes:
    """Select boxes from a network that suppresses by itself ("end to end", YOLO26 or YOLOv10).

    Args:
        raw: (B, A, 6) float: xyxy, score and class number, best first.
        confidence: as in `suppressed`, as are the others.
        classes: as there.
        most: as there.
    """
    raw = raw.float()
    keep = raw[..., 4] > confidence
    if classes is not None:
        keep = keep & classes[raw[..., 5].long().clamp(0, len(classes) - 1)]
    exact = torch.ones(len(raw), dtype=torch.bool, device=raw.device)
    return _packed(raw, keep, exact, most)


def _overlaps(boxes: torch.Tensor) -> torch.Tensor:
    """Return the (B, K, K) intersections over union of (B, K, 4) boxes."""
    first = torch.maximum(boxes[:, :, None, :2], boxes[:, None, :, :2])
    last = torch.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:])
    shared = (last - first).clamp(min=0).prod(dim=3)
    area = (boxes[..., 2:] - boxes[..., :2]).prod(dim=2)
    return shared / (area[:, :, None] + area[:, None] - shared)


def _packed(rows: torch.Tensor, keep: torch.Tensor, exact: torch.Tensor, most: int) -> FoundBoxes:
    """Move the (B, K, 6) rows that are kept to the front, in their order."""
    missing = max(most - rows.shape[1], 0)
    rows, keep = functional.pad(rows, (0, 0, 0, missing)), functional.pad(keep, (0, missing))
    sound = torch.isfinite(rows[..., :5]).all(dim=2)
    keep = keep & sound & (rows[..., 2:4] >= rows[..., :2]).all(dim=2)
    order = (~keep).byte().sort(dim=1, stable=True).indices[:, :most]
    kept = keep.gather(1, order)[..., None]
    rows = torch.where(kept, rows.gather(1, order[..., None].expand(-1, -1, 6)), 0)
    return FoundBoxes(
        boxes=rows[..., :4],
        scores=rows[..., 4],
        classes=rows[..., 5],
        counts=keep.sum(dim=1).clamp(max=most),
        exact=exact,
    )
