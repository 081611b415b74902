from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reid_tracker.errors import InputError, MissingDependencyError
from reid_tracker.plugins import hosts
from reid_tracker.plugins.hosts import centred_boxes, check_host, the_encoder
from tests.plugins.samples import BOX, colours
from tests.test_architecture import imports


def test_an_encoder_is_taken_and_a_name_is_built() -> None:
    ours = colours()
    assert the_encoder(ours) is ours
    for wrong in (None, 3, object()):
        with pytest.raises(InputError, match="expected what build_encoder returns"):
            the_encoder(wrong)  # type: ignore[arg-type]


def test_a_missing_host_names_what_to_install() -> None:
    with pytest.raises(MissingDependencyError) as caught:
        check_host("no-such-host", "1.0", "'reid-tracker[no-such-host]'")
    assert str(caught.value) == (
        "no-such-host is not installed; install it with pip install 'reid-tracker[no-such-host]'"
    )


@pytest.mark.parametrize(
    ("found", "needed", "fits"),
    [("25.0.0", "25.0", True), ("26.1rc1", "25.0", True), ("12.0.7", "25.0", False)],
)
def test_a_host_that_is_too_old(
    found: str, needed: str, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "version", lambda package: found)
    if fits:
        check_host("boxmot", needed, "boxmot")
        return
    with pytest.raises(MissingDependencyError, match=r"boxmot 12.0.7 is too old.* needs 25.0 or"):
        check_host("boxmot", needed, "boxmot")


def test_boxes_by_their_centres_and_oriented_ones() -> None:
    np.testing.assert_array_equal(centred_boxes([[50, 55, 40, 70]]), BOX)
    turned = centred_boxes([[50, 55, 70, 40, np.pi / 2], [50, 55, 40, 70, np.pi]])
    np.testing.assert_allclose(turned, np.repeat(BOX, 2, axis=0), atol=1e-4)
    assert centred_boxes(np.empty((0, 4))).shape == (0, 4)
    wrong: Any = np.zeros((2, 3))
    with pytest.raises(InputError, match=r"shape \(2, 3\), expected \(N, 4\): centre x"):
        centred_boxes(wrong)


def test_no_plugin_imports_its_host_before_it_must() -> None:
    """`trackers` has the base class of ours; all else is imported in functions."""
    folder = Path(hosts.__file__).parent
    for path in folder.glob("*.py"):
        if path.stem in {"__init__", "hosts", "trackers"}:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        eager = {
            name
            for node in tree.body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name, _ in imports(node)
        } & {path.stem}
        assert not eager, path
