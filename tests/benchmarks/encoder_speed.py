"""Time encoders from a frame and its boxes to unit rows, by back end, precision and batch.

    python -m tests.benchmarks.encoder_speed [--encoder NAME] [--int8 FILE.xml] [--boxmot PYTHON]

All take turns with each batch, so that a busy moment of the machine slows all of them down alike.
Two tables have medians, and ratios to the best peer at that batch: of the time that passed, and of
the time that all cores spent, which depends less on what else the machine does. Peers run in
processes of their own, with the default of OMP_NUM_THREADS and with 1: ultralytics with this
Python, BoxMOT with that of a virtual environment which has it, since it conflicts with packages of
this project (`pip install boxmot==25.0.0 onnxruntime==1.24.3 onnx openvino`). The frame is noise of
1920 x 1080 pixels with people of 40 to 240 pixels.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from reid_tracker.arrays import Float32Array
from reid_tracker.config import EncoderConfig
from reid_tracker.encode import build_encoder
from reid_tracker.encode.export import export_encoder
from reid_tracker.types import Boxes, ImageBGR

BATCHES = (1, 8, 32, 128)
RUNS = {1: 30, 8: 20, 32: 12, 128: 6}
PEER = Path(__file__).with_name("encoder_peer.py")

Timed = Callable[[int], tuple[float, float]]
"""Encodes as many boxes, and returns the seconds that passed and those of all cores."""


def scene(seed: int = 0) -> tuple[ImageBGR, Boxes]:
    """Return a frame and the boxes of the largest batch."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (135, 240, 3), dtype=np.uint8)
    frame = np.asarray(cv2.resize(small, (1920, 1080), interpolation=cv2.INTER_CUBIC), np.uint8)
    height = random.uniform(40, 240, max(BATCHES))
    size = np.column_stack([0.4 * height, height])
    corner = random.uniform(0, 1, (len(height), 2)) * (np.array([1920, 1080]) - size)
    return frame, np.concatenate([corner, corner + size], axis=1).astype(np.float32)


class Peer:
    """A process that encodes with another project."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "PYTHONPATH"))}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=plain | environment,
        )

    def ask(self, line: str) -> tuple[float, float]:
        """Return the seconds that the process answers, and those of all cores."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self._process.args!r} ended")
        seconds, cores = answer.split()
        return float(seconds), float(cores)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def ours(name: str, int8: str | None) -> dict[str, EncoderConfig]:
    """Return this project's encoders by the name of their row."""
    checkpoint = EncoderConfig(model=name, device="cpu", batch_size=max(BATCHES))
    onnx = replace(checkpoint, model=f"{name}_onnx")
    found = {
        "torch, float32": checkpoint,
        "ONNX Runtime, float32": replace(onnx, backend="onnxruntime"),
        "OpenVINO, float32 (auto)": onnx,
        "OpenVINO, bfloat16 (half)": replace(onnx, half=True),
    }
    if int8 is not None:
        found["OpenVINO, int8"] = replace(checkpoint, model=int8)
        found["OpenVINO, int8 and bfloat16"] = replace(checkpoint, model=int8, half=True)
    return found


def peers(name: str, folder: Path, boxmot: str | None) -> dict[str, Peer]:
    """Start the other projects."""
    frame, boxes = scene()
    np.save(folder / "frame.npy", frame)
    np.save(folder / "boxes.npy", boxes)
    arrays = [str(folder / "frame.npy"), str(folder / "boxes.npy")]
    config = EncoderConfig(model=name)
    plain, normalising = folder / "osnet_x0_25_msmt17.onnx", folder / "normalising.onnx"
    export_encoder(config, plain, "onnx", "fp32")
    export_encoder(config, normalising, "onnx", "fp32", with_normalisation=True)
    models = [("ultralytics", "ONNX Runtime", normalising, sys.executable)]
    if boxmot is not None:
        import openvino

        xml = folder / "osnet_x0_25_msmt17_openvino_model" / "osnet_x0_25_msmt17.xml"
        openvino.save_model(openvino.Core().read_model(plain), xml, compress_to_fp16=False)
        models += [("boxmot", "ONNX Runtime", plain, boxmot), ("boxmot", "OpenVINO", xml, boxmot)]
        models[-1] = ("boxmot", "OpenVINO", xml.parent, boxmot)
    return {
        f"{kind}, {runs}{title}": Peer([python, str(PEER), kind, str(model), *arrays], environment)
        for kind, runs, model, python in models
        for title, environment in (("", {}), (", OMP_NUM_THREADS=1", {"OMP_NUM_THREADS": "1"}))
    }


