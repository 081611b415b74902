"""What every request must pass before it is read: token, size, time, and how many there are."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reid_tracker.encode_server.limits import RequestLimits
from reid_tracker.monitor.status_server import carries_token

OPEN_PATH = "/healthz"
"""Answered without a token: supervisors have none."""

BUSY = {"Retry-After": "1"}


class Guard:
    """An ASGI middleware; see `RequestLimits` for what it refuses.

    A refused request is answered before its body is read, and its connection is closed.

    Args:
        app: what to guard.
        limits: of the requests.
        token: requests must carry it as "Authorization: Bearer TOKEN"; None asks for none.
    """

    def __init__(self, app: ASGIApp, limits: RequestLimits, token: str | None) -> None:
        self._app, self._limits, self._token = app, limits, token
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] == OPEN_PATH:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(headers)
        if refusal is not None:
            await _answer(refusal, scope, receive, send)
            return
        self._requests += 1
        try:
            has_body = "content-length" in headers or "transfer-encoding" in headers
            await self._serve(scope, receive, send, arrived=not has_body)
        finally:
            self._requests -= 1

    def _refusal(self, headers: Headers) -> HTTPException | None:
        if self._token and not carries_token(headers.get("authorization", ""), self._token):
            return HTTPException(401, "a token is required", {"WWW-Authenticate": "Bearer"})
        size = headers.get("content-length", "0")
        if size.isdecimal() and int(size[:20]) > self._limits.body_bytes:
            return self._too_large()
        if self._requests >= self._limits.requests:
            return HTTPException(503, "too many requests at the same time", dict(BUSY))
        return None

    def _too_large(self) -> HTTPException:
        return HTTPException(
            413, f"a request may have at most {self._limits.body_bytes:,} bytes; send fewer crops"
        )

    async def _serve(self, scope: Scope, receive: Receive, send: Send, *, arrived: bool) -> None:
        started, taken = False, 0
        deadline = asyncio.get_running_loop().time() + self._limits.time_s

        async def limited_receive() -> Message:
            nonlocal arrived, taken
            if arrived:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "the request took too long to arrive") from None
            taken += len(message.get("body", b""))
            if taken > self._limits.body_bytes:
                raise self._too_large()
            arrived = not message.get("more_body", False)
            return message

        async def watched_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start" and not arrived:
                _close(message)  # whatever else the client sends is not read
            started = True
            await send(message)

        try:
            async with asyncio.timeout_at(deadline + self._limits.time_s):
                await self._app(scope, limited_receive, watched_send)
        except TimeoutError:
            if not started:
                await _answer(HTTPException(503, "no answer in time", BUSY), scope, receive, send)


def _close(message: Message) -> None:
    headers = [pair for pair in message.get("headers", []) if pair[0].lower() != b"connection"]
    message["headers"] = [*headers, (b"connection", b"close")]


async def _answer(refusal: HTTPException, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {**(refusal.headers or {}), "Connection": "close"}
    content = {"detail": refusal.detail}
    await JSONResponse(content, refusal.status_code, headers)(scope, receive, send)
