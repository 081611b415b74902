"""The routes of the server, and its OpenAPI document."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field

import reid_tracker
from reid_tracker.encode_server.batcher import Batcher
from reid_tracker.encode_server.forms import (
    BOXES,
    CROPS,
    FRAME,
    count_pixels,
    decode,
    read_crops,
    read_frame,
    whole,
)
from reid_tracker.encode_server.guard import BUSY, OPEN_PATH, Guard
from reid_tracker.encode_server.limits import RequestLimits
from reid_tracker.types import Boxes, Embeddings

JSON, RAW = "application/json", "application/octet-stream"
_PICTURES = "image/jpeg, image/png, image/webp"


class Model(BaseModel):
    """What the server encodes with."""

    encoder: str = Field(description="Name of the encoder.")
    fingerprint: str = Field(description="Only embeddings with the same fingerprint compare.")
    embedding_size: int = Field(description="Numbers in an embedding.")


class EmbeddingRows(BaseModel):
    """Embeddings in the order of the crops, each of length 1."""

    fingerprint: str = Field(description="Only embeddings with the same fingerprint compare.")
    embeddings: list[list[float]] = Field(description="Rounded to 6 decimals.")


class State(BaseModel):
    """Whether the server can encode."""

    healthy: bool


class Refusal(BaseModel):
    """Why a request was refused."""

    detail: str


def create_app(
    batcher: Batcher,
    model: Model,
    token: str | None = None,
    limits: RequestLimits = RequestLimits(),
) -> FastAPI:
    """Return the server's ASGI application.

    Args:
        batcher: encodes; the caller closes it.
        model: what it encodes with.
        token: requests must carry it as "Authorization: Bearer TOKEN"; None asks for none.
        limits: of the requests.
    """
    bearer = [Depends(HTTPBearer(auto_error=False))] if token else []  # for the document
    app = FastAPI(
        title="reid-track encode-server",
        description="Embeddings of people's pictures. Embeddings of one person are close: compare "
        "them by their dot product, which is 1 for equal ones.",
        version=reid_tracker.__version__,
        license_info={"name": "AGPL-3.0-or-later"},
        docs_url=None,  # these pages load scripts from other servers
        redoc_url=None,
    )
    app.add_middleware(Guard, limits=limits, token=token)
    service = _Service(batcher, model, limits)

    @app.get(OPEN_PATH, response_model=State, responses={503: {"model": State}})
    async def healthz(response: Response) -> State:
        """Say whether the server can encode; needs no token."""
        response.status_code = 200 if batcher.healthy else 503
        return State(healthy=batcher.healthy)

    @app.get("/v1/model", dependencies=bearer, responses=_refusals(401, 503))
    async def get_model() -> Model:
        """Name the encoder."""
        return model

    @app.post("/v1/crops", dependencies=bearer, **_embeds(_crops_form(limits)))
    async def encode_crops(request: Request) -> Response:
        """Encode pictures that each show one person."""
        raw = wants_raw(request.headers.get("accept", ""))
        return service.answer(await service.encode(await read_crops(request, limits)), raw=raw)

    @app.post("/v1/frame", dependencies=bearer, **_embeds(_frame_form(limits)))
    async def encode_frame(request: Request) -> Response:
        """Encode the people in one picture, given their boxes."""
        raw = wants_raw(request.headers.get("accept", ""))
        frame, boxes = await read_frame(request, limits)
        return service.answer(await service.encode([frame], boxes), raw=raw)

    return app


def wants_raw(accept: str) -> bool:
    """Whether an Accept header prefers float16 numbers to JSON, which is the default.

    Raises:
        HTTPException: it accepts neither.
    """
    if not accept.strip():
        return False
    qualities: dict[str, float] = {}
    for part in accept.split(","):
        kind, *options = (word.strip().lower() for word in part.split(";"))
        quality = next((word[2:] for word in options if word.startswith("q=")), "1")
        try:
            qualities[kind] = float(quality)
        except ValueError:
            qualities[kind] = 0.0
    other = qualities.get("application/*", qualities.get("*/*", 0.0))
    as_json, as_raw = qualities.get(JSON, other), qualities.get(RAW, other)
    if max(as_json, as_raw) <= 0:
        raise HTTPException(406, f"expected Accept: {JSON} or {RAW}")
    return as_raw > as_json


class _Service:
    """Encodes, within the limits of all requests together; used from the event loop only."""

    def __init__(self, batcher: Batcher, model: Model, limits: RequestLimits) -> None:
        self._batcher, self._model, self._limits = batcher, model, limits
        self._crops = self._pixels = 0

    async def encode(self, files: list[bytes], boxes: Boxes | None = None) -> Embeddings:
        """Encode the boxes of one picture, or without boxes each picture as a whole."""
        crops, pixels = len(files if boxes is None else boxes), count_pixels(files, self._limits)
        if (
            self._crops + crops > self._limits.waiting_crops
            or self._pixels + pixels > self._limits.waiting_pixels
        ):
            raise HTTPException(503, "the encoder is busy", dict(BUSY))
        self._crops += crops
        self._pixels += pixels
        try:
            images = await asyncio.to_thread(decode, files)
            each = whole(images) if boxes is None else [boxes]
            rows: list[Embeddings] = await asyncio.wrap_future(self._batcher.submit(images, each))
            return np.concatenate(rows)
        finally:
            self._crops -= crops
            self._pixels -= pixels

    def answer(self, rows: Embeddings, *, raw: bool) -> Response:
        """Return (N, D) embeddings as the caller wants them."""
        if raw:
            shape = {"X-Embedding-Count": str(len(rows)), "X-Embedding-Size": str(rows.shape[1])}
            fingerprint = {"X-Embedding-Fingerprint": self._model.fingerprint}
            return Response(rows.astype("<f2").tobytes(), 200, {**shape, **fingerprint}, RAW)
        embeddings = np.round(rows.astype(np.float64), 6).tolist()
        content = {"fingerprint": self._model.fingerprint, "embeddings": embeddings}
        return Response(json.dumps(content, separators=(",", ":")), 200, media_type=JSON)


_REFUSALS = {
    400: "The form is malformed.",
    401: "The token is missing or wrong.",
    406: "Neither JSON nor float16 is accepted.",
    408: "The request took too long to arrive.",
    413: "Too many bytes, pixels or crops; the text says how many are allowed.",
    415: "The body is not a form.",
    422: "A picture or a box is malformed, or a field is missing.",
    503: "Too many requests wait: try again after Retry-After seconds.",
}


def _refusals(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Refusal, "description": _REFUSALS[code]} for code in codes}


def _embeds(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the document says about a route that answers with embeddings."""
    number = {"schema": {"type": "integer"}}
    raw = {"schema": {"type": "string", "format": "binary"}}
    found = {
        "description": f"JSON, or with Accept: {RAW} the same as float16 numbers, little-endian, "
        "one row after the other.",
        "content": {RAW: raw},
        "headers": {
            "X-Embedding-Count": {"description": "Rows; with float16 only.", **number},
            "X-Embedding-Size": {"description": "Numbers in a row; with float16 only.", **number},
        },
        "model": EmbeddingRows,
    }
    return {
        "response_class": Response,
        "responses": {200: found, **_refusals(*_REFUSALS)},
        "openapi_extra": {"requestBody": body},
    }


def _crops_form(limits: RequestLimits) -> dict[str, Any]:
    files = {"type": "array", "minItems": 1, "maxItems": limits.crops, "items": _FILE}
    return _form({CROPS: {"description": "Pictures of one person each.", **files}}, CROPS)


def _frame_form(limits: RequestLimits) -> dict[str, Any]:
    box = {"type": "array", "minItems": 4, "maxItems": 4, "items": {"type": "number"}}
    boxes = {
        "description": "JSON: [[left, top, right, bottom], ...] in pixels of the frame.",
        "type": "array",
        "maxItems": limits.crops,
        "items": box,
    }
    return _form({FRAME: {"description": "One picture.", **_FILE}, BOXES: boxes}, FRAME)


_FILE = {"type": "string", "format": "binary"}


def _form(properties: dict[str, Any], pictures: str) -> dict[str, Any]:
    """Return the description of a form, all of whose fields are required."""
    encoding = {name: {"contentType": JSON} for name in properties}
    encoding[pictures] = {"contentType": _PICTURES}
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": [*properties],
        "properties": properties,
    }
    return {
        "required": True,
        "content": {"multipart/form-data": {"schema": schema, "encoding": encoding}},
    }
