from __future__ import annotations

from typing import Any

import pytest
import torch

from reid_tracker.device.suppress import FoundBoxes, selected, suppressed

pytestmark = pytest.mark.slow

OPTIONS: dict[str, Any] = {"confidence": 0.3, "iou": 0.6, "classes": None, "most": 50}


def crowd(pictures: int, anchors: int, classes: int, seed: int = 0) -> torch.Tensor:
    """Many boxes round a few people, as a network gives them."""
    random = torch.Generator().manual_seed(seed)
    people = torch.rand(pictures, 2, 12, generator=random) * 500
    whose = torch.randint(0, 12, (pictures, 1, anchors), generator=random).expand(-1, 2, -1)
    centres = people.gather(2, whose) + 6 * torch.randn(pictures, 2, anchors, generator=random)
    sizes = torch.tensor([40.0, 100])[:, None] * (
        1 + 0.1 * torch.rand(pictures, 2, anchors, generator=random)
    )
    return torch.cat([centres, sizes, torch.rand(pictures, classes, anchors, generator=random)], 1)


def rows(found: FoundBoxes, picture: int) -> torch.Tensor:
    count = int(found.counts[picture])
    columns = (found.boxes, found.scores[..., None], found.classes[..., None])
    return torch.cat(columns, dim=2)[picture, :count]


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_it_keeps_what_ultralytics_keeps(classes: int, seed: int) -> None:
    from ultralytics.utils.nms import non_max_suppression

    raw = crowd(3, 300, classes, seed)
    found = suppressed(raw, **OPTIONS)
    expected = non_max_suppression(raw.clone(), 0.3, 0.6, max_det=50)
    assert found.exact.all()
    for picture, one in enumerate(expected):
        torch.testing.assert_close(rows(found, picture), one)


def test_only_wanted_classes_stay() -> None:
    from ultralytics.utils.nms import non_max_suppression

    raw = crowd(2, 200, 3)
    found = suppressed(raw, **OPTIONS | {"classes": torch.tensor([True, False, True])})
    expected = non_max_suppression(raw.clone(), 0.3, 0.6, classes=[0, 2], max_det=50)
    for picture, one in enumerate(expected):
        torch.testing.assert_close(rows(found, picture), one)
    assert set(found.classes[0].tolist()) == {0, 2}


def test_rows_after_the_last_box_are_zero_and_most_is_a_limit() -> None:
    raw = crowd(1, 200, 1)
    few = suppressed(raw, **OPTIONS | {"most": 5})
    assert few.counts.tolist() == [5]
    assert few.boxes.shape == (1, 5, 4)
    raw[:, 4:] = 0
    none = suppressed(raw, **OPTIONS)
    assert none.counts.tolist() == [0]
    assert not none.boxes.any()
    assert none.exact.all()


def test_it_says_when_there_were_more_candidates() -> None:
    raw = crowd(2, 300, 1)
    raw[1, 4, 40:] = 0
    found = suppressed(raw, **OPTIONS, candidates=100)
    assert found.exact.tolist() == [False, True]


def test_it_says_when_more_rounds_are_needed() -> None:
    # Each box of the row overlaps the next one: every second box stays.
    raw = torch.zeros(1, 5, 40)
    raw[0, 0] = torch.arange(40.0) * 2
    raw[0, 1:4] = 10
    raw[0, 4] = torch.linspace(0.9, 0.5, 40)
    assert not suppressed(raw, **OPTIONS, rounds=8).exact.any()
    found = suppressed(raw, **OPTIONS, rounds=48)
    assert found.exact.all()
    assert found.counts.tolist() == [20]
    assert rows(found, 0)[:, 0].tolist() == [4.0 * number - 5 for number in range(20)]


def test_pictures_with_few_anchors_have_as_many_rows() -> None:
    found = suppressed(crowd(2, 20, 1), **OPTIONS)
    assert found.boxes.shape == (2, 50, 4)
    assert 0 < found.counts.max() <= 20


def test_broken_boxes_are_dropped() -> None:
    raw = crowd(1, 20, 1)
    raw[0, 4] = 0.9
    raw[0, 0, 3] = torch.nan
    found = suppressed(raw, **OPTIONS)
    assert torch.isfinite(found.boxes).all()
    assert found.counts[0] > 0


def test_networks_that_suppress_by_themselves_are_only_filtered() -> None:
    from ultralytics.utils.nms import non_max_suppression

    random = torch.Generator().manual_seed(0)
    corners = torch.rand(2, 30, 2, generator=random) * 100
    scores = torch.rand(2, 30, 1, generator=random).sort(dim=1, descending=True).values
    kinds = torch.randint(0, 3, (2, 30, 1), generator=random).float()
    raw = torch.cat([corners, corners + 20, scores, kinds], dim=2)
    found = selected(raw, confidence=0.3, classes=torch.tensor([False, True, True]), most=10)
    expected = non_max_suppression(raw, 0.3, classes=[1, 2], max_det=10, end2end=True)
    for picture, one in enumerate(expected):
        torch.testing.assert_close(rows(found, picture), one)


def test_batches_are_joined() -> None:
    whole = suppressed(crowd(3, 100, 1), **OPTIONS)
    raw = crowd(3, 100, 1)
    parts = [suppressed(raw[:1], **OPTIONS), suppressed(raw[1:], **OPTIONS)]
    torch.testing.assert_close(FoundBoxes.joined(parts).boxes, whole.boxes)
    assert FoundBoxes.joined(parts).counts.tolist() == whole.counts.tolist()
