"""The ground plane of PETS09-S2L1 from the people in it, against the surveyed one.

    python -m tests.benchmarks.ground_from_people [--mean-height METRES]

Tracks and identities are those of `multi_camera` with a topology and without homographies. Nothing
that was surveyed is used to find the ground. Then the positions of all people in full view are laid
on the true ones, which turns, shifts and mirrors both cameras together, but does not stretch them.
The last lines are identities with each ground plane, as `multi_camera` scores them.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from scipy.spatial.transform import Rotation

from reid_tracker.arrays import FloatArray
from reid_tracker.cli.commands.ground.people import describe
from reid_tracker.config import MatchConfig
from reid_tracker.match import CrossCameraMatcher, GroundPlane, final_identities
from reid_tracker.match.places.people import People
from reid_tracker.match.places.self_calibration import MEAN_HEIGHT_M, calibrate_from_people
from tests.benchmarks import multi_camera
from tests.benchmarks.multi_camera import FOLDER, FRAME_RATE, TOPOLOGY, VIEWS, TrackedFrame

WIDTH, HEIGHT = 768, 576


def people_of(frames: list[TrackedFrame]) -> dict[str, People]:
    """Match people without homographies, and return what each view saw of them."""
    matcher = CrossCameraMatcher(MatchConfig(), TOPOLOGY)
    for frame in frames:
        time_s = (frame.number - 1) / FRAME_RATE
        matcher.update(frame.view, frame.tracks, frame.embeddings, time_s)
    matcher.finish()
    final = final_identities(matcher.events())
    found = {}
    for view in VIEWS:
        rows = [
            ((frame.number - 1) / FRAME_RATE, identity, *box)
            for frame in frames
            if frame.view == view
            for track, box in zip(frame.tracks.ids.tolist(), frame.tracks.boxes, strict=True)
            if (identity := final.get((view, track), 0))
        ]
        table = np.array(rows, np.float64)
        ids = table[:, 1].astype(np.int64)
        found[view] = People(WIDTH, HEIGHT, table[:, 0], ids, table[:, 2:])
    return found


def errors(found: GroundPlane, true: GroundPlane, people: dict[str, People]) -> list[FloatArray]:
    """Return distances from the true positions in metres, of each view, after laying them on."""
    places = [
        np.concatenate(
            [
                plane.positions(view, one.boxes[one.clear].astype(np.float32))
                for view, one in people.items()
            ]
        )
        @ [1, 1j]
        for plane in (found, true)
    ]
    a, b = np.conj(places[0]), places[1]  # the plan of the truth is mirrored
    weights = np.ones(len(a))
    for _ in range(30):  # to the least sum of distances
        middle_a, middle_b = ((weights * each).sum() / weights.sum() for each in (a, b))
        turn = (weights * (b - middle_b) * np.conj(a - middle_a)).sum()
        apart = np.abs(turn / np.abs(turn) * (a - middle_a) + middle_b - b)
        weights = 1 / np.maximum(apart, 0.05)
    ends = np.cumsum([one.clear.sum() for one in people.values()])
    return np.split(apart, ends[:-1])


def surveyed() -> list[str]:
    """Return what the calibration of PETS says, in the words of `reid-track ground`."""
    lines = []
    for view, camera in json.loads((FOLDER / "calibration.json").read_text()).items():
        rotation = Rotation.from_euler("xyz", camera["r"]).as_matrix()
        up, place_mm = rotation[:, 2], -rotation.T @ np.array(camera["t"])
        lines.append(
            f"view00{view}: focal length {camera['f'] / camera['dpy']:.0f} px, tilt "
            f"{np.degrees(np.arcsin(-up[2])):.1f} and roll "
            f"{np.degrees(np.arctan2(up[0], -up[1])):.1f} degrees at the principal point "
            f"({camera['cx']:.0f}, {camera['cy']:.0f}), {place_mm[2] / 1000:.2f} m above the ground"
        )
    return lines


def main() -> None:
    """Print the errors."""
    parser = argparse.ArgumentParser(description="Compare the ground from people with the truth.")
    parser.add_argument("--mean-height", type=float, default=MEAN_HEIGHT_M, metavar="METRES")
    person_m = parser.parse_args().mean_height
    frames = multi_camera.tracked_frames()
    people = people_of(frames)
    found = calibrate_from_people(people, person_m)
    print("\n".join(["found", *describe(found, people, person_m), "", "surveyed", *surveyed(), ""]))
    true = multi_camera.ground_plane()
    for view, apart in zip(people, errors(found.ground, true, people), strict=True):
        print(
            f"{view}: {len(apart)} positions are off by {np.median(apart):.2f} m (median; 90 %: "
            f"below {np.quantile(apart, 0.9):.2f} m)"
        )
    print("\nIDF1 of visits, live and revised")
    for name, plane in (("neither", None), ("surveyed", true), ("from people", found.ground)):
        live, revised = multi_camera.match(frames, MatchConfig(), TOPOLOGY, plane)
        scores = [multi_camera.score(frames, one, people=False).idf1 for one in (live, revised)]
        print(f"{name:12}{scores[0]:.3f} {scores[1]:.3f}")


if __name__ == "__main__":
    main()
