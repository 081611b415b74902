"""Every demo/with_HOST.py runs with its host, and finds people."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import cv2
import pytest

from reid_tracker.plugins import hosts
from tests.conftest import ROOT
from tests.docs.test_blocks import cut
from tests.plugins.samples import host

FRAMES = 8

HOSTS = {
    "with_boxmot.py": "boxmot",
    "with_deep_sort.py": "deep_sort_realtime.deep_sort.tracker",
    "with_deep_sort_realtime.py": "deep_sort_realtime.deepsort_tracker",
    "with_norfair.py": "norfair",
    "with_supervision.py": "supervision",
    "with_torchreid.py": "torch",
    "with_trackers.py": "trackers",
    "with_ultralytics.py": "ultralytics",
}


def test_every_plugin_has_a_demo_and_a_place_in_the_guide() -> None:
    names = {path.stem for path in Path(hosts.__file__).parent.glob("*.py")} - {"__init__", "hosts"}
    assert {path.name for path in (ROOT / "demo").glob("with_*.py")} == set(HOSTS)
    assert {f"with_{name}.py" for name in names} == set(HOSTS)
    guide = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    assert not [name for name in names if f"reid_tracker.plugins.{name} " not in guide]
    assert not [demo for demo in HOSTS if f"demo/{demo}" not in guide]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some frames in which several people are seen."""
    path = tmp_path_factory.mktemp("demos") / "clip.mp4"
    cut(path, 60, FRAMES)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("demo", HOSTS)
def test_demo_runs(
    demo: str,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    host(HOSTS[demo])
    words = [str(clip)]
    if demo == "with_supervision.py":
        words.append(str(tmp_path / "out.mp4"))
    if demo == "with_torchreid.py":
        ok, picture = cv2.VideoCapture(str(clip)).read()
        assert ok
        words = [str(tmp_path / f"{number}.png") for number in range(2)]
        for number, name in enumerate(words):
            cv2.imwrite(name, picture[:, number * 300 : number * 300 + 200])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [demo, *words])
    runpy.run_path(str(ROOT / "demo" / demo), run_name="__main__")  # starting Python costs more
    lines = capsys.readouterr().out.splitlines()
    if demo == "with_torchreid.py":
        assert lines[0] == f"1.000  {words[0]}"
        return
    people = [re.findall(r"\d+", line.partition("people")[2]) for line in lines if "people" in line]
    assert len(people) == FRAMES
    assert max(map(len, people)) >= 3
    assert len(people[-1]) >= 2
