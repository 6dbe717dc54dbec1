"""Small servers on the loopback that stand for network cameras."""

import contextlib
import functools
import http.server
import itertools
import socket
import threading

from tests.realtime_mer.sources.media import write_video


@contextlib.contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def http_server(handler, folder="."):
    return http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
    )


def transport_stream(frames: int, tmp_path) -> bytes:
    path = write_video(tmp_path / "s.ts", frames, options={"bf": "0", "g": "5"})
    return path.read_bytes()


def free_port(kind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def sending_udp(data: bytes, port: int):
    """Send a transport stream over and over, in small portions, until told to stop."""
    stop = threading.Event()

    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for at in itertools.cycle(range(0, len(data), 7 * 188)):
                out.sendto(data[at : at + 7 * 188], ("127.0.0.1", port))
                if stop.wait(0.002):
                    return

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join()
