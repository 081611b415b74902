"""Which detector and encoder run, and the distances of an encoder."""

from __future__ import annotations

from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number


@dataclass(frozen=True)
class DetectorConfig(Checked):
    """Which detector runs, and what it keeps.

    Attributes:
        model: "auto" takes the best detector on this machine and downloads nothing; or a name of
            `reid-track weights list`, a model file or folder that ultralytics loads (.pt, .onnx,
            OpenVINO, .engine), a YOLO name such as "yolo11n.pt", which is downloaded, or a
            MOTChallenge detection file (.txt) to replay.
        confidence: detections below it are dropped.
        iou: overlap above which non-maximum suppression drops the weaker of two boxes.
        image_size: side in pixels to which the longer side of a frame is scaled.
        classes: class numbers or names to keep; empty keeps all.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        half: run in float16 (GPU only).
        max_detections: most boxes kept in a frame.
    """

    model: str = "auto"
    confidence: float = number(0.3, 0.0, 1.0)
    iou: float = number(0.7, 0.0, 1.0)
    image_size: int = number(640, 32, 8192)
    classes: tuple[int | str, ...] = ("person",)
    device: str = "auto"
    half: bool = False
    max_detections: int = number(300, 1)


@dataclass(frozen=True)
class EncoderConfig(Checked):
    """Which appearance encoder runs, and how.

    Attributes:
        model: "auto" takes the best encoder on this machine and downloads nothing; a run without
            one tracks by motion alone, as does "none"; or a name of `reid-track weights list`, an
            .onnx file, a torchreid-style checkpoint (.pt, .pth), a published size such as
            "osnet_x0_25", or "timm:NAME".
        architecture: network of a checkpoint whose file name does not tell, e.g. "osnet_x1_0".
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        half: run in float16; None means on CUDA only.
        batch_size: most crops in one forward pass; bounds memory.
    """

    model: str = "auto"
    architecture: str | None = None
    device: str = "auto"
    half: bool | None = None
    batch_size: int = number(64, 1)
