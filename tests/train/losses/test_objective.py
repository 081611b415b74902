"""The weighted sum against its single losses."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from reid_tracker.train.loop.distributed import World
from reid_tracker.train.losses.objective import Objective
from reid_tracker.train.losses.student import Outputs
from reid_tracker.train.losses.terms import am_softmax, distil_cosine, distil_relation
from reid_tracker.train.recipe import LossRecipe

WIDTHS = (4, 3)
RECIPE = LossRecipe(
    cross_entropy=0.5, am_softmax=2.0, triplet=1.0, distil_cosine=3.0, distil_relation=5.0
)


def rows(count: int, width: int, seed: int) -> Tensor:
    return torch.rand(count, width, generator=torch.Generator().manual_seed(seed))


def outputs(count: int = 8) -> Outputs:
    projections = tuple(rows(count, width, width) for width in WIDTHS)
    return Outputs(rows(count, 4, 0), rows(count, 3, 1), rows(count, 3, 2), projections)


def test_each_teacher_is_compared_with_its_own_head() -> None:
    labels, targets = torch.tensor([0, 1, 2, 1]), rows(8, sum(WIDTHS), 7)
    found = outputs()
    terms = Objective(RECIPE, World(), widths=WIDTHS)(found, labels, targets)
    wanted = targets[:, :4], targets[:, 4:]
    cosine = [distil_cosine(*pair) for pair in zip(found.projections, wanted, strict=True)]
    relation = [distil_relation(found.embeddings, part) for part in wanted]
    assert terms["distil_cosine"].item() == pytest.approx(3 * torch.stack(cosine).mean().item())
    assert terms["distil_relation"].item() == pytest.approx(5 * torch.stack(relation).mean().item())
    assert found.cosines is not None
    expected = am_softmax(found.cosines[:4], labels, scale=20, margin=0.1, epsilon=0.1)
    assert terms["am_softmax"].item() == pytest.approx(2 * expected.item())
    assert set(terms) == {
        "cross_entropy",
        "am_softmax",
        "triplet",
        "distil_cosine",
        "distil_relation",
    }
