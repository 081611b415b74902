"""The wheel: its content, and that it works without a checkout."""

from __future__ import annotations

import configparser
import email
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email.message import Message
from pathlib import Path, PurePosixPath

import pytest

import reid_tracker
from tests.conftest import ROOT
from tests.test_architecture import FENCES

pytestmark = pytest.mark.slow


STAND_IN = "weights/stand_in.onnx"
DISTRIBUTIONS = {
    "cv2": "opencv-python",
    "faiss": "faiss-cpu",
    "pytorch_metric_learning": "pytorch-metric-learning",
    "sklearn": "scikit-learn",
    "nats": "nats-py",
    "paho": "paho-mqtt",
    "prometheus_client": "prometheus-client",
    "yaml": "pyyaml",
}
"""Names on the package index, where they differ from the import's."""

# Three come with torch and ultralytics, two with fastapi. norfair declares numpy < 2, so it cannot
# be an extra.
COME_WITH_OTHERS = {"typing_extensions", "PIL", "norfair", "pydantic", "starlette", "torchvision"}


def run(*words: object, cwd: Path) -> str:
    """Run a command outside of the checkout's influence and return what it printed."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
    }
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def project_files() -> list[str]:
    """Return the files that git tracks, or would track."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs git and a checkout")
    listed = run("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=ROOT).split("\0")
    return [name for name in listed if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean copy of the project, with a model in weights/ of the kind that git ignores."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in project_files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    (folder / STAND_IN).parent.mkdir(exist_ok=True)
    (folder / STAND_IN).write_bytes(b"stand-in")
    return folder


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("dist")
    run(
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "-o",
        output,
        checkout,
        cwd=output,
    )
    (built,) = output.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel alone, which borrows the dependencies of this interpreter."""
    environment = tmp_path_factory.mktemp("venv") / "env"
    run(sys.executable, "-m", "venv", environment, cwd=environment.parent)
    python = scripts(environment) / "python"
    quiet = ("--quiet", "--disable-pip-version-check")
    run(python, "-m", "pip", "install", *quiet, "--no-deps", "--no-index", wheel, cwd=wheel.parent)
    code = "import json, sysconfig; print(json.dumps(sysconfig.get_path('purelib')))"
    own = Path(json.loads(run(python, "-c", code, cwd=environment)))
    assert own.is_relative_to(environment)
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    # a path in a .pth file comes after the environment's own packages, and .pth files in it (of an
    # editable install, say) are not read
    (own / "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n")
    return environment


def scripts(environment: Path) -> Path:
    return environment / ("Scripts" if os.name == "nt" else "bin")


def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def dist_info(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [entry for entry in archive.namelist() if entry.endswith(f".dist-info/{name}")]
        return archive.read(path).decode()


def metadata(wheel: Path) -> Message:
    return email.message_from_string(dist_info(wheel, "METADATA"))


def test_wheel_holds_the_package_its_configurations_and_weights(
    checkout: Path, wheel: Path
) -> None:
    inside = contents(wheel)
    files = [path for path in checkout.rglob("*") if path.is_file()]
    names = {path.relative_to(checkout).as_posix() for path in files}
    expected = {name for name in names if name.startswith("reid_tracker/")}
    expected |= {
        f"reid_tracker/{name}" for name in names if name.startswith(("configs/", "weights/"))
    }
    assert {name for name in inside if name.startswith("reid_tracker/")} == expected
    assert {
        "reid_tracker/configs/default.yaml",
        "reid_tracker/configs/trackers/deepsort.yaml",
        f"reid_tracker/{STAND_IN}",
        "reid_tracker/py.typed",
    } <= expected


def test_wheel_holds_nothing_else(wheel: Path) -> None:
    tops = {PurePosixPath(name).parts[0] for name in contents(wheel)}
    assert tops == {"reid_tracker", f"reid_tracker-{reid_tracker.__version__}.dist-info"}
    strangers = ("tests", "demo", "shared", "__pycache__", ".git")
    assert not [name for name in contents(wheel) if set(strangers) & set(Path(name).parts)]


def test_wheel_carries_the_licence(wheel: Path) -> None:
    licence = dist_info(wheel, "licenses/LICENSE")
    assert licence == (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert metadata(wheel)["License-Expression"] == "AGPL-3.0-or-later"


def test_wheel_is_pure_python(wheel: Path) -> None:
    assert wheel.name == f"reid_tracker-{reid_tracker.__version__}-py3-none-any.whl"


def test_metadata(wheel: Path) -> None:
    data = metadata(wheel)
    assert data["Name"] == "reid-tracker"
    assert data["Version"] == reid_tracker.__version__
    assert data["Requires-Python"] == ">=3.11"
    assert "Typing :: Typed" in data.get_all("Classifier", [])


def test_entry_point(wheel: Path) -> None:
    parser = configparser.ConfigParser()
    parser.read_string(dist_info(wheel, "entry_points.txt"))
    assert dict(parser["console_scripts"]) == {"reid-track": "reid_tracker.cli.program:program"}


def test_every_imported_package_is_a_declared_dependency_and_no_other(wheel: Path) -> None:
    declared: set[str] = set()
    optional: set[str] = set()
    for line in metadata(wheel).get_all("Requires-Dist", []):
        name = re.split(r"[^\w.-]", line, maxsplit=1)[0].lower()
        (optional if "extra ==" in line else declared).add(name)
    imported = {DISTRIBUTIONS.get(name, name) for name in {*FENCES, "numpy"} - COME_WITH_OTHERS}
    # ultralytics runs OpenVINO models with it, and would install it by itself.
    assert declared - {"openvino"} <= imported
    assert imported <= declared | optional


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_installed_command_runs(option: str, installed: Path, tmp_path: Path) -> None:
    printed = run(scripts(installed) / "reid-track", option, cwd=tmp_path)
    expected = reid_tracker.__version__ if option == "--version" else "usage: reid-track"
    assert expected in printed
    assert list(tmp_path.iterdir()) == []


def test_installed_package_is_the_wheel_s_and_finds_its_files(
    installed: Path, tmp_path: Path
) -> None:
    code = """
import json, reid_tracker
from reid_tracker.resources import shipped
reid_tracker.build_tracker("deepsort")
print(json.dumps({
    "package": reid_tracker.__file__,
    "version": reid_tracker.__version__,
    "default": str(shipped("configs", "default.yaml")),
    "weights": str(shipped("weights", "stand_in.onnx")),
    "fast": reid_tracker.load_config("fast").video.stride,
}))
"""
    found = json.loads(run(scripts(installed) / "python", "-c", code, cwd=tmp_path))
    for name in ("package", "default", "weights"):
        assert Path(found[name]).is_relative_to(installed), found
        assert Path(found[name]).is_file(), found
    assert found["version"] == reid_tracker.__version__
    assert found["fast"] == reid_tracker.load_config("fast").video.stride
