from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def own_ultralytics_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep ultralytics from creating a settings file in the user's home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YOLO_CONFIG_DIR", str(tmp_path_factory.mktemp("ultralytics")))
        yield


@pytest.fixture(scope="session")
def tiny_yolo(own_ultralytics_settings: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained YOLO of three classes, saved as a .pt file."""
    from reid_tracker.detect.ultralytics_backend import import_yolo

    folder = tmp_path_factory.mktemp("yolo")
    (folder / "tiny.yaml").write_text(
        "nc: 3\n"
        "names: {0: person, 1: traffic light, 2: car}\n"
        "backbone:\n"
        "  - [-1, 1, Conv, [8, 3, 2]]\n"
        "  - [-1, 1, Conv, [16, 3, 2]]\n"
        "  - [-1, 1, Conv, [16, 3, 2]]\n"
        "  - [-1, 1, Conv, [32, 3, 2]]\n"
        "head:\n"
        "  - [[2, 3], 1, Detect, [nc]]\n"
    )
    with torch.random.fork_rng():
        torch.manual_seed(5)  # weights that find all three classes
        model = import_yolo()(str(folder / "tiny.yaml"), task="detect")
    model.model.names = {0: "person", 1: "traffic light", 2: "car"}
    model.save(folder / "tiny.pt")
    return folder / "tiny.pt"
