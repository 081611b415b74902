"""Each loss against a plain loop over its definition."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from reid_tracker.train.losses.terms import (
    am_softmax,
    batch_hard_triplet,
    distil_cosine,
    distil_relation,
    smoothed_cross_entropy,
)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def plain_cross_entropy(logits: Tensor, labels: Tensor, epsilon: float) -> float:
    total = 0.0
    for row, label in zip(logits.double().tolist(), labels.tolist(), strict=True):
        log_sum = math.log(sum(math.exp(value) for value in row))
        for index, value in enumerate(row):
            target = (1 - epsilon) * (index == label) + epsilon / len(row)
            total -= target * (value - log_sum)
    return total / len(labels)


def plain_triplet(embeddings: Tensor, labels: Tensor, margin: float) -> float:
    rows = [[v / math.hypot(*row) for v in row] for row in embeddings.double().tolist()]
    names, losses = labels.tolist(), []
    for i, anchor in enumerate(rows):
        same = [
            math.dist(anchor, rows[j]) for j in range(len(rows)) if j != i and names[j] == names[i]
        ]
        other = [math.dist(anchor, rows[j]) for j in range(len(rows)) if names[j] != names[i]]
        if same and other:
            losses.append(max(0.0, margin + max(same) - min(other)))
    return sum(losses) / len(losses) if losses else 0.0


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 1.0])
def test_cross_entropy(epsilon: float) -> None:
    logits = torch.randn(7, 5, generator=seeded(0)) * 3
    labels = torch.randint(5, (7,), generator=seeded(1))
    expected = plain_cross_entropy(logits, labels, epsilon)
    assert smoothed_cross_entropy(logits, labels, epsilon).item() == pytest.approx(
        expected, rel=1e-5
    )


def test_cross_entropy_closed_form() -> None:
    # Equal logits: every class has probability 1 / K, whatever the smoothing.
    loss = smoothed_cross_entropy(torch.zeros(3, 8), torch.tensor([0, 3, 7]))
    assert loss.item() == pytest.approx(math.log(8))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("margin", [0.0, 0.3, 2.0])
def test_triplet(seed: int, margin: float) -> None:
    embeddings = torch.randn(12, 6, generator=seeded(seed)) * 4
    labels = torch.randint(4, (12,), generator=seeded(seed + 100))
    expected = plain_triplet(embeddings, labels, margin)
    assert batch_hard_triplet(embeddings, labels, margin).item() == pytest.approx(
        expected, abs=1e-5
    )


def test_triplet_closed_form() -> None:
    # Two identities on two axes: the same are 0 apart, others sqrt(2).
    rows = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
    labels = torch.tensor([0, 0, 1, 1])
    assert batch_hard_triplet(rows, labels, 0.3).item() == 0.0
    assert batch_hard_triplet(rows, labels, 2.0).item() == pytest.approx(2 - math.sqrt(2), abs=1e-3)


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [0, 0, 0, 0]])
def test_triplet_without_triplets_is_zero_and_has_a_gradient(labels: list[int]) -> None:
    rows = torch.randn(4, 3, requires_grad=True)
    loss = batch_hard_triplet(rows, torch.tensor(labels))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0.0
    assert rows.grad is not None
    assert torch.isfinite(rows.grad).all()


def test_triplet_of_equal_rows_has_a_finite_gradient() -> None:
    rows = torch.ones(4, 3, requires_grad=True)
    batch_hard_triplet(rows, torch.tensor([0, 0, 1, 1])).backward()  # type: ignore[no-untyped-call]
    assert rows.grad is not None
    assert torch.isfinite(rows.grad).all()


def test_distil_cosine() -> None:
    student, teacher = (
        torch.randn(5, 8, generator=seeded(0)),
        torch.randn(5, 8, generator=seeded(1)),
    )
    expected = 0.0
    for a, b in zip(student.tolist(), teacher.tolist(), strict=True):
        dot = sum(x * y for x, y in zip(a, b, strict=True))
        expected += (1 - dot / math.hypot(*a) / math.hypot(*b)) / 5
    assert distil_cosine(student, teacher).item() == pytest.approx(expected, rel=1e-5)
    assert distil_cosine(3 * student, student).item() == pytest.approx(0, abs=1e-6)


def test_distil_relation() -> None:
    student, teacher = (
        torch.randn(5, 8, generator=seeded(0)),
        torch.randn(5, 3, generator=seeded(1)),
    )

    def cosine(rows: list[list[float]], i: int, j: int) -> float:
        dot = sum(x * y for x, y in zip(rows[i], rows[j], strict=True))
        return dot / math.hypot(*rows[i]) / math.hypot(*rows[j])

    a, b = student.tolist(), teacher.tolist()
    pairs = [(i, j) for i in range(5) for j in range(5) if i != j]
    expected = sum((cosine(a, i, j) - cosine(b, i, j)) ** 2 for i, j in pairs) / len(pairs)
    assert distil_relation(student, teacher).item() == pytest.approx(expected, rel=1e-4)


def test_distil_relation_ignores_rotation_of_the_space() -> None:
    rows = torch.randn(6, 4, generator=seeded(0))
    turn = torch.linalg.qr(torch.randn(4, 4, generator=seeded(1)))[0]
    assert distil_relation(rows @ turn, rows).item() == pytest.approx(0, abs=1e-9)
    assert distil_relation(rows[:1], rows[:1]).item() == 0.0


def test_am_softmax_against_its_definition() -> None:
    cosines = torch.rand(6, 4, generator=seeded(0)) * 2 - 1
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    logits = 20 * cosines
    logits[torch.arange(6), labels] -= 20 * 0.25
    expected = plain_cross_entropy(logits, labels, 0.1)
    found = am_softmax(cosines, labels, scale=20, margin=0.25, epsilon=0.1)
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_triplet_without_a_usable_row_has_no_gradient() -> None:
    rows = torch.randn(4, 3, generator=seeded(1)).requires_grad_(True)
    loss = batch_hard_triplet(rows, torch.arange(4))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert rows.grad is not None
    assert not rows.grad.any()
