"""The id that followed each true person over time: MOTA's switches, fragments and losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from reid_tracker.arrays import FloatArray, IntArray
from reid_tracker.evaluate.mot.preprocessing import MIN_IOU, ScoredFrames


class Switch(NamedTuple):
    """An identity switch: a person is followed by another id than before.

    Attributes:
        person: id of the ground truth.
        last: last frame with the earlier id.
        frame: first frame with the later id.
        before: the earlier id.
        after: the later id.
    """

    person: int
    last: int
    frame: int
    before: int
    after: int


class Stretch(NamedTuple):
    """A run of frames in which a person is followed by one id, or is visible but missed.

    Attributes:
        first: first frame.
        last: last frame.
        followed_by: the id; None if the person is missed.
    """

    first: int
    last: int
    followed_by: int | None


@dataclass(eq=False)
class Following:
    """How a true person was followed.

    Attributes:
        person: id of the ground truth.
        stretches: from the person's first frame to the last; frames without the person are between
            stretches, or inside one if the id is the same afterwards.
        switches: the changes of id.
        fragments: the frames in which the person is followed again after a break.
    """

    person: int
    stretches: list[Stretch] = field(default_factory=list)
    switches: list[Switch] = field(default_factory=list)
    fragments: list[int] = field(default_factory=list)

    @property
    def losses(self) -> list[Stretch]:
        """Return the stretches in which a person who was followed before is missed."""
        followed = [stretch.followed_by is not None for stretch in self.stretches]
        start = followed.index(True) if any(followed) else len(followed)
        return [one for one in self.stretches[start:] if one.followed_by is None]


def follow(frames: ScoredFrames) -> list[Following]:
    """Return how each person was followed, in order of first appearance, then by id.

    Matches are those of CLEAR MOT in trackeval, so switches and fragments agree with its counts.
    """
    people: dict[int, Following] = {}
    latest: dict[int, tuple[int, int]] = {}  # the last match of each person: id and frame
    previous: dict[int, int] = {}  # the matches of the previous frame, by person
    for row, number in enumerate(frames.numbers.tolist()):
        persons, found = frames.true_ids[row], frames.found_ids[row]
        both = len(persons) > 0 and len(found) > 0
        matches = _matches(persons, found, frames.overlaps[row], previous) if both else {}
        for person in sorted(persons.tolist()):
            one, followed_by = people.setdefault(person, Following(person)), matches.get(person)
            if followed_by is not None:
                before, last = latest.get(person, (followed_by, number))
                if before != followed_by:
                    one.switches.append(Switch(person, last, number, before, followed_by))
                if person in latest and person not in previous:
                    one.fragments.append(number)
                latest[person] = followed_by, number
            _extend(one.stretches, number, followed_by)
        if both:  # as in trackeval, a frame without true or without found boxes is left out
            previous = matches
    return list(people.values())


def _matches(
    persons: IntArray, found: IntArray, overlap: FloatArray, previous: Mapping[int, int]
) -> dict[int, int]:
    """Return the found id of each matched person, kept from the previous frame where possible.

    Args:
        persons: (G,) true ids.
        found: (R,) found ids.
        overlap: (G, R) IoU.
        previous: the matches of the previous frame.
    """
    same = np.zeros(overlap.shape, np.bool_)
    for row, person in enumerate(persons.tolist()):
        if person in previous:
            same[row] = found == previous[person]
    weights = 1000 * same + overlap
    weights[overlap < MIN_IOU] = 0
    rows, columns = linear_sum_assignment(-weights)
    matched = weights[rows, columns] > np.finfo(np.float64).eps
    pairs = zip(persons[rows[matched]].tolist(), found[columns[matched]].tolist(), strict=True)
    return dict(pairs)


def _extend(stretches: list[Stretch], frame: int, followed_by: int | None) -> None:
    """Add a frame to the last stretch, or start a new one."""
    if stretches and stretches[-1].followed_by == followed_by:
        stretches[-1] = stretches[-1]._replace(last=frame)
    else:
        stretches.append(Stretch(frame, frame, followed_by))
