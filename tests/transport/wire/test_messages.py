"""Checks and ids of each message."""

from __future__ import annotations

import base64
import json
from typing import get_args

import numpy as np
import pytest

from reid_tracker.errors import MessageError
from reid_tracker.transport.wire.codec import decode_message, encode_message
from reid_tracker.transport.wire.embeddings import Prototypes
from reid_tracker.transport.wire.messages import (
    MAX_PICTURE_BYTES,
    CameraState,
    Observation,
    check_encoder,
    new_boot_id,
)
from reid_tracker.types import SourceState
from reid_tracker.zoo import load_manifest
from tests.transport.samples import (
    ENCODER,
    NOW_S,
    PICTURE,
    as_json,
    status,
    tracklet,
)


def test_states_of_cameras_are_those_of_sources() -> None:
    assert get_args(CameraState) == tuple(state.value for state in SourceState)


def test_a_picture_travels_as_it_is() -> None:
    message = tracklet(picture=PICTURE)
    assert as_json(message)["picture"] == base64.b64encode(PICTURE).decode()
    assert decode_message(encode_message(message)) == message
    assert "picture" not in as_json(tracklet())


@pytest.mark.parametrize(
    "picture", [b"", b"GIF89a", PICTURE[:-1], bytes(MAX_PICTURE_BYTES + 1), "text", 7]
)
def test_other_pictures_than_small_jpeg_files_are_refused(picture: object) -> None:
    with pytest.raises(MessageError, match=r"picture = .*: Expected"):
        tracklet(picture=picture)
    data = encode_message(tracklet(picture=PICTURE))
    sent = base64.b64encode(picture).decode() if isinstance(picture, bytes) else picture
    values = json.loads(data) | {"picture": sent}
    with pytest.raises(MessageError, match=r"at `\$.picture`|picture = .*: Expected a JPEG"):
        decode_message(json.dumps(values).encode())


def test_boxes_upside_down() -> None:
    with pytest.raises(MessageError, match="left <= right"):
        Observation(NOW_S, (0.5, 0, 0.4, 1), (0, 0))


def test_another_encoder() -> None:
    message = tracklet()
    check_encoder(message, ENCODER, 32)
    check_encoder(status(), "other", 1)
    with pytest.raises(MessageError, match="host 'e1' sends embeddings of encoder abababababab"):
        check_encoder(message, "cd" * 32, 32)
    with pytest.raises(MessageError, match=r"with 32 values, expected (ab)+ with 512"):
        check_encoder(message, ENCODER, 512)


def test_forms_of_one_model_are_one_encoder() -> None:
    """Hosts of earlier versions name the file; new ones name its space."""
    manifest = load_manifest()
    names = ["osnet_x0_5_market_cuhk03"]
    names += [manifest.get(name).sha256 or "" for name in (names[0], f"{names[0]}_onnx")]
    for sent in names:
        message = tracklet(prototypes=Prototypes.of(sent, np.eye(32)[:1], [1]))
        for expected in names:
            check_encoder(message, expected, 32)
        with pytest.raises(MessageError, match=r"osnet_x0_5_market_cuhk03 .*osnet_x0_25_cuhk03 "):
            check_encoder(message, "osnet_x0_25_cuhk03", 32)


def test_boot_ids_differ() -> None:
    assert new_boot_id() != new_boot_id()
