"""An entry of the manifest: all values are read, and wrong ones are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.zoo.samples import URL, entry, manifest_of, refuses, sha256, write_manifest


def test_entry_is_read_completely(tmp_path: Path) -> None:
    given_entry = entry(
        url=URL,
        sha256=sha256(b""),
        size_bytes=12,
        rank=3,
        preprocessing={"resize": "letterbox", "height": 640, "width": 640},
        figures={"COCO mAP": 39.5, "speed": "fast"},
    )
    (read,) = manifest_of(tmp_path, given_entry).entries
    assert (read.name, read.url, read.size_bytes, read.rank) == ("tiny", URL, 12, 3)
    assert dict(read.figures) == {"COCO mAP": 39.5, "speed": "fast"}
    assert read.preprocessing.height == 640
    assert not read.shipped


@pytest.mark.parametrize(
    ("change", "fragments"),
    [
        ({"tassk": "detector"}, ["tassk", "did you mean 'task'"]),
        ({"task": "tracker"}, ["task", "tracker", "detector or encoder"]),
        ({"rank": 0}, ["rank = 0", "at least 1"]),
        ({"rank": "first"}, ["rank", "first"]),
        ({"size_bytes": -5}, ["size_bytes = -5"]),
        ({"sha256": "abc"}, ["sha256", "abc", "64"]),
        ({"sha256": "A" * 64}, ["sha256", "lower case"]),
        ({"url": None}, ["sha256", "shipped"]),
        ({"url": "ftp://example.org/a.pt"}, ["url", "https"]),
        ({"url": "http://example.org/a.pt"}, ["url", "https"]),
        ({"url": "http://127.0.0.1.example.org/a.pt"}, ["url", "https"]),
        ({"url": "file:///etc/passwd"}, ["url", "https"]),
        ({"url": "https://me:secret@example.org/a.pt"}, ["url", "credentials"]),
        ({"url": "https://[::1/a.pt"}, ["url", "https"]),
        ({"file": "../tiny.pt"}, ["file", "../tiny.pt"]),
        ({"file": "a/../../tiny.pt"}, ["file"]),
        ({"file": "/etc/tiny.pt"}, ["file", "/etc/tiny.pt"]),
        ({"file": "C:\\tiny.pt"}, ["file"]),
        ({"file": "..\\tiny.pt"}, ["file"]),
        ({"file": "sub/tiny.pt"}, ["file", "a file name"]),
        ({"file": "tiny.exe"}, ["file", ".pth"]),
        ({"file": ".hidden.pt"}, ["file"]),
        ({"file": ""}, ["file"]),
        ({"name": "../x"}, ["name", "../x"]),
        ({"name": ""}, ["name"]),
        ({"source": ""}, ["source"]),
        ({"licence": ""}, ["licence"]),
        ({"figures": [1]}, ["figures", "[1]"]),
        ({"figures": {"a": [1]}}, ["figures"]),
        ({"preprocessing": {"heigth": 1}}, ["preprocessing.heigth", "height"]),
    ],
)
def test_wrong_entry(change: dict[str, Any], fragments: list[str], tmp_path: Path) -> None:
    path = write_manifest(tmp_path, entry(**{"url": URL, **change}))
    refuses(path, str(path), *fragments)


def test_shipped_file_may_lie_in_a_folder_but_not_outside(tmp_path: Path) -> None:
    given_entry = entry(file="net_openvino_model/net.xml", sha256=sha256(b""))
    (read,) = manifest_of(tmp_path, given_entry).entries
    assert read.shipped
    refuses(write_manifest(tmp_path, {**given_entry, "file": "net/../../x.pt"}), "file")
