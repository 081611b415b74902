"""The manifest: the project's own is valid, and wrong ones are refused."""

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
from tests.examples import examples
from tests.zoo.samples import URL, entry, manifest_of, refuses, write_manifest


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


@pytest.mark.parametrize("key", ["name", "file"])
def test_repeated_names_and_files_are_refused(key: str, tmp_path: Path) -> None:
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


@pytest.mark.slow
@settings(max_examples=examples(200), deadline=None, derandomize=True)
@given(key=st.sampled_from([*entry(), "url", "sha256", "figures", "rank", "x"]), value=nested)
def test_any_value_is_accepted_or_refused_in_one_line(
    key: str, value: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Accepted entries name a file inside their folder."""
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
