"""Nothing is reported to the makers of libraries."""

from __future__ import annotations

import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_architecture import FENCES, PACKAGE

USES = {
    "encoder": "from reid_tracker import build_encoder; build_encoder({encoder!r})",
    "detector": "from reid_tracker import build_detector; build_detector('auto')",
    "export": "from reid_tracker.cli.main import main; main(['export', {encoder!r}, '--format', "
    "'openvino', '--output', {out!r}])",
}


@pytest.mark.slow
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_telemetry_is_not_even_imported(use: str, tmp_path: Path) -> None:
    (tmp_path / "openvino_telemetry").mkdir()
    reported = tmp_path / "reported"
    (tmp_path / "openvino_telemetry" / "__init__.py").write_text(
        f"open({str(reported)!r}, 'w').close()\n"
    )
    encoder = str(ROOT / "weights" / "osnet_x0_25_cuhk03.onnx")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); " + use.format(
        encoder=encoder, out=str(tmp_path / "net.xml")
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)
    assert not reported.exists()


def test_whoever_imports_openvino_silences_it_first() -> None:
    rules = [rule for name in ("openvino", "nncf") for rule in FENCES[name]]
    for file in sorted(PACKAGE.rglob("*.py")):
        if any(fnmatch(file.relative_to(PACKAGE).as_posix(), rule) for rule in rules):
            text = file.read_text()
            assert "silence_telemetry()" in text or "openvino_core(" in text, file
