"""Whole pipelines, ours and others', with the same models and video written: a Markdown table.

    python -m tests.benchmarks.pipeline_peers --peers PYTHON [--video FILE] [--frames 200]

Each goes from the video to a video of tracks in a process of its own: one round has one run of
each, and the medians over the rounds are shown. Models are loaded and the first frames are past
before the clock starts. The peers need the Python of an environment that has BoxMOT and ultralytics
(see .ci/hosts); their ONNX Runtime and OpenVINO back ends run with the default of OMP_NUM_THREADS
and with 1. ultralytics and BoxMOT write MPEG-4, which is cheaper than this project's H.264.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from reid_tracker.config import Config, DeepSortConfig, DetectorConfig, EncoderConfig
from reid_tracker.resources import shipped, usable_cores
from reid_tracker.run.tracking import track
from tests.benchmarks.mot_cached import SHARED
from tests.benchmarks.overlap import Meter, repeated

PEER = Path(__file__).with_name("pipeline_peer.py")
DETECTOR = SHARED.parent / "weights" / "yolo11n_int8_openvino_model"
ENCODER = SHARED.parent / "weights" / "osnet_x0_25_msmt17.onnx"
OURS = "reid-track"
Measured = dict[str, float]


def ours(detector: str, encoder: str, encode: str, video: str, folder: Path) -> Measured:
    """Run this project once, in this process."""
    meter = Meter(every=1000)
    config = Config(
        detector=DetectorConfig(model=detector),
        encoder=EncoderConfig(model=encoder),
        tracker=DeepSortConfig(encode=encode),
    )
    track([video], config, folder / "out", watch=meter)
    measured = meter.measured()
    return {"frame_ms": measured["wall_ms"], "cores_ms": measured["cpu_ms"]}


def run(words: list[str], threads: str | None) -> Measured:
    """Run a process that prints its times as its last line."""
    environment = os.environ | ({"OMP_NUM_THREADS": threads} if threads else {})
    done = subprocess.run(words, check=False, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "frame_ms" in found:
        return found
    frames = found["frames"] / 1000
    return {"frame_ms": found["seconds"] / frames, "cores_ms": found["cores"] / frames}


def contenders(
    peers: str, detector: str, encoder: str, video: str, folder: Path
) -> dict[str, tuple[list[str], str | None]]:
    """Return the command and the OMP_NUM_THREADS of each pipeline."""
    import openvino

    xml = folder / "osnet_x0_25_msmt17_openvino_model" / "osnet_x0_25_msmt17.xml"
    openvino.save_model(openvino.Core().read_model(encoder), xml, compress_to_fp16=False)
    own = [sys.executable, "-m", __spec__.name, "--peers", "-", "--detector", detector]
    own += ["--encoder", encoder, "--video", video, "--ours"]
    found: dict[str, tuple[list[str], str | None]] = {
        OURS: ([*own, "auto"], None),
        f"{OURS} --encode always": ([*own, "always"], None),
    }
    kinds = [("ultralytics BoT-SORT without ReID", "ultralytics-plain", encoder)]
    kinds += [("ultralytics BoT-SORT with ReID", "ultralytics", encoder)]
    for tracker, title in (("strongsort", "StrongSORT"), ("botsort", "BoT-SORT")):
        kinds.append((f"BoxMOT {title}, ONNX Runtime", tracker, encoder))
        kinds.append((f"BoxMOT {title}, OpenVINO", tracker, str(xml.parent)))
    for name, kind, model in kinds:
        words = [peers, str(PEER), kind, detector, model, video]
        found[name] = words, None
        found[f"{name}, OMP_NUM_THREADS=1"] = words, "1"
    return found


def compare(arguments: argparse.Namespace) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="reid-peers-") as name:
        folder = Path(name)
        video = str(repeated(Path(arguments.video), arguments.frames, folder / "clip.mp4"))
        paths = arguments.detector, arguments.encoder, video, folder
        commands = contenders(arguments.peers, *paths)
        found: dict[str, list[Measured]] = {kind: [] for kind in commands}
        for number in range(arguments.rounds):
            for kind, (words, threads) in commands.items():
                output = folder / f"{number} {kind}"
                output.mkdir()
                found[kind].append(run([*words, str(output)], threads))
    print(f"{usable_cores()} cores, {arguments.frames} frames, {arguments.rounds} rounds\n")
    print(f"| pipeline | frames/s | {OURS} is | processor ms a frame | {OURS} needs |")
    print("|---|--:|--:|--:|--:|")
    medians = {
        kind: {key: median(one[key] for one in runs) for key in ("frame_ms", "cores_ms")}
        for kind, runs in found.items()
    }
    best = medians[OURS]
    for kind, one in medians.items():
        print(
            f"| {kind} | {1000 / one['frame_ms']:.1f} "
            f"| {one['frame_ms'] / best['frame_ms']:.2f} times as fast | {one['cores_ms']:.1f} "
            f"| {best['cores_ms'] / one['cores_ms']:.2f} |"
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Compare whole pipelines.")
    parser.add_argument("--peers", metavar="PYTHON", required=True, help="has the other projects")
    parser.add_argument("--video", default=str(shipped("demo", "pedestrians.mp4")))
    parser.add_argument("--detector", default=str(DETECTOR))
    parser.add_argument("--encoder", default=str(ENCODER))
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ours", metavar="ENCODE", help=argparse.SUPPRESS)
    parser.add_argument("folder", nargs="?", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ours:
        paths = arguments.detector, arguments.encoder, arguments.ours, arguments.video
        print(json.dumps(ours(*paths, Path(arguments.folder))))
    else:
        compare(arguments)


if __name__ == "__main__":
    main()
