"""What the live page asks for many times a second, past Gradio's queue.

The addresses hold the unguessable name of a session's workspace: who does not have it gets 404.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from demos.live_service import LiveService
from demos.safety import DemoSettings
from realtime_mer.sinks import FILES

PREFIX = "/mer"
STATIC = Path(__file__).parent / "static"
SCRIPTS = ("live.js",)
_NO_STORE = {"cache-control": "no-store"}
_NOTHING = 404
ARCHIVE = "results.zip"


def live_routes(settings: DemoSettings) -> list[Route]:
    """Return the routes, for FastAPI's ``routes``."""

    def with_service(answer: Callable[[LiveService, Request], Response]) -> Callable[..., Response]:
        def route(request: Request) -> Response:
            workspace = settings.workspaces.by_token(request.path_params["token"])
            if workspace is None:
                return Response(status_code=_NOTHING, headers=_NO_STORE)
            return answer(workspace.part(LiveService, LiveService), request)

        return route

    live = PREFIX + "/live/{token}"
    return [
        Route(PREFIX + "/static/{name}", _script),
        Route(live + "/status", with_service(_status)),
        Route(live + "/picture", with_service(_picture)),
        Route(live + "/events/{event:int}/{moment}.jpg", with_service(_thumbnail)),
        Route(live + "/files/{name}", with_service(_file)),
    ]


def _script(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in SCRIPTS:
        return Response(status_code=_NOTHING)
    return FileResponse(STATIC / name, headers={"cache-control": "no-cache"})


def _status(service: LiveService, request: Request) -> Response:
    try:
        after_s = float(request.query_params.get("after", "-1"))
        after_event = int(request.query_params.get("event", "0"))
    except ValueError:
        return Response("after and event must be numbers", 400)
    status = service.status(after_s if math.isfinite(after_s) else -1.0, after_event)
    status["files"] = [path.name for path in _files(service)]
    return JSONResponse(status, headers=_NO_STORE)


def _picture(service: LiveService, request: Request) -> Response:
    newest = service.picture(request.query_params.get("after", ""))
    if newest is None:
        return Response(status_code=204, headers=_NO_STORE)
    told = {"x-number": newest.number, "x-split": str(newest.split)}
    return Response(newest.jpeg, media_type="image/jpeg", headers=_NO_STORE | told)


def _thumbnail(service: LiveService, request: Request) -> Response:
    jpeg = service.thumbnail(request.path_params["event"], request.path_params["moment"])
    if jpeg is None:
        return Response(status_code=_NOTHING, headers=_NO_STORE)
    return Response(jpeg, media_type="image/jpeg", headers=_NO_STORE)


def _files(service: LiveService) -> list[Path]:
    """Return the result files that are there, in the order in which they are listed."""
    folder = service.folder()
    named = [folder / name for name in FILES] if folder is not None else []
    return [path for path in named if path.is_file()]


def _file(service: LiveService, request: Request) -> Response:
    wanted, files = request.path_params["name"], _files(service)
    if wanted == ARCHIVE and files:
        held = {"content-disposition": f'attachment; filename="{ARCHIVE}"'} | _NO_STORE
        return Response(_packed(files), media_type="application/zip", headers=held)
    for path in files:
        if path.name == wanted:
            return FileResponse(path, filename=path.name, headers=_NO_STORE)
    return Response(status_code=_NOTHING, headers=_NO_STORE)


def _packed(files: list[Path]) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.name)
    return packed.getvalue()
