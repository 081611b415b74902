"""The notebooks of demo/ run from top to bottom on a short clip, and hold no outputs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT
from tests.docs.test_blocks import cut

NOTEBOOKS = sorted((ROOT / "demo").glob("*.ipynb"))
NAMES = {"two_cameras", "search", "plug_in", "train_small"}
EXPECTED = {
    "two_cameras": "{'left': {'",
    "search": "sighting",
    "plug_in": "0 [",
    "train_small": "mAP",
}
"""What a notebook prints."""


def test_the_notebooks_are_there_and_hold_no_outputs() -> None:
    assert {path.stem for path in NOTEBOOKS} == NAMES
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "code":
                assert (cell.outputs, cell.execution_count) == ([], None), path.name


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    command = tools / "reid-track"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m reid_tracker.cli.program "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    home = tmp_path / "demo"
    home.mkdir()
    cut(home / "pedestrians.mp4", 60, 40)
    notebook = nbformat.read(path, 4)
    metadata = {"metadata": {"path": str(home)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=metadata).execute()
    printed = "".join(
        output.get("text", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
    )
    assert "reid-track: error" not in printed, printed
    assert EXPECTED[path.stem] in printed, printed
