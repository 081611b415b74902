"""Matching across cameras written plainly, pair by pair, to compare with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Prototypes = list[tuple[np.ndarray, float]]
"""Unit vectors and their weights."""


def add_look(held: Prototypes, look: np.ndarray, quality: float, most: int, spread: float) -> None:
    """Let the nearest prototype take a look, or make a new one of it."""
    similarity = [float(vector @ look) for vector, _ in held]
    if not held or (max(similarity) < 1 - spread and len(held) < most):
        held.append((look, quality))
        return
    nearest = int(np.argmax(similarity))
    vector, weight = held[nearest]
    blend = weight * vector + quality * look
    held[nearest] = (blend / np.linalg.norm(blend), weight + quality)


def set_distance(one: Prototypes, other: Prototypes) -> float:
    """Cosine distance of two prototype sets, look by look, both ways."""
    if not one or not other:
        return 1.0

    def way(these: Prototypes, those: Prototypes) -> float:
        total = sum(weight for _, weight in these)
        best = [max(float(vector @ v) for v, _ in those) * weight for vector, weight in these]
        return sum(best) / total

    return 1 - (way(one, other) + way(other, one)) / 2


def aligned_costs(held: Sequence[Prototypes], cameras: Sequence[int]) -> np.ndarray:
    """Distances of all sets without what sets a camera apart; the average of two cameras stays."""

    def centre(prototypes: Prototypes) -> np.ndarray:
        total = sum(weight for _, weight in prototypes)
        mean: np.ndarray = np.sum([w / total * v for v, w in prototypes], axis=0)
        return mean

    def centres(sets: Sequence[Prototypes]) -> dict[int, np.ndarray]:
        return {
            camera: np.mean(
                [centre(one) for one, c in zip(sets, cameras, strict=True) if c == camera], axis=0
            )
            for camera in set(cameras)
        }

    before, everybody = centres(held), np.mean([centre(one) for one in held], axis=0)
    spread = [((centre(one) - before[c]) ** 2).sum() for one, c in zip(held, cameras, strict=True)]
    inside = float(sum(spread)) / max(len(held) - len(before), 1)
    shifts = {}
    for camera, mean in before.items():
        away = mean - everybody
        chance = inside * (1 / list(cameras).count(camera) - 1 / len(held))
        shifts[camera] = away * max(1 - 2 * chance / max(float(away @ away), 1e-12), 0)
    moved: list[Prototypes] = []
    for one, camera in zip(held, cameras, strict=True):
        less = [(vector - shifts[camera], weight) for vector, weight in one]
        moved.append([(vector / np.linalg.norm(vector), weight) for vector, weight in less])
    after = centres(moved)
    level = [[after[a] @ after[b] - before[a] @ before[b] for b in cameras] for a in cameras]
    return np.array([[set_distance(a, b) for b in moved] for a in moved]) + np.array(level)


def may_be_one(
    a: tuple[int, float, float],
    b: tuple[int, float, float],
    min_s: np.ndarray,
    overlap: np.ndarray,
) -> bool:
    """Whether two tracklets (camera, first, last) can be one person."""
    (camera_a, first_a, last_a), (camera_b, first_b, last_b) = a, b
    if first_a <= last_b and first_b <= last_a:
        return bool(overlap[camera_a, camera_b])
    gap = first_b - last_a if first_b > last_a else first_a - last_b
    return bool(gap >= min_s[camera_a, camera_b] - 1e-6)


def soft_mean(costs: Sequence[float], softness: float) -> float:
    """Mean of costs in which each weighs exp(-cost / softness)."""
    weights = [math.exp(-cost / softness) for cost in costs]
    return sum(w * c for w, c in zip(weights, costs, strict=True)) / sum(weights)


def cluster_plain(
    costs: np.ndarray,
    near: np.ndarray,
    bound: Sequence[int],
    threshold: float,
    softness: float,
) -> list[set[int]]:
    """Join the two cheapest groups while that costs no more than the threshold."""
    groups: list[set[int]] = []
    for row, number in enumerate(bound):
        for group in groups:
            if number > 0 and any(bound[member] == number for member in group):
                group.add(row)
                break
        else:
            groups.append({row})
    while True:
        best = (math.inf, -1, -1)
        for i, one in enumerate(groups):
            for j in range(i + 1, len(groups)):
                pairs = [(a, b) for a in one for b in groups[j]]
                if all(math.isfinite(costs[p]) for p in pairs) and any(near[p] for p in pairs):
                    cost = soft_mean([float(costs[p]) for p in pairs], softness)
                    best = min(best, (cost, i, j))
        cost, i, j = best
        if cost > threshold:
            return groups
        groups[i] |= groups.pop(j)


@dataclass
class Message:
    """A whole tracklet, with one look; `identity` 0 while it waits."""

    camera: int
    first_s: float
    last_s: float
    look: np.ndarray
    identity: int = 0


def handover_costs(
    waiting: Message,
    known: Sequence[Message],
    min_s: np.ndarray,
    max_s: np.ndarray,
    overlap: np.ndarray,
    softness: float,
) -> dict[int, float]:
    """Cost of every identity that a tracklet may be: last seen within reach, nothing forbids it."""
    costs = {}
    here = (waiting.camera, waiting.first_s, waiting.last_s)
    for identity in sorted({one.identity for one in known}):
        members = [one for one in known if one.identity == identity]
        spans = [(one.camera, one.first_s, one.last_s) for one in members]
        latest_s = max(one.first_s for one in members)
        last = [span for span in spans if span[2] >= latest_s]
        near = any(
            may_be_one(here, span, min_s, overlap)
            and max(span[1] - here[2], here[1] - span[2], 0) <= max_s[here[0], span[0]] + 1e-6
            for span in last
        )
        if near and all(may_be_one(here, span, min_s, overlap) for span in spans):
            apart = [1 - float(waiting.look @ one.look) for one in members]
            costs[identity] = soft_mean(apart, softness)
    return costs
