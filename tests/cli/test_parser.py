"""The parser of every command: suggestions for typing errors, and one-line messages."""

from __future__ import annotations

import pytest

from reid_tracker.cli.parser import Parser, suggestion


def filled(parser: Parser) -> None:
    parser.description = "Bake."
    parser.add_argument("--heat", type=float)
    parser.add_sources("what to bake")


def parser() -> Parser:
    return Parser(filled, prog="bake").filled()


def refusal(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        parser().parse(words.split())
    assert stop.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


def test_sources_may_stand_anywhere() -> None:
    arguments = parser().parse(["a", "--heat", "2", "b", "--debug"])
    assert (arguments.sources, arguments.heat, arguments.debug) == (["a", "b"], 2.0, True)


@pytest.mark.parametrize("words", ["--source a --heat 2", "--source=a"])
def test_source_as_an_option_is_a_source(words: str) -> None:
    assert parser().parse(words.split()).sources == ["a"]


def test_an_unknown_option_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    line = refusal("a --heta 3", capsys)
    assert line == (
        "reid-track: error: unknown option --heta: did you mean --heat? (see bake --help)"
    )


def test_an_option_of_another_program_names_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert "unknown option --weights: use --detector or" in refusal("a --weights=x", capsys)


def test_what_is_missing_or_wrong_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "required: SOURCE" in refusal("--heat 2", capsys)
    assert "--heat: invalid float value: 'hot'" in refusal("a --heat hot", capsys)


def test_arguments_are_added_once_and_only_when_needed() -> None:
    calls: list[Parser] = []
    lazy = Parser(calls.append, prog="bake")
    assert not calls
    assert lazy.filled() is lazy.filled()
    assert calls == [lazy]


def test_actions_share_options(capsys: pytest.CaptureFixture[str]) -> None:
    def share(action: Parser) -> None:
        action.add_argument("--door")

    def fill(parser: Parser) -> None:
        add = parser.add_actions(share)
        add("open", "open the oven").add_argument("--wide", action="store_true")
        add("close", "close the oven")

    oven = Parser(fill, prog="oven").filled()
    arguments = oven.parse(["open", "--wide", "--door", "left", "--quiet"])
    assert (arguments.action, arguments.wide, arguments.door) == ("open", True, "left")
    assert arguments.quiet
    with pytest.raises(SystemExit):
        oven.parse(["close", "--wide"])
    assert "unknown option --wide (see oven --help)" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        oven.parse(["open", "--widely"])
    assert "did you mean --wide?" in capsys.readouterr().err


def test_suggestion() -> None:
    assert suggestion("serach", ["search", "edge"]) == ": did you mean search?"
    assert suggestion("video", ["search", "edge"]) == ""
