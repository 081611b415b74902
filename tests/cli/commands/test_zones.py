"""`reid-track zones`: from coordinates or a window to a file for runs, and a picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from reid_tracker.cli.main import main
from reid_tracker.explain.pickers import places as place_picker
from reid_tracker.sink.counts.places import (
    CountingLine,
    CountingPlaces,
    CountingZone,
    load_places,
)
from reid_tracker.types import ImageBGR

GATE = "gate=10,20,300,20"


def zones(video: Path, path: Path, *words: str) -> int:
    return main(["zones", str(video), "--save", str(path), *words])


def test_coordinates_become_a_file_and_a_picture(
    walkers: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "zones.yaml"
    assert zones(walkers[0], path, "--line", GATE, "--zone", "shop=0,0,320,0,320,240") == 0
    assert load_places(path) == CountingPlaces(
        (CountingLine("gate", "walkers", (10, 20), (300, 20)),),
        (CountingZone("shop", "walkers", ((0, 0), (320, 0), (320, 240))),),
    )
    assert "1 line, 1 zone\n" in capsys.readouterr().out
    picture = cv2.imread(str(tmp_path / "zones_walkers.png"))
    assert picture is not None
    assert picture.shape == (240 + 34, 320, 3)
    assert int(picture[20 + 34, 60, 2]) - picture[20 + 34, 60, 0] > 200


def test_a_second_call_adds_to_the_file(walkers: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "zones.yaml"
    zones(walkers[0], path, "--line", GATE, "--camera", "hall")
    zones(walkers[0], path, "--line", GATE)
    assert zones(walkers[0], path, "--line", "exit=0,0,5,9") == 0
    names = [(line.camera, line.name) for line in load_places(path).lines]
    assert names == [("hall", "gate"), ("walkers", "gate"), ("walkers", "exit")]


def test_the_window_starts_with_what_the_camera_has(
    walkers: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "zones.yaml"
    zones(walkers[0], path, "--line", GATE)

    def pick(image: ImageBGR, camera: str, places: CountingPlaces, title: str) -> CountingPlaces:
        assert places.lines[0].name == "gate"
        return CountingPlaces((), (CountingZone("new", camera, ((0, 0), (9, 0), (9, 9))),))

    monkeypatch.setattr(place_picker, "pick_places", pick)
    assert zones(walkers[0], path) == 0
    assert load_places(path).lines == ()
    assert load_places(path).zones[0].camera == "walkers"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--line", "gate=0,0,999,9"], "outside the picture of camera 'walkers'"),
        (["--line", GATE, "--line", GATE], "line 'gate' occurs twice"),
    ],
)
def test_what_a_run_would_refuse_is_not_saved(
    words: list[str],
    said: str,
    walkers: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert zones(walkers[0], tmp_path / "zones.yaml", *words) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "zones.yaml").exists()
