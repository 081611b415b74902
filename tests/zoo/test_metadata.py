"""Metadata of ONNX files, against the library's own reader."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from reid_tracker.errors import WeightsError
from reid_tracker.zoo.metadata import metadata_entry, read_metadata
from tests.encode.samples import tiny_onnx


def test_metadata_equals_what_the_library_reads(tmp_path: Path) -> None:
    path = tiny_onnx(tmp_path / "net.onnx")
    assert read_metadata(path) == {}
    path.write_bytes(path.read_bytes() + metadata_entry("a.key", "ä value"))
    model = onnx.load(path)
    model.metadata_props.add(key="b", value="x" * 300)
    onnx.save(model, path)
    found = {item.key: item.value for item in onnx.load(path).metadata_props}
    assert read_metadata(path) == found == {"a.key": "ä value", "b": "x" * 300}


@pytest.mark.parametrize(
    "content", [b"weights", b"PK\x03\x04broken", b"\x72\x05abc", b"\x08\xff", b"\x00\x01"]
)
def test_damaged_files(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match=r"bad\.onnx: not an ONNX file, or damaged"):
        read_metadata(tmp_path / "bad.onnx")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot read"):
        read_metadata(tmp_path / "gone.onnx")
