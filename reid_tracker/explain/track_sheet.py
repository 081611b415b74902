"""A sheet about the tracks of a sequence: scores over IoU, the ids of each person, switches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reid_tracker.evaluate.mot import THRESHOLDS, Following, MotScores
from reid_tracker.explain.sheet import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    NORMAL,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    SMALL,
    Axes,
    Sheet,
    legend,
    line_height,
    rgb,
)
from reid_tracker.explain.switch_strips import AFTER, BEFORE, CELL, SwitchStrip

_WIDTH = 1180
_LEFT = 64
_CURVES = (400, 230)  # width, height
_PITCH = 24
"""Height of a person's row, pixels."""
_MOST_PEOPLE = 60
_BAR = 0.66  # height of a bar, times the row's height
_LETTER = 7  # width of a digit, pixels
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, "#8C6D31")
_STRIP_LEFT = 190
_GAP = 10
_CURVE_COLOURS = {"HOTA": BLUE, "DetA": GREEN, "AssA": ORANGE}

_CAPTION = (
    "Left: HOTA, DetA and AssA at each minimum IoU of a match; HOTA is the mean{combined}. Below: "
    "a row per person of the ground truth. A bar is the time in which an id of the tracker "
    "followed the person at an IoU of 0.5, with the id as its number and colour; a thin red line "
    "is a loss, a thin grey line is time before the person was found first.{left_out}{strips}"
)
_STRIPS = (
    " At the bottom: frames around each switch; the true box is white, the earlier id's blue, the "
    "later one's orange, others are grey.{left_out}"
)


def track_sheet(
    name: str,
    scores: MotScores,
    people: Sequence[Following],
    *,
    combined: MotScores | None = None,
    strips: Sequence[SwitchStrip] = (),
) -> Sheet:
    """Draw the tracks of a sequence.

    Args:
        name: name of the sequence.
        scores: its scores.
        people: how each person was followed.
        combined: scores of all sequences, drawn as dashed lines for comparison.
        strips: pictures of switches.
    """
    shown = _most_troubled(people)
    switches = sum(len(one.switches) for one in people)
    caption = _CAPTION.format(
        combined="; dashed: all sequences" if combined else "",
        left_out=_left_out(len(people) - len(shown), "people, with fewer events,"),
        strips=_STRIPS.format(left_out=_left_out(switches - len(strips), "switches"))
        if strips
        else "",
    )
    rows = _PITCH * max(1, len(shown))
    timeline_top = 24 + _CURVES[1] + 92
    strips_top = timeline_top + rows + 56
    height = strips_top + len(strips) * (CELL[0] + line_height(SMALL) + 14)
    sheet = Sheet(_WIDTH, height, f"Tracks of {name}", caption)
    _draw_curves(sheet.chart(_LEFT, 24, *_CURVES), scores, combined)
    _write_scores(sheet, _LEFT + _CURVES[0] + 60, 24, scores)
    _draw_timeline(sheet.chart(_LEFT, timeline_top, _WIDTH - _LEFT - 8, rows), shown)
    for number, strip in enumerate(strips):
        _paste_strip(sheet, strips_top + number * (CELL[0] + line_height(SMALL) + 14), strip)
    return sheet


def _left_out(count: int, what: str) -> str:
    return f" {count} more {what} are not shown." if count else ""


def _most_troubled(people: Sequence[Following]) -> list[Following]:
    """Return the people with the most events, in their original order."""

    def events(one: Following) -> tuple[int, int]:
        lost = sum(loss.last - loss.first + 1 for loss in one.losses)
        return len(one.switches) + len(one.fragments), lost

    kept = sorted(range(len(people)), key=lambda row: events(people[row]), reverse=True)
    return [people[row] for row in sorted(kept[:_MOST_PEOPLE])]


def _draw_curves(chart: Axes, scores: MotScores, combined: MotScores | None) -> None:
    handles = []
    for one, style in ((combined, "--"), (scores, "-")):
        if one is not None:
            curves = (one.hota_by_iou, one.det_a_by_iou, one.ass_a_by_iou)
            handles = [
                chart.plot(THRESHOLDS, curve, style, color=colour, linewidth=1.8)[0]
                for curve, colour in zip(curves, _CURVE_COLOURS.values(), strict=True)
            ]
    chart.set_xlim(0, 1)
    chart.set_ylim(0, 1)
    chart.set_xlabel("minimum IoU of a match (alpha)", fontsize=SMALL)
    chart.grid(alpha=0.3)
    means = (scores.hota, scores.det_a, scores.ass_a)
    labels = [f"{n} {100 * mean:.1f}" for n, mean in zip(_CURVE_COLOURS, means, strict=True)]
    legend(chart, handles, labels, loc="lower left")


def _write_scores(sheet: Sheet, x: int, y: int, scores: MotScores) -> None:
    people = scores.mostly_tracked, scores.partly_tracked, scores.mostly_lost
    missed, wrong = scores.missed, scores.false_positives
    lines = [
        (
            "IDF1",
            f"{100 * scores.idf1:.1f}",
            f"precision {100 * scores.idp:.1f}, recall {100 * scores.idr:.1f}",
        ),
        (
            "MOTA",
            f"{100 * scores.mota:.1f}",
            f"{missed} of {scores.true_boxes} boxes missed, {wrong} of {scores.found_boxes} wrong",
        ),
        ("LocA", f"{100 * scores.loc_a:.1f}", f"MOTP {100 * scores.motp:.1f}"),
        ("switches", str(scores.switches), "a person is followed by another id"),
        ("fragments", str(scores.fragments), "a person is followed again after a break"),
        (
            "people",
            str(sum(people)),
            "{} mostly tracked, {} partly, {} mostly lost".format(*people),
        ),
        ("ids", str(scores.found_ids), "in the result"),
    ]
    for row, (name, value, note) in enumerate(lines):
        top = y + row * (line_height(NORMAL) + 8)
        sheet.text(x, top, name, colour=GREY)
        sheet.text(x + 150, top, value, align="right", bold=True)
        sheet.text(x + 170, top, note, colour="#333333")


