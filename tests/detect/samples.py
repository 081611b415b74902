"""Images and files shared by the detector tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reid_tracker.types import ImageBGR

SHARED = Path(__file__).parents[3] / "shared"
OPENVINO = SHARED / "weights" / "yolo11n_int8_openvino_model"
TUD = SHARED / "data" / "mot" / "TUD-Campus"


def picture(height: int = 96, width: int = 128, seed: int = 0) -> ImageBGR:
    cells = np.random.default_rng(seed).integers(0, 256, (-(-height // 8), -(-width // 8), 3))
    return np.kron(cells, np.ones((8, 8, 1), np.int64))[:height, :width].astype(np.uint8)


def mot_file(path: Path, frames: int = 8) -> Path:
    """Write three detections in every frame, the first of them moving by a pixel a frame."""
    lines = []
    for frame in range(1, frames + 1):
        lines.append(f"{frame},-1,{10 + frame},20,30,60,0.9,-1,-1,-1")
        lines.append(f"{frame},-1,50.5,5.25,10,20,0.25,-1,-1,-1")
        lines.append(f"{frame},-1,-5,40,20,70,0.6,-1,-1,-1")
    path.write_text("\n".join(lines) + "\n")
    return path
