import contextlib
import io
import itertools
import re
import socket
import socketserver
import struct
import threading
import traceback

import cv2
import numpy as np
import pytest

from realtime_mer.errors import SourceError
from realtime_mer.sources import open_source
from tests.realtime_mer.sources.media import numbered, read_number, write_video
from tests.realtime_mer.sources.servers import (
    Quiet,
    free_port,
    http_server,
    sending_udp,
    serving,
    transport_stream,
)


class FileServer(Quiet):
    def do_GET(self):
        if self.path.startswith("/locked"):
            self.send_error(401)
            return
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            super().do_GET()


class Multipart(Quiet):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for k in range(12):
                data = cv2.imencode(".jpg", numbered(k))[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")


def test_http_file_has_its_own_times(tmp_path):
    write_video(tmp_path / "v.mkv", 30)
    with serving(http_server(FileServer, tmp_path)) as port:
        url = f"http://127.0.0.1:{port}/v.mkv?token=s3cret"
        with open_source(url) as source:
            frames = list(source)
    assert [read_number(f.image_rgb) for f in frames] == list(range(30))
    assert [f.time_s for f in frames] == pytest.approx([k / 30 for k in range(30)], abs=6e-4)
    assert not source.live
    assert source.problems == []
    assert source.info.name == "v.mkv"
    assert "s3cret" not in source.info.path + source.redacted


def test_mjpeg_over_http_is_timed_by_arrival():
    ticks = itertools.count()
    with serving(http_server(Multipart)) as port:
        url = f"http://127.0.0.1:{port}/"
        with open_source(url, clock=lambda: 50 + next(ticks) * 0.01) as source:
            frames = list(source)
    assert source.live
    assert [read_number(f.image_rgb) for f in frames] == list(range(len(frames)))
    assert 11 <= len(frames) <= 12
    steps = np.diff([f.time_s for f in frames])
    assert frames[0].time_s == 0.0
    assert steps.min() > 0.005
    assert steps.max() < 0.05
    assert source.clock_offset_s >= 50
    assert source.info.fps is None


def test_frames_that_were_waiting_when_the_stream_was_opened_stand_alone():
    arrivals = iter([10, 10.001, 10.002, *(10.05 + k / 30 for k in range(50))])
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(serving(http_server(Multipart)))
        source = open_source(f"http://127.0.0.1:{port}/", clock=lambda: next(arrivals))
        frames = list(stack.enter_context(source))
    assert [f.segment for f in frames] == [0] * 3 + [1] * (len(frames) - 3)
    assert [f.time_s for f in frames[3:6]] == pytest.approx([0.05, 0.05 + 1 / 30, 0.05 + 2 / 30])
    assert source.problems[0].kind == "timing"
    assert "first 3 frames came at once" in str(source.problems[0])


class SendAll(socketserver.BaseRequestHandler):
    data = b""

    def handle(self):
        with contextlib.suppress(OSError):
            self.request.sendall(self.data)


class Silent(socketserver.BaseRequestHandler):
    done = threading.Event()

    def handle(self):
        self.done.wait(20)


def test_tcp_transport_stream(tmp_path):
    handler = type("Send", (SendAll,), {"data": transport_stream(40, tmp_path)})
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    with serving(server) as port, open_source(f"tcp://127.0.0.1:{port}") as source:
        frames = list(source)
    assert [read_number(f.image_rgb) for f in frames] == list(range(40))
    assert np.diff([f.time_s for f in frames]) == pytest.approx(1 / 30, abs=1e-4)
    assert source.live
    assert source.clock_offset_s is not None
    assert source.info.frames is None
    assert source.info.duration_s is None


def test_udp_transport_stream_starting_anywhere_and_falling_silent(tmp_path):
    port = free_port(socket.SOCK_DGRAM)
    url, data = f"udp://127.0.0.1:{port}", transport_stream(60, tmp_path)
    with sending_udp(data, port) as stop, open_source(url, read_timeout_s=0.4) as source:
        frames = [next(source) for _ in range(90)]
        stop.set()
        frames += list(source)
    assert all(a.time_s < b.time_s for a, b in itertools.pairwise(frames))
    assert frames[-1].segment >= 1  # the sender's clock started again
    numbers = [read_number(f.image_rgb) for f in frames]
    followed = sum((b - a) % 60 == 1 for a, b in itertools.pairwise(numbers))
    assert followed > 0.7 * len(numbers)
    assert source.problems[-1].kind == "connection lost"


class RtspCamera(socketserver.StreamRequestHandler):
    """As little of RTSP as a player needs: H.264 over the same connection, 30 frames a second."""

    nals: tuple[bytes, ...] = ()
    requests: list[str]

    def handle(self):
        for line in self.rfile:
            method, url = line.decode().split(" ")[:2]
            self.requests.append(f"{method} {url}")
            fields = {}
            while line := self.rfile.readline().strip().decode():
                name, _, value = line.partition(":")
                fields[name.lower()] = value.strip()
            body = self.sdp() if method == "DESCRIBE" else ""
            extra = {
                "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
                "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n",
                "SETUP": f"Transport: {fields.get('transport')}\r\n",
            }.get(method, "")
            head = f"RTSP/1.0 200 OK\r\nCSeq: {fields['cseq']}\r\nSession: 1\r\n{extra}\r\n"
            self.wfile.write(head.encode() + body.encode())
            if method == "PLAY":
                with contextlib.suppress(OSError):
                    self.play()
                return

    def sdp(self) -> str:
        return (
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n"
            "a=control:track1\r\n"
        )

    def play(self):
        picture = 0
        for count, nal in enumerate(self.nals):
            last = nal[0] & 31 in (1, 5)
            head = struct.pack(">BBHII", 0x80, 96 | last << 7, count, picture * 3000, 7)
            self.wfile.write(struct.pack(">cBH", b"$", 0, len(head) + len(nal)) + head + nal)
            picture += last


def test_rtsp(tmp_path):
    options = {"bf": "0", "x264-params": "slices=1:repeat-headers=1"}
    raw = write_video(tmp_path / "s.h264", 40, options=options).read_bytes()
    nals = tuple(n for n in re.split(b"\x00\x00\x00?\x01", raw) if n)
    handler = type("Camera", (RtspCamera,), {"nals": nals, "requests": []})
    with contextlib.ExitStack() as stack:
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        port = stack.enter_context(serving(server))
        frames = list(source := open_source(f"rtsp://me:s3cret@127.0.0.1:{port}/cam"))
        source.close()
    assert [read_number(f.image_rgb) for f in frames] == list(range(1, 40))
    assert "very first frame" in str(source.problems[0])
    assert np.diff([f.time_s for f in frames]) == pytest.approx(1 / 30, abs=1e-4)
    assert {f.segment for f in frames} == {0}
    assert source.live
    assert source.redacted == f"rtsp://***@127.0.0.1:{port}/cam"
    assert source.info.name == "cam"
    assert handler.requests[0].startswith("OPTIONS")


# ---- what goes wrong ----------------------------------------------------------------------------


def refused(url: str, match: str, **options) -> None:
    with pytest.raises(SourceError, match=match) as caught:
        open_source(url, **options)
    shown = io.StringIO()
    traceback.print_exception(caught.value, file=shown)
    tail = shown.getvalue().rpartition("SourceError")[2]
    assert "s3cret" not in tail
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_nothing_listens():
    port = free_port(socket.SOCK_STREAM)
    for scheme in ("http", "tcp", "rtsp", "rtmp"):
        refused(f"{scheme}://me:s3cret@127.0.0.1:{port}/x", "nothing listens|cannot open")


def test_not_found_locked_and_not_a_video(tmp_path):
    (tmp_path / "page.html").write_text("<html>" + "hello " * 500)
    with serving(http_server(FileServer, tmp_path)) as port:
        base = f"http://me:s3cret@127.0.0.1:{port}"
        refused(f"{base}/none.mp4", "does not exist on that server")
        refused(f"{base}/locked.mp4", "check the user name and password")
        refused(f"{base}/page.html", "not with video|not a video")


def test_a_server_that_says_nothing():
    Silent.done.clear()
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Silent)) as port:
        try:
            refused(f"tcp://127.0.0.1:{port}", "sent no video within 0.3 s", open_timeout_s=0.3)
        finally:
            Silent.done.set()


def test_an_unknown_host():
    refused("http://me:s3cret@no-such-host.invalid/x", "cannot open")
