"""Embedding spaces: one name for all files of a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.zoo import load_manifest
from reid_tracker.zoo.spaces import known_spaces, space_of
from tests.zoo.samples import URL, entry, refuses, write_manifest


def test_each_shipped_model_has_one_space_in_all_its_forms() -> None:
    shipped = [one for one in load_manifest().of_task("encoder") if one.shipped]
    assert len(shipped) == 4
    spaces = {"osnet_x0_5": "osnet_x0_5_market_cuhk03", "osnet_x0_25": "osnet_x0_25_cuhk03"}
    for size, space in spaces.items():
        forms = [one for one in shipped if one.architecture == size]
        assert {Path(one.file).suffix for one in forms} == {".onnx", ".pth"}
        assert {space_of(one.sha256 or "") for one in forms} == {space}
    assert known_spaces() == ["osnet_x0_25_cuhk03", "osnet_x0_5_market_cuhk03"]


def test_other_fingerprints_are_their_own_space() -> None:
    for text in ("osnet_x0_5_market_cuhk03", "ab" * 32, ""):
        assert space_of(text) == text


@pytest.mark.parametrize("space", ["", "a space", "x" * 101, "ab" * 32])
def test_a_space_is_a_name_that_is_no_hash(space: str, tmp_path: Path) -> None:
    refuses(write_manifest(tmp_path, entry(url=URL, task="encoder", space=space)), "space")


def test_only_encoders_have_a_space(tmp_path: Path) -> None:
    refuses(write_manifest(tmp_path, entry(url=URL, space="a")), "space")


def test_forms_of_one_space_have_one_architecture(tmp_path: Path) -> None:
    first = entry("a", url=URL, task="encoder", space="s", architecture="osnet_x0_5")
    second = entry("b", url=URL + "2", task="encoder", space="s", architecture="osnet_x0_25")
    refuses(write_manifest(tmp_path, first, second), "space 's'", "architecture")