def check(rows: Float32Array, reference: Float32Array) -> float:
    """Return the mean cosine: peers cut, round and pad in their own ways."""
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return float((rows * reference).sum(axis=1).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--encoder", default="osnet_x0_25_cuhk03")
    parser.add_argument("--int8", metavar="XML", help="an int8 form by `reid-track export`")
    parser.add_argument("--boxmot", metavar="PYTHON", help="a Python that has BoxMOT")
    arguments = parser.parse_args()
    frame, boxes = scene()
    timed: dict[str, Timed] = {}
    cosines: dict[str, float] = {}

    def timer(encode: Callable[[ImageBGR, Boxes], Float32Array]) -> Timed:
        def run(count: int) -> tuple[float, float]:
            start, start_cores = time.perf_counter(), time.process_time()
            encode(frame, boxes[:count])
            return time.perf_counter() - start, time.process_time() - start_cores

        return run

    reference: Float32Array | None = None
    for name, config in ours(arguments.encoder, arguments.int8).items():
        encoder = build_encoder(config)
        rows = encoder.encode(frame, boxes)
        reference = rows if reference is None else reference
        cosines[name] = check(rows, reference)
        timed[name] = timer(encoder.encode)
    assert reference is not None
    with tempfile.TemporaryDirectory() as folder:
        others = peers(arguments.encoder, Path(folder), arguments.boxmot)
        try:
            for name, peer in others.items():
                peer.ask(f"rows {folder}/rows.npy")
                cosines[name] = check(np.load(f"{folder}/rows.npy"), reference)
                timed[name] = lambda count, peer=peer: peer.ask(str(count))  # type: ignore[misc]
            medians = table(timed)
        finally:
            for peer in others.values():
                peer.close()
    for column, title in enumerate(("time that passed", "time of all cores")):
        print(f"\n| {title} | {' | '.join(map(str, BATCHES))} | mean cosine |")
        print("|---|" + "--:|" * (len(BATCHES) + 1))
        best = {b: min(medians[name][b][column] for name in others) for b in BATCHES}
        for name, by_batch in medians.items():
            found = {batch: seconds[column] for batch, seconds in by_batch.items()}
            cells = [f"{1e3 * s:.1f} ms, {best[b] / s:.2f}x" for b, s in found.items()]
            print(f"| {name} | {' | '.join(cells)} | {cosines[name]:.4f} |")


def table(timed: dict[str, Timed]) -> dict[str, dict[int, tuple[float, float]]]:
    """Return the medians of each encoder by batch."""
    seconds: dict[str, dict[int, tuple[float, float]]] = {name: {} for name in timed}
    for batch in BATCHES:
        for name, values in measure(timed, batch).items():
            seconds[name][batch] = values
    return seconds


def measure(timed: dict[str, Timed], batch: int) -> dict[str, tuple[float, float]]:
    """Let all take turns with one batch, and return their medians."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in timed}
    for run in range(RUNS[batch] + 2):
        for name, encode in timed.items():
            elapsed = encode(batch)
            if run >= 2:
                runs[name].append(elapsed)
    medians = {name: np.median(values, axis=0).tolist() for name, values in runs.items()}
    return {name: (passed, cores) for name, (passed, cores) in medians.items()}


if __name__ == "__main__":
    main()
