"""Recognising model files by their bytes."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from reid_tracker.errors import WeightsError
from reid_tracker.zoo import content
from reid_tracker.zoo.content import check_content, check_head, content_of
from tests.zoo.samples import archive, sha256


def test_checksum_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"model")
    assert content_of(path) == (sha256(b"model"), 5)
    assert str(content_of(path)) == f"sha256 {sha256(b'model')}, 5 bytes"


def test_checksum_of_a_folder_depends_on_names_and_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "part").mkdir(parents=True)
    (folder / "b.bin").write_bytes(b"22")
    (folder / "part" / "a.bin").write_bytes(b"1")
    lines = f"{sha256(b'22')}  b.bin\n{sha256(b'1')}  part/a.bin\n"
    assert content_of(folder) == (sha256(lines.encode()), 3)
    (folder / "b.bin").rename(folder / "c.bin")
    assert content_of(folder).sha256 != sha256(lines.encode())


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"cannot read .*none: No such file"):
        content_of(tmp_path / "none")


@pytest.mark.parametrize(
    ("head", "name"),
    [(b"PK\x03\x04rest", "a.pt"), (b"\x80\x02rest", "a.pth"), (b"\x08\x07rest", "a.onnx")],
)
def test_heads_of_models(head: bytes, name: str) -> None:
    check_head(head, name)
    with pytest.raises(WeightsError, match="not a model file"):
        check_head(head, "a.pt" if name.endswith(".onnx") else "a.onnx")


@pytest.mark.parametrize("head", [b"", b"\x80", b"\x80\x09", b"garbage"])
def test_heads_of_other_files(head: bytes) -> None:
    with pytest.raises(WeightsError, match="not a model file"):
        check_head(head, "a.pt")
    with pytest.raises(WeightsError, match="web page"):
        check_head(b"\n <html>", "a.pt")


def test_archives_are_checked_to_their_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(archive(1000))
    check_content(path, "a.pt")
    path.write_bytes(archive(1000)[:-30])
    with pytest.raises(WeightsError, match="damaged or incomplete archive"):
        check_content(path, "a.pt")
    path.write_bytes(archive(1000).replace(archive(1000)[100:104], b"!!!!"))
    with pytest.raises(WeightsError, match="checksum inside it is wrong"):
        check_content(path, "a.pt")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("zeros", bytes(100_000))
    monkeypatch.setattr(content, "LARGEST_BYTES", 50_000)
    with pytest.raises(WeightsError, match="unpacks to more than 1 GiB"):
        check_content(path, "a.pt")
