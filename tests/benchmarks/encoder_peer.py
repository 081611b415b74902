"""Run another project's encoder for `encoder_speed`; needs numpy and that project alone.

    python encoder_peer.py boxmot|ultralytics MODEL FRAME.npy BOXES.npy

For each number of boxes on standard input, it encodes as many and prints the seconds, and those of
all cores. "rows FILE" saves the embeddings of all boxes.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Encode = Callable[[npt.NDArray[np.float32]], Any]


def boxmot(model: str, frame: npt.NDArray[np.uint8]) -> Encode:
    from boxmot.reid.core import ReID

    net = ReID(Path(model), device="cpu", half=False).model
    return lambda boxes: net.get_features(boxes, frame)


def ultralytics(model: str, frame: npt.NDArray[np.uint8]) -> Encode:
    from ultralytics.trackers.utils.reid import ReID

    net = ReID(model, device="cpu")

    def encode(boxes: npt.NDArray[np.float32]) -> Any:
        centred = np.concatenate(
            [(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1
        )
        return net(frame, centred)

    return encode


def main() -> None:
    kind, model, frame, boxes = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what these projects print is no answer
    rows = np.load(boxes)
    encode = {"boxmot": boxmot, "ultralytics": ultralytics}[kind](model, np.load(frame))
    for line in sys.stdin:
        if line.startswith("rows "):
            np.save(line.split(maxsplit=1)[1].strip(), np.asarray(encode(rows), np.float32))
            seconds = cores = 0.0
        else:
            start, start_cores = time.perf_counter(), time.process_time()
            encode(rows[: int(line)])
            seconds, cores = time.perf_counter() - start, time.process_time() - start_cores
        answers.write(f"{seconds} {cores}\n")
        answers.flush()


if __name__ == "__main__":
    main()
