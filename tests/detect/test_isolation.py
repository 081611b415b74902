"""ultralytics installs nothing, sends nothing and stays quiet; tried in fresh interpreters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Every way to start pip is replaced by one that records the attempt.
GUARD = """
import subprocess, os, sys
started = []
def refuse(*args, **kwargs):
    started.append(str(args[0] if args else kwargs))
    raise RuntimeError("started a process")
def no_pip():
    return [line for line in started if "pip" in line or "uv" in line]
for name in ("run", "Popen", "check_output", "check_call", "call"):
    setattr(subprocess, name, refuse)
os.system = refuse
"""

NO_OPENVINO = """
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "openvino":
            raise ImportError(f"No module named {name}", name=name)
sys.meta_path.insert(0, Blocker())
"""


def run(code: str, config: Path, **environment: str) -> str:
    names = ("YOLO_AUTOINSTALL", "YOLO_OFFLINE", "YOLO_VERBOSE")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**clean, "YOLO_CONFIG_DIR": str(config), **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("imported_before", [False, True])
def test_missing_openvino_is_one_line_and_no_installation(
    tmp_path: Path, imported_before: bool
) -> None:
    model = tmp_path / "net_openvino_model"
    model.mkdir()
    (model / "net.xml").write_text("<net/>")
    code = f"""
{GUARD if not imported_before else "import ultralytics" + GUARD}
{NO_OPENVINO}
from reid_tracker.detect import build_detector
from reid_tracker.errors import MissingDependencyError
try:
    build_detector({str(model)!r})
except MissingDependencyError as error:
    assert "pip install 'reid-tracker[openvino]'" in str(error), error
    assert chr(10) not in str(error)
else:
    raise SystemExit("no error")
# ... and if ultralytics itself comes to miss something, it leaves it at that.
from ultralytics.utils.checks import check_requirements
assert check_requirements("surely-no-package-of-this-name") is False
assert no_pip() == [], started
"""
    run(code, tmp_path)


def test_quiet_offline_and_settings_untouched(tmp_path: Path, tiny_yolo: Path) -> None:
    run("import ultralytics", tmp_path)  # the user's own settings, statistics switched on
    settings = tmp_path / "Ultralytics" / "settings.json"
    before = settings.read_bytes()
    assert b'"sync": true' in before
    code = f"""
{GUARD}
import numpy as np, socket
def no_network(*args, **kwargs):
    raise AssertionError(f"network: {{args}}")
socket.getaddrinfo = socket.socket.connect = no_network
options = np.get_printoptions()
from reid_tracker.detect import build_detector
detector = build_detector({str(tiny_yolo)!r}, imgsz=64)
detector.detect_batch([np.zeros((64, 64, 3), np.uint8)] * 3)
assert np.get_printoptions() == options
from ultralytics.utils.events import events
assert events.enabled is False and events.events == []
assert no_pip() == [], started
assert "YOLO_OFFLINE" not in os.environ and "YOLO_VERBOSE" not in os.environ
"""
    assert run(code, tmp_path) == ""
    assert settings.read_bytes() == before
