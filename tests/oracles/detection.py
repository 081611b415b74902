"""Greedy matching of detections and average precision written plainly, to compare with."""

from __future__ import annotations

from collections.abc import Sequence

from tests.oracles.iou import Box, iou

Mark = tuple[int, Box, float]
"""Frame, box, confidence."""


def match(found: Sequence[Mark], truth: Sequence[Mark], min_iou: float) -> list[bool]:
    hits = [False] * len(found)
    taken: set[int] = set()
    for row in sorted(range(len(found)), key=lambda row: -found[row][2]):
        best, best_iou = -1, 0.0
        for other in range(len(truth)):
            if truth[other][0] == found[row][0] and other not in taken:
                overlap = iou(found[row][1], truth[other][1])
                if overlap > best_iou:
                    best, best_iou = other, overlap
        if best >= 0 and best_iou >= min_iou:
            taken.add(best)
            hits[row] = True
    return hits


def average_precision(scores: Sequence[float], hits: Sequence[bool], truths: int) -> float:
    """Mean of the precision at 101 recalls, each the best at that recall or a higher one."""
    points, right = [], 0
    for place, row in enumerate(sorted(range(len(scores)), key=lambda row: -scores[row]), 1):
        right += hits[row]
        points.append((right / truths, right / place))
    total = 0.0
    for step in range(101):
        total += max((p for r, p in points if r >= step / 100 - 1e-12), default=0.0)
    return total / 101
