"""The manifest: the project's own is sound, and every way to write a wrong one is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.errors import ConfigError
from reid_tracker.osnet import OSNETS
from reid_tracker.resources import shipped
from reid_tracker.zoo import load_manifest
from tests.zoo.samples import entry, manifest_of, sha256, write_manifest

URL = "https://example.org/tiny.pt"


def refuses(path: Path, *fragments: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_manifest(path)
    message = str(caught.value)
    assert "\n" not in message
    for fragment in fragments:
        assert fragment in message


def test_own_manifest_is_sound() -> None:
    manifest = load_manifest()
    names = {item.name for item in manifest.entries}
    assert {"yolo11n", "yolo11x", "yolov8n", "osnet_x1_0_msmt17", "osnet_ain_x1_0_msmt17"} <= names
    assert manifest.folder == shipped("weights")
    for item in manifest.entries:
        assert item.task == "detector" or item.architecture in OSNETS, item.name
        assert item.name not in OSNETS, "it would hide the untrained size of that name"
        assert item.preprocessing.channels == "RGB"
        # an ImageNet classifier tells no people apart
        assert (item.rank is None) == item.name.endswith("_imagenet")
    ranks = [item.rank for item in manifest.entries if item.rank is not None]
    assert len(set(ranks)) == len(ranks)
    urls = [item.url for item in manifest.entries if item.url]
    assert len(set(urls)) == len(urls)
    assert all(url.startswith("https://") for url in urls)


def test_entry_is_read_whole(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("key", ["name", "file"])
def test_twins(key: str, tmp_path: Path) -> None:
    twin = {**entry("other", url=URL), key: entry()[key]}
    refuses(write_manifest(tmp_path, entry(url=URL), twin), f"two models have the {key}", "tiny")


@pytest.mark.parametrize("text", ["", "models: 3", "model: []", "models: [3]", "- a", "a: [", "\0"])
def test_not_a_manifest(text: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_text(text)
    refuses(tmp_path / "manifest.yaml", str(tmp_path))


def test_missing_manifest(tmp_path: Path) -> None:
    refuses(tmp_path / "gone.yaml", "gone.yaml")


def test_unknown_name_names_the_nearest(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, entry("yolo11n", url=URL))
    with pytest.raises(ConfigError, match=r"yolo11m.*did you mean 'yolo11n'.*weights list"):
        manifest.get("yolo11m")
    with pytest.raises(ConfigError, match="weights list"):
        manifest.get("x" * 10_000)


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
nested = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(key=st.sampled_from([*entry(), "url", "sha256", "figures", "rank", "x"]), value=nested)
def test_any_value_is_taken_or_refused_in_one_line(
    key: str, value: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """And whatever is taken names a file inside its folder."""
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    path = folder / "manifest.yaml"
    data = {"models": [{**entry(url=URL), key: value}]}
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    try:
        (read,) = load_manifest(path).entries
    except ConfigError as error:
        assert "\n" not in str(error)  # noqa: PT017 - taking it is as good
    else:
        assert (folder / read.file).resolve().is_relative_to(folder.resolve())
        assert (folder / read.file) != folder
