"""Reads what a request sends: pictures of people, or a frame and the boxes of people in it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from fastapi import HTTPException, Request
from starlette.datastructures import FormData, UploadFile

from reid_tracker.encode.base import check_boxes
from reid_tracker.encode_server.limits import RequestLimits
from reid_tracker.errors import InputError
from reid_tracker.picture_size import picture_size
from reid_tracker.types import Boxes, ImageBGR
from reid_tracker.video.images import UnreadablePictureError, decode_image

CROPS, FRAME, BOXES = "crops", "frame", "boxes"
"""Names of the fields."""

_STARTS = (b"\xff\xd8", b"\x89PNG", b"RIFF")
"""Of JPEG, PNG and WebP files; decoders of rarer formats have more faults."""


async def read_crops(request: Request, limits: RequestLimits) -> list[bytes]:
    """Return the picture files of the field `crops`.

    Raises:
        HTTPException: the body is not such a form, or has too many crops.
    """
    form = await _form(request, limits.crops)
    _only(form, {CROPS})
    files = [await _content(part, CROPS) for part in form.getlist(CROPS)]
    if not files:
        raise HTTPException(422, "there is no field crops; send each picture as a file crops")
    return files


async def read_frame(request: Request, limits: RequestLimits) -> tuple[bytes, Boxes]:
    """Return the picture file of the field `frame`, and the boxes.

    Raises:
        HTTPException: the body is not such a form, a box is malformed, or there are too many.
    """
    form = await _form(request, most_files=1)
    _only(form, {FRAME, BOXES})
    frames, texts = form.getlist(FRAME), form.getlist(BOXES)
    if len(frames) != 1 or len(texts) != 1 or not isinstance(texts[0], str):
        raise HTTPException(422, "expected a file frame, and boxes: [[left, top, right, bottom]]")
    try:
        boxes = check_boxes(json.loads(texts[0]))
    except (ValueError, RecursionError, InputError) as error:
        reason = " ".join(str(error).split())[:200]
        raise HTTPException(
            422, f"boxes: {reason}; expected JSON, [[left, top, right, bottom], ...] in pixels"
        ) from None
    if len(boxes) > limits.crops:
        raise HTTPException(413, f"{len(boxes)} boxes, at most {limits.crops} in one request")
    return await _content(frames[0], FRAME), boxes


async def _form(request: Request, most_files: int) -> FormData:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise HTTPException(415, "expected a multipart/form-data body")
    try:
        # One more than allowed is read, so that it can be told from a malformed form.
        form = await request.form(max_files=most_files + 1, max_fields=4)
    except (ValueError, KeyError) as error:  # malformed in a way that the parser does not foresee
        raise HTTPException(400, f"malformed form: {type(error).__name__}") from None
    if sum(not isinstance(part, str) for _, part in form.multi_items()) > most_files:
        raise HTTPException(413, f"at most {most_files} pictures in one request")
    return form


def _only(form: FormData, known: set[str]) -> None:
    if unknown := set(form) - known:
        names = ", ".join(sorted(unknown))[:100]
        raise HTTPException(422, f"unknown fields: {names}; known: {', '.join(sorted(known))}")


async def _content(part: UploadFile | str, name: str) -> bytes:
    if isinstance(part, str):
        raise HTTPException(422, f"{name} is a text, expected a picture file")
    return await part.read()


def count_pixels(files: Sequence[bytes], limits: RequestLimits) -> int:
    """Return the pixels of all pictures, by their headers; nothing is decoded.

    Raises:
        HTTPException: a file is not a picture, or they are too many pixels.
    """
    total = 0
    for number, data in enumerate(files):
        size = picture_size(data) if data.startswith(_STARTS) else None
        if size is None:
            raise HTTPException(422, f"picture {number} is not a JPEG, PNG or WebP picture")
        total += size[0] * size[1]
    if total > limits.pixels:
        raise HTTPException(413, f"{total:,} pixels, at most {limits.pixels:,} in one request")
    return total


def decode(files: Sequence[bytes]) -> list[ImageBGR]:
    """Decode the pictures.

    Raises:
        HTTPException: one is damaged.
    """
    images = []
    for number, data in enumerate(files):
        try:
            images.append(decode_image(data))
        except UnreadablePictureError as error:
            raise HTTPException(422, f"picture {number}: {error}") from None
    return images


def whole(images: Sequence[ImageBGR]) -> list[Boxes]:
    """Return a box for each picture that covers all of it."""
    return [np.array([[0, 0, *image.shape[1::-1]]], np.float32) for image in images]
