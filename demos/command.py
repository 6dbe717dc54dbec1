"""`mer demo`: the front end in a browser, on this machine."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from realtime_mer.errors import ConfigError

if TYPE_CHECKING:
    import gradio as gr

    from demos.safety import DemoSettings

DEFAULT_PORT, PORTS_TRIED = 7860, 40
PASSWORD = "MER_DEMO_PASSWORD"
"""Environment variable that holds the password: a command line is seen by all, and remembered."""

demo_app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@demo_app.command()
def demo(
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine's want --auth.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port to listen on.", show_default="a free one"),
    ] = None,
    auth: Annotated[
        bool, typer.Option("--auth", help=f"Ask visitors for a password: {PASSWORD}, or asked now.")
    ] = False,
    user: Annotated[str, typer.Option(help="User name for --auth.")] = "mer",
    results: Annotated[
        Path | None,
        typer.Option(help="Folder of results of mer loso, for the benchmarks.", show_default=False),
    ] = None,
    videos: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder whose videos visitors may open by path; repeat it for several.",
            show_default="none",
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a model package.", show_default="bundled")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="What runs the model; `mer doctor` lists what is here.")
    ] = "auto",
    max_upload_mb: Annotated[int, typer.Option(min=1, help="Largest upload in MB.")] = 500,
    max_minutes: Annotated[float, typer.Option(min=0.1, help="Longest recording.")] = 30.0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Do not open the page in a browser.")
    ] = False,
) -> None:
    """Open the front end: live camera, recordings, benchmarks, training for your eye."""
    need_gradio()
    from demos.safety import DemoSettings, is_loopback

    console = Console(stderr=True)
    if not is_loopback(host):
        warn_of_strangers(host, auth, console)
    settings = DemoSettings(
        host=host,
        port=None if port is None else port_or_error(host, port),
        auth=(user, password()) if auth else None,
        max_upload_mb=max_upload_mb,
        max_duration_s=60 * max_minutes,
        videos=tuple(folder(path, "--videos") for path in videos or ()),
        results=None if results is None else folder(results, "--results"),
        model=model,
        engine=engine,
    )
    run(settings, browser=not no_browser)


def run(settings: DemoSettings, *, browser: bool) -> None:
    """Serve until Ctrl-C or a signal to end; then remove every file that was made."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    page = None
    try:
        from demos.app import build_app

        page = build_app(settings)
        address = listen(settings, page, browser)
        typer.echo(f"mer demo: {address} (Ctrl-C ends it)")
        while not ended.wait(3600):
            pass
    except KeyboardInterrupt:
        pass
    finally:
        if page is not None:
            page.close(verbose=False)
        settings.workspaces.close()


def listen(settings: DemoSettings, page: gr.Blocks, browser: bool) -> str:
    """Begin to serve and return the address.

    Where no port was asked for, another is tried as long as somebody else takes the free one.

    Raises
    ------
    ConfigError
        No port is free.
    """
    from demos.app import serve

    while True:
        port = settings.port or free_port(settings.host)
        try:
            return serve(replace(settings, port=port), page, browser=browser)
        except OSError as error:
            if settings.port is not None:
                raise ConfigError(f"port {port} was taken just now; give another") from error


def need_gradio() -> None:
    """Raise ConfigError, saying what to install, where Gradio is missing."""
    if find_spec("gradio") is None:
        raise ConfigError(
            'the front end needs Gradio, which is not installed: pip install "realtime-mer[demo]"'
        )


def warn_of_strangers(host: str, auth: bool, console: Console) -> None:
    """Say what it means to listen to other machines; refuse to without a password.

    Raises
    ------
    ConfigError
        There is no ``--auth``.
    """
    if not auth:
        raise ConfigError(
            f"--host {host} lets other machines use this camera and see these recordings: add "
            "--auth, or leave --host away to serve this machine only"
        )
    console.print(
        f"mer: warning: {host} can be reached from other machines, and what they send travels "
        "unencrypted; put it behind a server that speaks https",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip


def password() -> str:
    """Return the password, from the environment or else asked for twice at the terminal.

    Raises
    ------
    ConfigError
        There is none in the environment and nobody to ask.
    """
    given = os.environ.get(PASSWORD, "")
    if given:
        return given
    if not sys.stdin.isatty():
        raise ConfigError(f"--auth needs a password: set {PASSWORD}, or run it at a terminal")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def folder(path: Path, option: str) -> Path:
    """Return the real path of a folder.

    Raises
    ------
    ConfigError
        It is none.
    """
    if not path.is_dir():
        raise ConfigError(f"{option} {path} is no folder; give one that exists")
    return path.resolve()


def free_port(host: str) -> int:
    """Return the first free port from 7860 on.

    Raises
    ------
    ConfigError
        All that were tried are taken, or the host is no address of this machine.
    """
    for port in range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED):
        if can_listen(host, port):
            return port
    raise ConfigError(
        f"no port from {DEFAULT_PORT} to {DEFAULT_PORT + PORTS_TRIED - 1} is free on {host}; give "
        "another with --port, and check that --host is an address of this machine"
    )


def port_or_error(host: str, port: int) -> int:
    """Return ``port`` if it is free.

    Raises
    ------
    ConfigError
        It is taken, or not ours to use.
    """
    if not can_listen(host, port):
        raise ConfigError(
            f"port {port} on {host} cannot be used; another program may listen there: give another "
            "with --port, or leave it away to take a free one"
        )
    return port


def can_listen(host: str, port: int) -> bool:
    """Say whether a server could listen there now."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError:
        return False
    return True
