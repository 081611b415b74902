"""cameras.yaml and .streams: what they hold, and errors that hold no secret."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reid_tracker.errors import ConfigError
from reid_tracker.video import open_sources
from reid_tracker.video.camera_list import CameraEntry, is_camera_list, read_camera_list
from tests.examples import examples
from tests.video.clips import write_clip


def listed(folder: Path, text: str, name: str = "cameras.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_camera_list(path)
    message = str(caught.value)
    assert "\n" not in message
    assert "hunter2" not in message
    return message


def test_everything_that_an_entry_can_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR_PASSWORD", "hunter2")
    (tmp_path / "secret").write_text("hunter3\n")
    path = listed(
        tmp_path,
        """
cameras:
- name: door
  url: rtsp://192.0.2.7/stream1
  username: viewer
  password: ${DOOR_PASSWORD}
- {name: hall, url: "rtsp://192.0.2.8/x", password_file: secret, transport: udp, rotate: 180}
- {name: yard, url: "rtsp://192.0.2.9/x", enabled: false}
- {name: tape, url: tape.mp4}
""",
    )
    door, hall, tape = read_camera_list(path)
    assert door == CameraEntry("door", "rtsp://192.0.2.7/stream1", "viewer", "hunter2")
    assert hall == CameraEntry(
        "hall", "rtsp://192.0.2.8/x", None, "hunter3", transport="udp", rotate=180
    )
    assert tape.url == "tape.mp4"
    assert "hunter" not in repr([door, hall])


@pytest.mark.parametrize(
    ("camera", "expected"),
    [
        ("{name: a, url: x, pasword: hunter2}", "did you mean 'cameras.password'"),
        ("{name: a, url: 'rtsp://h', password: 123}", "camera 1: password is a int, expected text"),
        ("{name: a, url: ['rtsp://u:hunter2@h']}", "camera 1: url is a list, expected text"),
        ("{name: a b, url: 'rtsp://h'}", "needs a name of letters"),
        ("{name: 'u:hunter2@h', url: 'rtsp://h'}", "needs a name of letters"),
        ("{url: 'rtsp://u:hunter2@h'}", "needs a name of letters"),
        ("{name: a}", "camera 'a': expected url"),
        ("{name: a, url: 'rtsp://h', rotate: 45}", "rotate = 45: expected 0, 90, 180 or 270"),
        ("{name: a, url: 'rtsp://h', transport: tpc}", "transport: expected tcp or udp"),
        ("{name: a, url: 'rtsp://h', enabled: maybe}", "enabled is a str, expected true or false"),
        ("{name: a, url: 'rtsp://h', password: '${NO_SUCH}'}", "NO_SUCH is not set"),
        ("{name: a, url: 'rtsp://h', password_file: gone}", "cannot read the password file"),
        ("{name: a, url: 'rtsp://h', password_file: b, password: hunter2}", "not both"),
        ("{name: a, url: tape.mp4, password: hunter2}", "are for addresses such as rtsp://"),
        ("rtsp://u:hunter2@h", "camera 1: expected 'name: ...'"),
        ("{'rtsp://u:hunter2@h': x}", "a key is not a plain word"),
        ("{name: a, url: 'rtsp://h', enabled: false}", "lists no enabled camera"),
    ],
)
def test_mistakes_in_an_entry(tmp_path: Path, camera: str, expected: str) -> None:
    if camera.startswith("{name: a b"):
        camera = "{name: 'a\u00a0/b', url: 'rtsp://h'}"
    assert expected in refusal(listed(tmp_path, f"cameras:\n- {camera}\n"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected 'cameras:' with a list"),
        ("cameras: rtsp://u:hunter2@h", "expected 'cameras:' with a list"),
        ("- rtsp://u:hunter2@h", "expected 'key: value' lines"),
        ("cameras:\n- name: a\n  password: 'hunter2\n", "is not YAML: see line"),
        ("cameras: []\nretries: 3", "unknown key 'retries'"),
        ("cameras: [{name: a, url: b}, {name: a, url: c}]", "two cameras are named 'a'"),
    ],
)
def test_mistakes_in_a_list(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refusal(listed(tmp_path, text))


@settings(max_examples=examples(50), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["url", "username", "password", "password_file", "transport", "rotate", "x"]),
    st.sampled_from(["{}", "rtsp://u:{}@h/x"]),
    st.text(max_size=5),
    st.booleans(),
)
def test_no_mistake_shows_a_secret(
    tmp_path: Path, key: str, form: str, more: str, as_list: bool
) -> None:
    if key == "password_file" and not as_list:
        return  # its name is shown if it cannot be read
    value = form.format(f"HIDDEN{more}")
    entry = {"name": "a", "url": "nowhere.mp4", key: [value] if as_list else value}
    path = listed(tmp_path, yaml.safe_dump({"cameras": [entry, {"name": "a", "url": "b"}]}))
    with pytest.raises(ConfigError) as caught:
        read_camera_list(path)
    assert "HIDDEN" not in str(caught.value)


def test_streams_file(tmp_path: Path) -> None:
    text = "# our cameras\n\nrtsp://u:p@h/1\n  rtsp://h/2  \n0\n"
    path = listed(tmp_path, text, "all.streams")
    assert [entry.url for entry in read_camera_list(path)] == ["rtsp://u:p@h/1", "rtsp://h/2", "0"]
    assert refusal(listed(tmp_path, "# none\n", "none.streams"))


def test_a_very_long_name_is_shown_in_short(tmp_path: Path) -> None:
    name = "a" * 5000
    assert len(refusal(listed(tmp_path, f"cameras: [{{name: {name}}}]"))) < 500
    twice = f"{{name: {name}, url: b}}"
    assert len(refusal(listed(tmp_path, f"cameras: [{twice}, {twice}]"))) < 500


def test_files_without_an_end_are_not_read_to_it(tmp_path: Path) -> None:
    if not Path("/dev/zero").exists():
        pytest.skip("needs /dev/zero")
    entry = "{name: a, url: 'rtsp://h/1', password_file: /dev/zero}"
    assert "it has more than" in refusal(listed(tmp_path, f"cameras: [{entry}]"))
    (tmp_path / "all.streams").symlink_to("/dev/zero")
    assert "it has more than" in refusal(tmp_path / "all.streams")


def test_what_is_a_list(tmp_path: Path) -> None:
    assert is_camera_list(str(listed(tmp_path, "", "a.yml")))
    assert is_camera_list(str(listed(tmp_path, "", "a.streams")))
    assert not is_camera_list(str(tmp_path / "none.yaml"))
    assert not is_camera_list(str(listed(tmp_path, "", "a.txt")))


def test_files_in_a_list_get_their_names(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3)
    text = f"cameras:\n- {{name: door, url: '{clip}'}}\n- {{name: hall, url: '{clip}'}}\n"
    sources = open_sources([str(listed(tmp_path, text)), str(clip)])
    assert [source.name for source in sources] == ["door", "hall", "clip"]
    assert [len(list(source)) for source in sources] == [3, 3, 3]


def test_byte_order_marks_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "all.streams"
    path.write_bytes(b"\xef\xbb\xbfrtsp://10.0.0.5/door\r\n")
    assert [entry.url for entry in read_camera_list(path)] == ["rtsp://10.0.0.5/door"]
    (tmp_path / "secret").write_bytes(b"\xef\xbb\xbfhunter3\r\n")
    path = tmp_path / "cameras.yaml"
    path.write_bytes(
        b"\xef\xbb\xbfcameras:\n- {name: door, url: 'rtsp://a/', password_file: secret}\n"
    )
    assert [entry.password for entry in read_camera_list(path)] == ["hunter3"]
