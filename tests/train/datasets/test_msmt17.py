from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reid_tracker.errors import InputError
from reid_tracker.train.datasets import open_dataset

LISTS = {
    "list_train.txt": ("train", ["0000_000_01_0303morning_0008_0.jpg", "0001_000_04_x_0.jpg"]),
    "list_query.txt": ("test", ["0000_000_15_0303noon_0008_0.jpg"]),
    "list_gallery.txt": ("test", ["0000_001_02_0303noon_0008_0.jpg"]),
}


@pytest.fixture(params=["train test", "mask_train_v2 mask_test_v2"])
def msmt17(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    learn, test = request.param.split()
    for listing, (part, names) in LISTS.items():
        lines = []
        for name in names:
            identity = name[:4]
            folder = tmp_path / {"train": learn, "test": test}[part] / identity
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
            lines.append(f"{identity}/{name} {int(identity)}\n")
        (tmp_path / listing).write_text("".join(lines))
    return tmp_path


def test_lists_of_both_versions(msmt17: Path) -> None:
    found = open_dataset("msmt17", msmt17)
    assert found.train.identities.tolist() == [1, 2]
    assert found.train.cameras.tolist() == [1, 4]
    assert found.query.identities.tolist() == found.gallery.identities.tolist() == [3]
    assert (found.query.cameras.tolist(), found.gallery.cameras.tolist()) == ([15], [2])
    assert all(path.is_file() for path in found.train.paths)


@pytest.mark.parametrize("listed", [True, False])
def test_test_alone(msmt17: Path, listed: bool) -> None:
    for folder in ("train", "mask_train_v2"):
        shutil.rmtree(msmt17 / folder, ignore_errors=True)
    if not listed:
        (msmt17 / "list_train.txt").unlink()
    found = open_dataset("msmt17", msmt17)
    assert len(found.train) == 0
    assert found.query.identities.tolist() == found.gallery.identities.tolist() == [1]
    assert all(path.is_file() for path in (*found.query.paths, *found.gallery.paths))


@pytest.mark.parametrize(
    "line",
    [
        "0000/holiday.jpg 0",
        "0000/0000_001_02_a_0.jpg -3",
        f"0000/0000_001_02_a_0.jpg {2**70}",
        f"0000/0000_001_{2**70}_a_0.jpg 0",
    ],
)
def test_broken_line_is_named(line: str, msmt17: Path) -> None:
    (msmt17 / "list_query.txt").write_text(f"\n{line}\n")
    with pytest.raises(InputError, match=rf"list_query\.txt, line 2: '{line[:40]}"):
        open_dataset("msmt17", msmt17)


def test_a_list_that_is_no_text(msmt17: Path) -> None:
    (msmt17 / "list_query.txt").write_bytes(b"0000/0000_001_02_\xb0_0.jpg 0\n")
    with pytest.raises(InputError, match=r"cannot read .*list_query\.txt: not UTF-8 text"):
        open_dataset("msmt17", msmt17)


def test_a_name_longer_than_file_systems_take(msmt17: Path) -> None:
    (msmt17 / "list_query.txt").write_text(f"{'0' * 3000}_0_2_a.jpg 0\n")
    with pytest.raises(InputError, match="no such image"):
        open_dataset("msmt17", msmt17)


def test_missing_pieces(msmt17: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        open_dataset("msmt17", msmt17 / "nowhere")
    (msmt17 / "list_gallery.txt").write_text("")
    with pytest.raises(InputError, match="an empty list"):
        open_dataset("msmt17", msmt17)
    (msmt17 / "list_gallery.txt").write_text("0000/0000_001_02_absent_0.jpg 0\n")
    with pytest.raises(InputError, match="no such image"):
        open_dataset("msmt17", msmt17)
    (msmt17 / "list_query.txt").unlink()
    with pytest.raises(InputError, match="no such list"):
        open_dataset("msmt17", msmt17)
