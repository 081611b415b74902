"""Folders and globs of images."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from reid_tracker.errors import ConfigError, InputError, SourceError
from reid_tracker.video import open_source, open_sources
from reid_tracker.video.images import read_picture
from tests.video.clips import number_of, numbered, write_clip, write_images


def test_names_are_sorted_by_number(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "shots", 12)  # frame10 comes behind frame9
    assert [number_of(frame.image) for frame in open_source(folder)] == list(range(12))


def test_rate_is_25_by_default(tmp_path: Path) -> None:
    source = open_source(write_images(tmp_path / "shots", 3))
    assert source.info.frame_rate == 25
    assert source.info.frame_count == 3
    assert [frame.timestamp_s for frame in source] == [0.0, 0.04, 0.08]


def test_rate_can_be_given(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "shots", 3)
    assert open_source(folder, frame_rate=Fraction(30000, 1001)).info.frame_rate == Fraction(
        30000, 1001
    )
    assert open_source(folder, frame_rate=12.5).info.frame_rate == Fraction(25, 2)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), 1e-9])
def test_impossible_rate_is_refused(tmp_path: Path, rate: float) -> None:
    with pytest.raises(ConfigError, match="frame_rate"):
        open_source(write_images(tmp_path / "shots", 1), frame_rate=rate)


@pytest.mark.parametrize("opened", ["MOT17-02", "MOT17-02/img1", "MOT17-02/img1/*.jpg"])
def test_motchallenge_sequence_gives_its_rate(tmp_path: Path, opened: str) -> None:
    write_images(tmp_path / "MOT17-02" / "img1", 3, "{:06d}.jpg")
    (tmp_path / "MOT17-02" / "seqinfo.ini").write_text("[Sequence]\nname=x\nframeRate=30\n")
    source = open_source(tmp_path / opened)
    assert source.info.frame_rate == 30
    assert sum(1 for _ in source) == 3


def test_sequence_is_named_after_its_folder(tmp_path: Path) -> None:
    write_images(tmp_path / "MOT17-02" / "img1", 1)
    assert open_source(tmp_path / "MOT17-02").name == "MOT17-02"
    assert open_source(tmp_path / "MOT17-02" / "img1").name == "MOT17-02"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[Sequence]\nframeRate=0\n",
        "nonsense",
        "[Sequence]\nx=1",
        "[Sequence]\nframeRate=1e999999999\n",
        "[Sequence]\nframeRate=30/0\n",
        f"[Sequence]\n{' ' * 100_000}x\nframeRate=30\n",
    ],
    ids=range(7),
)
def test_unusable_seqinfo_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    folder = write_images(tmp_path / "shots", 1)
    (folder / "seqinfo.ini").write_text(text)
    assert open_source(folder).info.frame_rate == 25
    assert "seqinfo.ini" in caplog.text


def test_unreadable_image_is_skipped_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = write_images(tmp_path / "shots", 6)
    (folder / "frame0.png").write_text("no image")
    (folder / "frame3.png").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        frames = list(open_source(folder))
    assert [frame.index for frame in frames] == [1, 2, 4, 5]
    assert [number_of(frame.image) for frame in frames] == [1, 2, 4, 5]
    assert len(caplog.records) == 2
    assert "frame3.png" in caplog.messages[1]
    assert capfd.readouterr().err == ""


def test_different_sizes_are_yielded_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_images(tmp_path / "shots", 2)
    for index in (2, 3):
        cv2.imwrite(str(folder / f"frame{index}.png"), np.zeros((10, 20, 3), np.uint8))
    source = open_source(folder)
    assert [frame.image.shape[:2] for frame in source] == [(48, 64), (48, 64), (10, 20), (10, 20)]
    assert (source.info.width, source.info.height) == (64, 48)
    (message,) = caplog.messages
    assert "64 x 48" in message
    assert "20 x 10" in message


def test_grey_and_transparent_images_become_bgr(tmp_path: Path) -> None:
    for name, shape in (("a.png", (5, 6)), ("b.png", (5, 6, 4))):
        cv2.imwrite(str(tmp_path / name), np.full(shape, 9, np.uint8))
    assert [frame.image.shape for frame in open_source(tmp_path)] == [(5, 6, 3), (5, 6, 3)]


def test_single_image_is_a_video_of_one_frame(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "odd [1]", 1, "shot[{}].png")
    source = open_source(folder / "shot[0].png")
    assert source.name == "shot_0"
    assert [frame.index for frame in source] == [0]


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(SourceError, match="holds no images: expected files ending in"):
        open_source(tmp_path)


def test_folder_of_broken_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no image")
    with pytest.raises(SourceError, match="none of 1 images can be read"):
        open_source(tmp_path)


def test_pattern_without_match_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="matches no images"):
        open_source(f"{tmp_path}/*.jpg")


def test_pattern_of_videos_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("")
    with pytest.raises(SourceError, match=r"1 other files"):
        open_source(f"{tmp_path}/*.mp4")


def put_images(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        cv2.imwrite(str(folder / name), numbered(1))


def test_a_folder_of_videos_with_a_thumbnail_gives_the_videos(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_clip(tmp_path / "a.mp4", 3)
    write_clip(tmp_path / "b.mp4", 3)
    put_images(tmp_path, ["thumb.jpg"])
    sources = open_sources([str(tmp_path)])
    assert [source.name for source in sources] == ["a", "b"]
    assert "read: 2 videos (a.mp4, b.mp4); not read: 1 picture (thumb.jpg)" in caplog.text
    with pytest.raises(SourceError, match=r"2 videos \(a.mp4, b.mp4\) and 1 picture \(thumb.jpg\)"):
        open_source(tmp_path)


def test_a_video_beside_pictures_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put_images(tmp_path, ["1.jpg", "2.jpg"])
    write_clip(tmp_path / "all.mp4", 3)
    assert len(list(open_source(tmp_path))) == 2
    assert "but not 1 video (all.mp4)" in caplog.text


def test_what_systems_put_into_folders_is_no_picture(tmp_path: Path) -> None:
    put_images(tmp_path / "shots", ["1.jpg", "._1.jpg", ".hidden.jpg"])
    for folder in ("@eaDir/1.jpg", ".ipynb_checkpoints", ".Trash-1000", "__MACOSX"):
        put_images(tmp_path / "shots" / folder, ["thumb.jpg"])
    (tmp_path / "shots/Thumbs.db").write_bytes(b"no picture")
    assert len(list(open_source(tmp_path / "shots"))) == 1
    assert len(list(open_source(tmp_path / "shots/**/*.jpg"))) == 1
    assert len(list(open_source(tmp_path / "shots/__MACOSX/*.jpg"))) == 1


def test_a_byte_order_mark_hides_no_rate(tmp_path: Path) -> None:
    put_images(tmp_path / "s" / "img1", ["1.jpg"])
    (tmp_path / "s/seqinfo.ini").write_bytes(b"\xef\xbb\xbf[Sequence]\nframeRate=7\n")
    assert open_source(tmp_path / "s").info.frame_rate == 7


SHADES = [np.full((40, 60, 3), 40 * number, np.uint8) for number in range(5)]


@pytest.mark.parametrize("name", ["a.webp", "a.png", "a.gif"])
def test_all_frames_of_an_animation_are_read(tmp_path: Path, name: str) -> None:
    animation = cv2.Animation()
    animation.frames, animation.durations = SHADES, [200] * len(SHADES)
    cv2.imwriteanimation(str(tmp_path / name), animation)
    frames = list(open_source(tmp_path / name))
    assert [frame.timestamp_s for frame in frames] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    for frame, image in zip(frames, SHADES, strict=True):
        assert abs(frame.image.mean() - image.mean()) < 8  # the colours of a GIF are few


def test_all_pages_of_a_tiff_are_read(tmp_path: Path) -> None:
    cv2.imwritemulti(str(tmp_path / "a.tiff"), SHADES)
    frames = list(open_source(tmp_path / "a.tiff", frame_rate=2, stride=2))
    assert [(frame.index, frame.timestamp_s) for frame in frames] == [(0, 0), (2, 1), (4, 2)]
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [0, 80, 160]


@pytest.mark.parametrize("stride", [1, 2])
def test_all_frames_of_animations_in_a_folder_are_read(tmp_path: Path, stride: int) -> None:
    animation = cv2.Animation()
    animation.frames, animation.durations = SHADES, [200] * len(SHADES)
    cv2.imwrite(str(tmp_path / "0.jpg"), SHADES[4])
    cv2.imwriteanimation(str(tmp_path / "1.webp"), animation)
    cv2.imwrite(str(tmp_path / "2.png"), SHADES[4])
    cv2.imwriteanimation(str(tmp_path / "3.png"), animation)
    cv2.imwritemulti(str(tmp_path / "4.tiff"), SHADES)
    source = open_source(tmp_path, stride=stride, frame_rate=10)
    assert source.info.frame_count == 17
    frames = list(source)
    assert [frame.index for frame in frames] == [*range(0, 17, stride)]
    assert [frame.timestamp_s for frame in frames] == [index / 10 for index in range(0, 17, stride)]
    shades = [4, *range(5), 4, *range(5), *range(5)][::stride]
    assert [round(frame.image.mean() / 40) for frame in frames] == shades


def test_an_animation_in_a_folder_that_is_too_large_gives_its_first_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("reid_tracker.video.images._MOST_ANIMATED_PIXELS", 10_000)
    cv2.imwritemulti(str(tmp_path / "a.tiff"), SHADES)
    assert len(list(open_source(tmp_path))) == 1
    assert "a.tiff holds 5 pictures of 60 x 40" in caplog.text
    assert "only its first is read" in caplog.text


def test_a_plain_picture_is_one_frame(tmp_path: Path) -> None:
    for name in ("a.png", "a.webp", "a.tiff"):
        cv2.imwrite(str(tmp_path / name), SHADES[1])
        assert len(list(open_source(tmp_path / name))) == 1


def test_pages_that_are_too_many_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reid_tracker.video.images._MOST_ANIMATED_PIXELS", 10_000)
    cv2.imwritemulti(str(tmp_path / "a.tiff"), SHADES)
    with pytest.raises(SourceError, match="5 pictures of 60 x 40"):
        open_source(tmp_path / "a.tiff")


def test_an_image_that_cannot_be_left_out_is_named_if_it_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_text("no picture")
    with pytest.raises(InputError, match=r"broken\.jpg: cannot be read as an image: it is damaged"):
        read_picture(tmp_path / "broken.jpg")
