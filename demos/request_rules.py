"""Rules for each HTTP request, before Gradio sees it: whom to answer, what never to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse

from demos.safety import DemoSettings, is_loopback

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CLOSED = (
    "/gradio_api/proxy=",  # fetches from other machines
    "/gradio_api/vibe-",  # Gradio's own editing of the program
    "/gradio_api/undo-vibe-edit",
    "/gradio_api/process_recording",
    "/gradio_api/run-history",
    "/gradio_api/dev/",
    "/gradio_api/deep_link",
    "/monitoring",
)
"""Beginnings of paths that are no part of the demo."""
FILES = ("/gradio_api/file=", "/gradio_api/file/")
POLICY = "; ".join((
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:",
    "frame-ancestors 'none'",
    "form-action 'self'",
    "base-uri 'self'",
    "object-src 'none'",
))  # fmt: skip
"""What a page may load: its own machine only. A browser that is asked for more refuses."""
FILE_POLICY = "; ".join((
    "sandbox allow-scripts allow-popups allow-downloads",
    "default-src 'self' 'unsafe-inline' data: blob:",
    "connect-src 'none'",
    "frame-ancestors 'self'",
))  # fmt: skip
"""What a visitor's file may do when it is opened by itself: never act as the page."""
HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"cross-origin-resource-policy": b"same-origin",
}


class RequestRules:
    """ASGI middleware: refuses foreign host names and closed paths, adds the headers above.

    Parameters
    ----------
    app
        What answers the requests that pass.
    local_only
        Whether the server listens on the loopback only. Then a request must name this machine
        in its ``Host`` header: a page of another site whose name was made to point here (DNS
        rebinding) is refused.
    """

    def __init__(self, app: Any, local_only: bool = True) -> None:
        self._app = app
        self._local_only = local_only

    @classmethod
    def middleware(cls, settings: DemoSettings) -> list[Middleware]:
        """Return what FastAPI takes as ``middleware``."""
        return [Middleware(cls, local_only=is_loopback(settings.host))]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI asks for it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            status, text = refusal
            await PlainTextResponse(text, status)(scope, receive, send)
            return

        headers = dict(HEADERS)
        if unquote(scope["path"]).startswith(FILES):
            headers[b"content-security-policy"] = FILE_POLICY.encode()

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message.get("headers", ()) if pair[0] not in headers]
                message["headers"] = [*kept, *headers.items()]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        host = next((v for k, v in scope["headers"] if k == b"host"), b"").decode("latin-1")
        if self._local_only and not is_loopback(_without_port(host)):
            return 421, "this server answers on the machine it runs on only"
        path = unquote(scope["path"])
        if path.startswith(CLOSED):
            return 403, "this part of Gradio is closed here"
        if path.startswith(FILES):
            named = path.partition("/gradio_api/file")[2][1:]
            if "://" in named or named.lower().startswith(("http:", "https:", "//")):
                return 403, "only files of this demo are served"
        return None


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
