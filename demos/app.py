"""The five tabs as one Gradio application, and the server that shows it."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, Never

import gradio as gr
from gradio import processing_utils

from demos.live_routes import live_routes
from demos.request_rules import RequestRules
from demos.safety import DemoSettings
from demos.statement import statement_html
from demos.theme import style, theme
from realtime_mer.errors import ConfigError
from realtime_mer.sources import redact

TITLE = "realtime-mer"
TABS = (
    ("Live camera", "live_tab"),
    ("Browser camera", "browser_tab"),
    ("Recorded interview", "interview_tab"),
    ("Benchmarks", "bench_tab"),
    ("Train your eye", "eye_tab"),
)
"""What stands on the tabs, in order, and the module of this package that fills each."""
_HEADER = (
    '<header class="mer-header"><h1>realtime-mer</h1>'
    "<p>Facial micro-expressions: onset, apex and offset of movements too short to notice.</p>"
    "</header>"
)
_HEAD = '<script src="mer/static/live.js" defer></script>'
_SWEEP_S, _KEEP_UPLOADS_S = 600, 3600


def build_app(settings: DemoSettings) -> gr.Blocks:
    """Return the page with its five tabs; nothing listens yet."""
    sweep = (_SWEEP_S, _KEEP_UPLOADS_S)
    stay_on_this_machine()
    # Gradio copies what it shows into this folder: it goes with the others when the demo ends.
    os.environ["GRADIO_TEMP_DIR"] = str(settings.workspaces.uploads)
    page: gr.Blocks
    with gr.Blocks(
        title=TITLE, analytics_enabled=False, fill_width=True, delete_cache=sweep
    ) as page:
        gr.HTML(_HEADER + statement_html(), apply_default_css=False, elem_classes="mer-plain")
        with gr.Tabs(elem_id="mer-tabs"):
            for label, module in TABS:
                with gr.Tab(label, id=module):
                    import_module(f"demos.{module}").build(settings)

        def leave(request: gr.Request) -> None:
            settings.workspaces.close_session(request.session_hash)

        page.unload(leave)
    return page


def serve(settings: DemoSettings, page: gr.Blocks | None = None, *, browser: bool = False) -> str:
    """Begin to listen and return the address; ``page.close()`` ends it.

    ``browser`` opens the address in this machine's browser.

    Raises
    ------
    OSError
        The port is taken.
    """
    page = page or build_app(settings)
    _, address, _ = page.launch(**launch_options(settings), inbrowser=browser)
    return address


def stay_on_this_machine() -> None:
    """Let Gradio send nothing: no figures about its use, and no fetching of addresses.

    A visitor may name an address where a file is expected, and Gradio would load it from there.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    processing_utils.async_ssrf_protected_get = refuse_address


async def refuse_address(url: str) -> Never:
    """Stand in for Gradio's download.

    Raises
    ------
    ConfigError
        Always.
    """
    raise ConfigError(f"{redact(url)} is not fetched: give a file of this demo")


def launch_options(settings: DemoSettings) -> dict[str, Any]:
    """Return every option of Gradio's server, none of them left to its environment."""
    return {
        "server_name": settings.host,
        "server_port": settings.port,
        "auth": settings.auth,
        "max_file_size": f"{settings.max_upload_mb}mb",
        "allowed_paths": [str(settings.workspaces.sessions)],
        "app_kwargs": {"middleware": RequestRules.middleware(settings),
                       "routes": live_routes(settings), "docs_url": None, "redoc_url": None},
        "theme": theme(),
        "css": style(),
        "head": _HEAD,
        "prevent_thread_lock": True,
        "quiet": True,
        "share": False,
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": False,
        "run_history": False,
        "num_workers": 0,
        "enable_monitoring": False,
        "footer_links": [],
        "root_path": "",
        "show_error": True,
    }  # fmt: skip