def _draw_timeline(chart: Axes, people: Sequence[Following]) -> None:
    stretches = [(row, one) for row, person in enumerate(people) for one in person.stretches]
    first = min((one.first for _, one in stretches), default=1) - 0.5
    last = max((one.last for _, one in stretches), default=1) + 0.5
    chart.set_xlim(first, last)
    chart.set_ylim(max(len(people), 1) - 0.5, -0.5)
    chart.set_yticks(range(len(people)), [str(one.person) for one in people])
    chart.tick_params(axis="y", length=0, labelsize=SMALL)
    chart.set_ylabel("person", fontsize=NORMAL)
    chart.set_xlabel("frame", fontsize=SMALL)
    chart.grid(axis="x", alpha=0.35)
    colours = colours_of_ids(people)
    letters = (last - first) / (_WIDTH - _LEFT - 8) * _LETTER  # width of a digit, in frames
    bars: list[tuple[float, float, int, float, str]] = []
    for row, person in enumerate(people):
        known, named = (
            False,
            None,
        )  # whether an id has followed the person, and the id last labelled
        for one in person.stretches:
            length = one.last - one.first + 1
            if one.followed_by is None:
                colour = RED if known else "#BBBBBB"
                bars.append((one.first - 0.5, length, row, 0.12, colour))
                continue
            colour = colours[one.followed_by]
            bars.append((one.first - 0.5, length, row, _BAR, colour))
            known, text = True, str(one.followed_by)
            if named == one.followed_by:
                continue
            fits = length > letters * (len(text) + 1)
            named = one.followed_by if fits else None
            if fits:
                chart.text(
                    one.first - 0.5 + letters / 2, row, text, fontsize=SMALL - 1, va="center",
                    color="white" if sum(rgb(colour)) < 380 else BLACK, clip_on=True,
                )  # fmt: skip
    if bars:
        left, width, place, height, colour_list = zip(*bars, strict=True)
        chart.barh(place, width, left=left, height=height, color=colour_list)
    _mark_events(chart, people)


def _mark_events(chart: Axes, people: Sequence[Following]) -> None:
    switches = [(s.frame, row) for row, one in enumerate(people) for s in one.switches]
    fragments = [(frame, row) for row, one in enumerate(people) for frame in one.fragments]
    above = (_BAR / 2, 0.0)
    handles = [
        chart.plot(
            [frame - 0.5 for frame, _ in events], [row - up for _, row in events], marker,
            color=BLACK, markerfacecolor=face, markersize=size, linestyle="", clip_on=False,
        )[0]
        for events, marker, face, size, up in (
            (switches, "v", BLACK, 7, above[0]), (fragments, "o", "white", 5, above[1]),
        )
    ]  # fmt: skip
    handles += [chart.plot([], [], color=colour, linewidth=2.5)[0] for colour in (RED, "#BBBBBB")]
    labels = ["switch to another id", "fragment: followed again", "loss", "not found yet"]
    legend(chart, handles, labels, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4)


def colours_of_ids(people: Sequence[Following]) -> dict[int, str]:
    """Return a colour for each id that followed a person.

    Consecutive ids of a row have different colours, unless an id alternates with more ids
    than there are colours.
    """
    beside: dict[int, set[int]] = {}
    for person in people:
        ids = [one.followed_by for one in person.stretches if one.followed_by is not None]
        for one, other in zip(ids, [*ids[1:], ids[-1] if ids else 0], strict=False):
            beside.setdefault(one, set()).add(other)
            beside.setdefault(other, set()).add(one)
    colours: dict[int, str] = {}
    used = dict.fromkeys(_COLOURS, 0)
    for identity, others in beside.items():
        taken = {colours[other] for other in others if other in colours}
        free = [colour for colour in _COLOURS if colour not in taken] or list(_COLOURS)
        colours[identity] = min(free, key=lambda colour: used[colour])
        used[colours[identity]] += 1
    return colours


def _paste_strip(sheet: Sheet, y: int, strip: SwitchStrip) -> None:
    switch = strip.switch
    sheet.text(0, y, f"person {switch.person}, frame {switch.frame}", bold=True)
    sheet.text(0, y + line_height(NORMAL), f"id {switch.before}", colour=BEFORE)
    sheet.text(0, y + 2 * line_height(NORMAL), f"then id {switch.after}", colour=AFTER)
    for column, frame in enumerate(strip.frames):
        x = _STRIP_LEFT + column * (CELL[1] + _GAP)
        missing = np.full((*CELL, 3), 235, np.uint8)
        sheet.paste(x, y, strip.pictures.get(frame, missing), border=1, colour=GREY)
        text = str(frame)
        if frame in {switch.last, switch.frame}:
            text = f"{frame}, {'last' if frame == switch.last else 'first'} of this id"
        if frame not in strip.pictures:
            text = f"{frame} is not in the video"
        sheet.text(x, y + CELL[0] + 3, text, size=SMALL - 1, colour=GREY)
