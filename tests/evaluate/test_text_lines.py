"""Lines of text: separators, what is skipped, and files that are no text."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.errors import InputError
from reid_tracker.evaluate.text_lines import text_lines


def test_lines_are_numbered_and_empty_ones_and_comments_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "boxes.txt"
    path.write_text("\ufeff1, 2\t3\n\n# no box\r\n4,5\n", encoding="utf-8")
    assert list(text_lines(path)) == [(1, ["1", "2", "3"]), (4, ["4", "5"])]


def test_a_line_without_an_end_is_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "boxes.txt"
    path.write_text("1 " * 5000)
    assert [len(cells) for _, cells in text_lines(path)] == [2048, 2048, 904]


def test_what_is_no_text_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*: No such file"):
        list(text_lines(tmp_path / "none.txt"))
    (tmp_path / "binary.txt").write_bytes(b"1 2\n\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8 text"):
        list(text_lines(tmp_path / "binary.txt"))
