"""ultralytics installs nothing, sends nothing and prints nothing; tested in new processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Python reports every process that it starts and every use of the network to audit hooks.
GUARD = """
import os, sys
pip, network = [], []
def watch(event, args):
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        command = str(args[:2])
        if "pip" in command and "install" in command:
            pip.append(command)
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect"):
        network.append(args)
sys.addaudithook(watch)
"""

USERS_IMPORT = """
from ultralytics.utils.events import events
events.enabled = True
"""

NO_OPENVINO = """
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "openvino":
            raise ImportError(f"No module named {name}", name=name)
sys.meta_path.insert(0, Blocker())
"""


def run(code: str, config: Path, **environment: str) -> str:
    # ultralytics behaves differently under pytest, so hide pytest.
    names = ("YOLO_AUTOINSTALL", "YOLO_OFFLINE", "YOLO_VERBOSE", "PYTEST_CURRENT_TEST")
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


@pytest.mark.slow
@pytest.mark.parametrize("imported_before", [False, True])
def test_missing_openvino_is_one_line_and_no_installation(
    tmp_path: Path, imported_before: bool
) -> None:
    model = tmp_path / "net_openvino_model"
    model.mkdir()
    (model / "net.xml").write_text("<net/>")
    code = f"""
{GUARD}
{USERS_IMPORT if imported_before else ""}
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
assert pip == [], pip
from ultralytics.utils.events import events
assert events.enabled is False
"""
    run(code, tmp_path)


@pytest.mark.slow
def test_quiet_offline_and_settings_untouched(tmp_path: Path, tiny_yolo: Path) -> None:
    run("import ultralytics", tmp_path)  # the user's own settings, statistics switched on
    settings = tmp_path / "Ultralytics" / "settings.json"
    before = settings.read_bytes()
    assert b'"sync": true' in before
    code = f"""
{GUARD}
import gc
import numpy as np
options = np.get_printoptions()
from reid_tracker.detect import build_detector
detector = build_detector({str(tiny_yolo)!r}, imgsz=64)
detector.detect_batch([np.zeros((64, 64, 3), np.uint8)] * 3)
assert np.get_printoptions() == options and gc.isenabled()
from ultralytics.utils.events import events
assert events.enabled is False and events.events == []
assert pip == [] and network == [], pip + network
assert "YOLO_OFFLINE" not in os.environ and "YOLO_VERBOSE" not in os.environ
"""
    assert run(code, tmp_path) == ""
    assert settings.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("found", [True, False])
def test_boxes_are_suppressed_as_by_torchvision_without_its_import(
    tiny_yolo: Path, tmp_path: Path, found: bool
) -> None:
    """Where its compiled functions are not found, ultralytics imports it as usual."""
    run(
        f"""
import importlib.util, sys
import numpy as np
find = importlib.util.find_spec
importlib.util.find_spec = lambda name: find(name) if {found} or name != "torchvision" else None
from reid_tracker.detect import build_detector
options = dict(conf=1e-4, iou=0.3, imgsz=64, classes=[], device="cpu")
detector = build_detector({str(tiny_yolo)!r}, **options)
picture = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
before = detector.detect(picture)
assert ("torchvision" in sys.modules) is not {found}
import torchvision
after = detector.detect(picture)
assert len(before) > 5, len(before)
assert before.boxes.tobytes() == after.boxes.tobytes()
assert before.scores.tobytes() == after.scores.tobytes()
""",
        tmp_path,
    )
