"""The benchmark of the device path runs with small sizes on the CPU."""

from __future__ import annotations

import re

import pytest

from tests.benchmarks.gpu import main


@pytest.mark.slow
def test_the_benchmark_prints_all_tables(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--device", "cpu", "--quick"])
    text = capsys.readouterr().out
    (row,) = re.findall(r"^\| 1 \|(.*)\|$", text, re.MULTILINE)
    assert all(float(cell) > 0 for cell in row.split("|"))
    assert len(row.split("|")) == 5
    assert re.search(r"^\| 2 \| \d+ \|$", text, re.MULTILINE)
    assert "0 to the host" in text  # there is no device to copy from
    assert re.search(r"encoder: [\d.]+% of the arithmetic of a 512 x 512", text)
