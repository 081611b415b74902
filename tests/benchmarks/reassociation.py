"""Cut the track of every true person in two, and count who gets their id back.

    python -m tests.benchmarks.reassociation [--refine] [--preset default] [--set KEY=VALUE ...]
        [--worlds SEEDS]

One person at a time loses the detections of the middle 1, 5 or 20 s of their track. All others
stay. Where less than half a second would be left on either side, as in TUD-Campus, the later half
comes later by the gap instead, after the end of the sequence if need be: the person is back where
they were last seen. A gap of 0 s shows how often an id changes without a cut.

A person's id is the one whose detected boxes lay on them most often in the second before the cut,
and in the two seconds after the gap. Boxes that are only predicted do not count: that of somebody
who is hidden may lie on whoever is not detected beside them. "own" is the part that has the same id
then, "stranger" one that somebody had before, "new" one that nobody had, "none" the people who are
not followed. People who have no id before the cut are left out.

The last table compares people with ids: with how many ids the tracker reports how many people.

With `--worlds`, the people of made-up worlds (`tests/track/worlds.py`) are cut instead: there are
more of them, and nothing is chosen by the people of the two sequences.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from reid_tracker.arrays import FloatArray, IntArray
from reid_tracker.config import DeepSortConfig, load_config, parse_override
from reid_tracker.geometry import iou_matrix, tlwh_to_xyxy, xyxy_to_tlwh
from reid_tracker.track import Tracker, build_tracker
from reid_tracker.types import Detections, Embeddings
from tests.benchmarks.mot_cached import SEQUENCES, CachedSequence, track, track_refined
from tests.benchmarks.mot_scores import Rows, read_mot
from tests.track.worlds import WORLDS

CUT = ("crossings", "lingering", "long occlusions", "5 fps")
GAPS_S = (0.0, 1.0, 5.0, 20.0)
BEFORE_S, AFTER_S = 1.0, 2.0  # of the cut and the gap, in which the id is looked up
LEAST_S = 0.5  # left on either side of a gap
MIN_IOU = 0.5
NEAR_IOU = 0.3  # of further boxes that are a person's, too

Step = tuple[int, Detections, Embeddings]


class Cut(NamedTuple):
    """A cut of one person's track, in frames.

    Attributes:
        person: id of the ground truth.
        before: last frame before the gap.
        after: first frame after it, where the person is in the ground truth.
        delay: number of frames by which all that follows comes later; 0 where frames are left out.
    """

    person: int
    before: int
    after: int
    delay: int


@dataclass
class World:
    """A cached sequence whose detections are matched with the people.

    Attributes:
        sequence: the files.
        truth: (G, >=7) MOT rows.
        steps: detections and embeddings of each frame.
        owners: of each frame, (N,) the person of each detection; 0 is nobody.
    """

    sequence: CachedSequence
    truth: Rows
    steps: list[Step]
    owners: list[IntArray]

    @classmethod
    def of(cls, sequence: CachedSequence) -> World:
        """Read a sequence."""
        rows = read_mot(sequence.truth)
        truth = rows[rows[:, 6] != 0]
        steps = list(sequence.frames())
        owners = [
            owners_of(truth[truth[:, 0] == step[0]], step[1].boxes.astype(np.float64))
            for step in steps
        ]
        _follow_after_the_end(truth, steps, owners, round(sequence.frame_rate))
        return cls(sequence, truth, steps, owners)

    @classmethod
    def made_up(cls, name: str, seed: int) -> World:
        """Play a made-up world."""
        steps: list[Step] = []
        truth, owners = [], []
        for number, step in enumerate(WORLDS[name].play(seed), start=1):
            frame, ones = np.full(len(step.people), number), np.ones(len(step.people))
            truth.append(np.column_stack([frame, step.people, xyxy_to_tlwh(step.boxes), ones]))
            steps.append((number, step.detections, step.embeddings))
            owners.append(owners_of(truth[-1], step.detections.boxes.astype(np.float64)))
        sequence = CachedSequence(f"{name}, {seed}", Path(), Path(), WORLDS[name].rate)
        return cls(sequence, np.concatenate(truth), steps, owners)

    def cuts(self, gap_s: float) -> list[Cut]:
        """Return the cut of every person who is in the picture long enough."""
        rate = self.sequence.frame_rate
        gap, least = round(gap_s * rate), round(LEAST_S * rate)
        cuts = []
        for person in np.unique(self.truth[:, 1]).astype(int).tolist():
            frames = np.sort(self.truth[self.truth[:, 1] == person, 0]).astype(int)
            first, last = int(frames[0]), int(frames[-1])
            if last - first < 2 * least:
                continue
            middle = (first + last) // 2
            if last - first - gap >= 2 * least:
                before = middle - gap // 2
                cuts.append(Cut(person, before, before + gap + 1, 0))
            else:
                cuts.append(Cut(person, middle, middle + 1, gap))
        return cuts

    def played(self, cut: Cut) -> Iterator[Step]:
        """Yield the frames as the tracker gets them."""
        length = len(self.steps)
        for number in range(1, length + cut.delay + 1):
            rows = np.zeros(0, np.intp)
            if number <= length:
                others = (self.owners[number - 1] != cut.person) | (number <= cut.before)
                if not cut.delay:
                    others |= number >= cut.after
                rows = np.flatnonzero(others)
            parts = [self._some(number, rows)] if number <= length else []
            source = number - cut.delay
            if cut.delay and cut.after <= source <= length:
                own = np.flatnonzero(self.owners[source - 1] == cut.person)
                parts.append(self._some(source, own))
            if not parts:
                parts = [self._some(1, rows)]
            found, embeddings = zip(*parts, strict=True)
            yield (
                number,
                Detections(
                    np.concatenate([one.boxes for one in found]),
                    np.concatenate([one.scores for one in found]),
                    np.concatenate([one.classes for one in found]),
                ),
                np.concatenate(embeddings),
            )

    def _some(self, number: int, rows: IntArray) -> tuple[Detections, Embeddings]:
        _, detections, embeddings = self.steps[number - 1]
        return detections[rows], embeddings[rows]

    def verdict(self, cut: Cut, result: Rows) -> str:
        """Return what id a person has after a cut: "own", "stranger", "new", "none"; "" before."""
        early, late = (round(time_s * self.sequence.frame_rate) for time_s in (BEFORE_S, AFTER_S))
        before = self._ids(cut, result, cut.before - early + 1, cut.before, 0)
        after = self._ids(cut, result, cut.after, cut.after + late - 1, cut.delay)
        if not before:
            return ""
        if not after:
            return "none"
        own, found = (Counter(ids).most_common(1)[0][0] for ids in (before, after))
        if own == found:
            return "own"
        earlier = result[(result[:, 1] == found) & (result[:, 0] < cut.after + cut.delay)]
        return "stranger" if len(earlier) else "new"

    def _ids(self, cut: Cut, result: Rows, first: int, last: int, delay: int) -> list[int]:
        """Return the ids that lie on a person in some frames of the truth."""
        found: list[int] = []
        of_person = self.truth[:, 1] == cut.person
        own, others = self.truth[of_person], self.truth[~of_person]
        for row in own[(own[:, 0] >= first) & (own[:, 0] <= last)]:
            number = row[0] + delay
            some = result[(result[:, 0] == number) & (result[:, 7] > 0)]
            people = np.concatenate([row[None], others[others[:, 0] == number]])
            overlap = iou_matrix(tlwh_to_xyxy(people[:, 2:6]), tlwh_to_xyxy(some[:, 2:6]))
            rows, columns = _matched(overlap)
            found += some[columns[rows == 0], 1].astype(int).tolist()
        return found


def owners_of(truth: Rows, boxes: FloatArray) -> IntArray:
    """Return the (N,) person of each box of a frame; 0 where it is nobody's.

    A second box on a person is that person's, too.
    """
    owners = np.zeros(len(boxes), np.int64)
    if not len(truth) or not len(boxes):
        return owners
    overlap = iou_matrix(tlwh_to_xyxy(truth[:, 2:6]), boxes)
    people = truth[:, 1].astype(np.int64)
    near = overlap.max(axis=0) >= NEAR_IOU
    owners[near] = people[overlap.argmax(axis=0)[near]]
    rows, columns = _matched(overlap)
    owners[columns] = people[rows]
    return owners


def _matched(overlap: FloatArray) -> tuple[IntArray, IntArray]:
    """Return rows and columns of (R, C) overlaps that belong together, one to one."""
    rows, columns = linear_sum_assignment(-np.where(overlap >= MIN_IOU, overlap, 0))
    matched = overlap[rows, columns] >= MIN_IOU
    return rows[matched], columns[matched]


def _follow_after_the_end(
    truth: Rows, steps: Sequence[Step], owners: Sequence[IntArray], frames: int
) -> None:
    """Give people the boxes of some more frames: the truth ends before they are out of sight."""
    for person in np.unique(truth[:, 1]).astype(int).tolist():
        rows = truth[truth[:, 1] == person]
        row = rows[rows[:, 0].argmax()]
        box = tlwh_to_xyxy(row[None, 2:6])
        for index in range(int(row[0]), min(int(row[0]) + frames, len(steps))):
            boxes = steps[index][1].boxes.astype(np.float64)
            near = (iou_matrix(box, boxes)[0] >= NEAR_IOU) & (owners[index] == 0)
            owners[index][near] = person
            if near.any():
                box = boxes[near][:1]


def live(world: World, cuts: Sequence[Cut], config: DeepSortConfig) -> Iterator[Rows]:
    """Yield the tracks of each cut; what comes before a cut is tracked once for all."""
    tracker, rate = build_tracker(config), world.sequence.frame_rate
    ends = {cut.before for cut in cuts}
    snapshots: dict[int, Tracker] = {}
    whole: list[Rows] = []
    for step in world.steps[: max(ends)]:
        whole.append(track(world.sequence, tracker, [step]))
        if step[0] in ends:
            snapshots[step[0]] = deepcopy(tracker)
    for cut in cuts:
        last = cut.after + cut.delay + round(AFTER_S * rate)
        rest = (step for step in world.played(cut) if cut.before < step[0] <= last)
        tracker = deepcopy(snapshots[cut.before])
        yield np.concatenate([*whole[: cut.before], track(world.sequence, tracker, rest)])


def refined(world: World, cuts: Sequence[Cut], config: DeepSortConfig) -> Iterator[Rows]:
    """Yield the refined tracks of each cut."""
    for cut in cuts:
        yield track_refined(world.sequence, config, world.played(cut))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Count who gets their id back after a gap.")
    parser.add_argument("--preset", default="default", help="preset or YAML file")
    parser.add_argument("--refine", action="store_true", help="refine the finished tracks")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--people", action="store_true", help="also print the verdict on everyone")
    parser.add_argument("--worlds", type=int, default=0, help="seeds of each made-up world")
    parser.add_argument("--gaps", type=float, nargs="+", default=GAPS_S, help="in seconds")
    arguments = parser.parse_args()
    config = load_config(
        arguments.preset, dict(map(parse_override, arguments.set)), kind=DeepSortConfig
    )
    worlds = [World.of(sequence) for sequence in SEQUENCES]
    if arguments.worlds:
        worlds = [World.made_up(name, seed) for name in CUT for seed in range(arguments.worlds)]
    kinds = ("own", "stranger", "new", "none")
    print(f"{'':20}{'gap':>6}{'people':>8}" + "".join(f"{kind:>10}" for kind in kinds))
    for gap_s in arguments.gaps:
        total: Counter[str] = Counter()
        for world in worlds:
            cuts = world.cuts(gap_s)
            results = (refined if arguments.refine else live)(world, cuts, config)
            verdicts = [world.verdict(*pair) for pair in zip(cuts, results, strict=True)]
            total.update(verdicts)
            _print_row(world.sequence.name, gap_s, Counter(verdicts), kinds)
            if arguments.people:
                for cut, verdict in zip(cuts, verdicts, strict=True):
                    print(f"    {cut} {verdict}")
        _print_row("all", gap_s, total, kinds)
    print("\npeople and ids")
    for world in worlds:
        whole = (
            track_refined(world.sequence, config, world.steps)
            if arguments.refine
            else track(world.sequence, build_tracker(config), world.steps)
        )
        people, ids = (len(np.unique(rows[:, 1])) for rows in (world.truth, whole))
        print(f"{world.sequence.name:20}{people:>6} people -> {ids} ids")


def _print_row(name: str, gap_s: float, found: Counter[str], kinds: Sequence[str]) -> None:
    count = sum(found[kind] for kind in kinds)
    parts = "".join(f"{100 * found[kind] / max(count, 1):9.0f}%" for kind in kinds)
    print(f"{name:20}{gap_s:5.0f}s{count:8}{parts}", flush=True)


if __name__ == "__main__":
    main()
