from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.encode.samples import tiny_onnx

HEAVY = ("torch", "cv2", "ultralytics", "onnxruntime", "timm", "openvino")


def loaded_after(code: str) -> set[str]:
    """Run code in a fresh interpreter and return which heavy packages it loaded."""
    report = f"import sys; print(*({HEAVY} & sys.modules.keys()))".replace(
        str(HEAVY), str(set(HEAVY))
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; {report}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_rooms_load_nothing_heavy() -> None:
    code = "import reid_tracker.encode, reid_tracker.detect; from reid_tracker import build_encoder"
    assert loaded_after(code) == set()


def test_onnx_encoder_runs_without_torch(tmp_path: Path) -> None:
    path = tiny_onnx(tmp_path / "net.onnx")
    code = f"from reid_tracker import build_encoder; build_encoder({str(path)!r})"
    assert loaded_after(code) == {"cv2", "openvino"}


@pytest.mark.slow
def test_the_shipped_encoder_and_its_space_need_no_torch() -> None:
    """Where there is no GPU, neither choosing nor naming it may cost seconds of start-up."""
    code = (
        "from reid_tracker.config import EncoderConfig; from reid_tracker import build_encoder;"
        "from reid_tracker.encode.fingerprint import model_fingerprint;"
        "from reid_tracker.encode import backends; backends.may_have_gpu = lambda: False;"
        "model_fingerprint(EncoderConfig()); build_encoder('auto')"
    )
    assert loaded_after(code) == {"cv2", "openvino"}


@pytest.mark.slow
def test_a_pipeline_looks_its_encoder_up_once() -> None:
    code = (
        "import logging; logging.basicConfig(level='INFO', format='%(message)s');"
        "from reid_tracker import Config, Pipeline;"
        "from reid_tracker.pipeline import suited_to_models;"
        "Pipeline.from_config(suited_to_models(Config()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("encoder ")]
    assert len(lines) == 1, done.stderr
