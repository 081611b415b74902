"""Credentials reach libav unchanged, whatever they hold, and nobody else."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reid_tracker.errors import ConfigError
from reid_tracker.video.address import StreamAddress, stream_address

text = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=12)


def parts(address: StreamAddress) -> tuple[str | None, str | None, str]:
    """User and password as libav decodes them, and the rest."""
    url = urlsplit(address.url)
    user, password = (
        None if part is None else unquote(part) for part in (url.username, url.password)
    )
    return user, password, url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtsp://h/x", (None, None, "rtsp://h/x")),
        ("rtsp://u:p@h:554/x", ("u", "p", "rtsp://h:554/x")),
        ("rtsp://u@h/x", ("u", None, "rtsp://h/x")),
        ("rtsp://u:p@ss@h/x", ("u", "p@ss", "rtsp://h/x")),
        ("rtsp://u:p/ss@h/x", ("u", "p/ss", "rtsp://h/x")),
        ("rtsp://u:p#s?s@h/x", ("u", "p#s?s", "rtsp://h/x")),
        ("rtsp://u:p%40%2F@h/x", ("u", "p@/", "rtsp://h/x")),
        ("rtsp://u:100%@h/x", ("u", "100%", "rtsp://h/x")),
        ("rtsp://u:a:b@h/x", ("u", "a:b", "rtsp://h/x")),
        ("rtsp://h:554/a@b", (None, None, "rtsp://h:554/a@b")),
        ("rtsp://[::1]:554/a@b", (None, None, "rtsp://[::1]:554/a@b")),
        ("rtsp://[::1]/a@b", (None, None, "rtsp://[::1]/a@b")),
    ],
)
def test_user_and_password_of_an_address(url: str, expected: tuple[str, str, str]) -> None:
    assert parts(stream_address(url)) == expected


@given(text, text)
def test_given_credentials_arrive_unchanged(user: str, password: str) -> None:
    assume(user and ":" not in user)
    address = stream_address("rtsp://old:older@h:554/x?channel=1", user, password)
    assert parts(address) == (user, password, "rtsp://h:554/x?channel=1")
    assert address.label == "rtsp://***@h:554/x?channel=1"


@pytest.mark.parametrize(
    "form",
    [
        "rtsp://admin:{}@h/x",
        "rtsp://admin:{}@h:554/x?channel=1",
        "rtsp://{}@h/x",
        "rtsp://h/x?user=admin&password={}",
        "rtsp://h/user=admin_password={}_channel=1",
        "http://h/live;pwd={}",
        "rtsp://h/x?token={}",
    ],
)
@given(before=text, after=text)
def test_no_password_shows_in_any_form_of_address(form: str, before: str, after: str) -> None:
    secret = f"{before}SECRET{after}".replace("${", "$")
    shown = secret if ":{}@" in form else quote(secret, safe="")
    address = stream_address(form.format(shown))
    assert "SECRET" in address.url
    for visible in (str(address), repr(address), f"{address}", address.label):
        assert "SECRET" not in visible


def test_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMERA_USER", "me")
    monkeypatch.setenv("CAMERA_PASSWORD", "p@s/s%41")
    monkeypatch.setenv("CAMERA_TOKEN", "abc")
    address = stream_address("rtsp://${CAMERA_USER}:${CAMERA_PASSWORD}@h/${CAMERA_TOKEN}/x")
    assert parts(address) == ("me", "p@s/s%41", "rtsp://h/abc/x")
    assert address.label == "rtsp://***@h/${CAMERA_TOKEN}/x"


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(ConfigError, match=r"NO_SUCH_CAMERA is not set, but rtsp://\*\*\*@h/x"):
        stream_address("rtsp://me:hunter2${NO_SUCH_CAMERA}@h/x")


def test_a_very_long_address_is_named_in_short() -> None:
    with pytest.raises(ConfigError, match="is not set") as caught:
        stream_address(f"rtsp://h/{'x' * 5000}${{NO_SUCH_CAMERA}}")
    assert len(str(caught.value)) < 500


def test_line_breaks_are_refused() -> None:
    with pytest.raises(ConfigError, match="control character") as caught:
        stream_address("rtsp://me:hunter2@h/x\r\nTeardown: 1")
    assert "hunter2" not in str(caught.value)
