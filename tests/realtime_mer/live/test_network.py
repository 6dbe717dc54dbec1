"""Real streams on the loopback that are cut and come back."""

import contextlib
import itertools
import socket
import threading

import cv2
import numpy as np

from realtime_mer.live import LinkSettings, LinkState, LiveSession
from realtime_mer.sources import open_source
from tests.realtime_mer.live.scripted import Notes
from tests.realtime_mer.sources.media import numbered, read_number
from tests.realtime_mer.sources.servers import (
    Quiet,
    free_port,
    http_server,
    sending_udp,
    serving,
    transport_stream,
)

SOON = LinkSettings(backoff_s=(0.02, 0.05))


class Camera(Quiet):
    """Motion JPEG over HTTP: every connection gives ``each`` pictures, then it is cut.

    The second one is refused, as by a camera that is restarting.
    """

    connections: itertools.count
    each = 12
    paths: list[str]

    def do_GET(self):
        number = next(self.connections)
        self.paths.append(self.path)
        if number == 1:
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for k in range(self.each):
                data = cv2.imencode(".jpg", numbered(100 * number + k))[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")


def test_motion_jpeg_over_http_is_cut_and_comes_back():
    handler = type("Cut", (Camera,), {"connections": itertools.count(), "paths": []})
    notes, links = Notes(), []
    with serving(http_server(handler)) as port:
        url = f"http://me:s3cret@127.0.0.1:{port}/video?token=s3cret"
        with LiveSession(lambda: open_source(url), notes, settings=SOON) as session:
            for count, _ in enumerate(session.updates()):
                links.append(session.link)
                if count == 29:
                    session.stop()
    numbers = [read_number(f.image_rgb) for f in notes.frames]
    assert {0, 200, 300} <= set(numbers)
    assert all(a.time_s < b.time_s for a, b in itertools.pairwise(notes.frames))
    assert [f.index for f in notes.frames] == list(range(30))
    begins = [b for a, b in itertools.pairwise(notes.frames) if read_number(b.image_rgb) % 100 == 0]
    assert len({f.segment for f in begins}) == len(begins) == 2
    assert session.counters.reconnects >= 2
    assert session.counters.undeclared_drops == session.counters.declared_drops == 0
    assert [g.reason for g in session.gaps].count("connection lost") >= 2
    said = " ".join([*(link.reason for link in links), *map(str, session.problems)])
    said += f"{session.info} {session.gaps}"
    assert "s3cret" not in said
    assert "s3cret" in handler.paths[0]


def test_a_udp_stream_falls_silent_and_comes_back(tmp_path):
    port, data = free_port(socket.SOCK_DGRAM), transport_stream(60, tmp_path)
    url = f"udp://127.0.0.1:{port}"
    notes, states = Notes(), []
    lost = threading.Event()

    def watch(session):
        """Begin to send again once the loss was noticed."""
        while not lost.wait(0.005):
            if session.link.state in (LinkState.RECONNECTING, LinkState.ENDED):
                lost.set()

    with contextlib.ExitStack() as stack:
        first = stack.enter_context(sending_udp(data, port))
        session = LiveSession(
            lambda: open_source(url, read_timeout_s=0.3, open_timeout_s=5.0),
            notes,
            settings=LinkSettings(stall_s=0.1, backoff_s=(0.02, 0.05)),
        )
        stack.enter_context(session)
        watcher = threading.Thread(target=watch, args=(session,))
        updates = session.updates()
        for _ in range(70):
            next(updates)
        before = len(notes.frames)
        watcher.start()
        first.set()

        def send_again():
            lost.wait(20)
            with sending_udp(data, port):
                done.wait(20)

        done = threading.Event()
        sender = threading.Thread(target=send_again)
        sender.start()
        for _ in updates:
            states.append(session.link.state)
            if session.counters.reconnects >= 1 and len(notes.frames) > before + 40:
                session.stop()
        lost.set()
        done.set()
        sender.join()
        watcher.join()
    assert session.counters.reconnects >= 1
    assert all(a.time_s < b.time_s for a, b in itertools.pairwise(notes.frames))
    assert np.all(np.diff([f.index for f in notes.frames]) >= 1)
    assert session.counters.undeclared_drops == 0
    lost_gaps = [g for g in session.gaps if g.reason == "connection lost"]
    assert len(lost_gaps) == session.counters.reconnects
    assert lost_gaps[0].end_s - lost_gaps[0].start_s > 0.2
    segments = [f.segment for f in notes.frames]
    assert segments == sorted(segments)
    assert segments[-1] > segments[before - 1]
    assert "connection lost" in {p.kind for p in session.problems}
