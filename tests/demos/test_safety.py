"""What a visitor cannot do: tested against the real server, and the parts one by one."""

import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from demos.safety import DemoSettings, check_video, is_loopback
from demos.workspace import SAMPLE, Workspaces, resolve_allowed
from realtime_mer.errors import ConfigError, SourceError
from tests.demos.conftest import MER


@pytest.fixture
def workspaces(tmp_path):
    made = Workspaces(tmp_path)
    yield made
    made.close()


@pytest.fixture
def settings(tmp_path, workspaces):
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "in.mp4").write_bytes(b"film")
    (tmp_path / "out.mp4").write_bytes(b"secret")
    (videos / "away.mp4").symlink_to(tmp_path / "out.mp4")
    return DemoSettings(videos=(videos,), workspaces=workspaces)


def get(address: str, path: str, host: str | None = None) -> tuple[int, bytes]:
    """Send a request exactly as given: no client tidies the path."""
    place = urlsplit(address)
    connection = HTTPConnection(place.hostname, place.port, timeout=30)
    connection.request("GET", path, headers={"Host": host or place.netloc})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_files_below_the_shared_folder_are_allowed(settings):
    inside = settings.videos[0] / "in.mp4"
    assert resolve_allowed("in.mp4", settings) == inside.resolve()
    assert resolve_allowed(inside, settings) == inside.resolve()
    assert resolve_allowed("sample", settings) == SAMPLE


@pytest.mark.parametrize(
    "path",
    ["../out.mp4", "away.mp4", "/etc/passwd", "none.mp4", "", ".", "\0", "~/x", "a/../../out.mp4"],
)
def test_nothing_else_is_and_the_words_do_not_tell_what_exists(settings, path):
    (settings.videos[0] / "a").mkdir()
    with pytest.raises(ConfigError, match="is not one of the videos allowed here"):
        resolve_allowed(path, settings)


def test_without_shared_folders_no_path_is_allowed(workspaces):
    with pytest.raises(ConfigError, match="has shared none"):
        resolve_allowed(__file__, DemoSettings(workspaces=workspaces))


def test_a_recording_that_is_too_long_or_too_large_is_refused(sample, workspaces):
    assert check_video(sample, DemoSettings(workspaces=workspaces)) == sample
    short = DemoSettings(max_duration_s=6, workspaces=workspaces)
    with pytest.raises(ConfigError, match=r"lasts 0\.2 minutes and 0\.1 are allowed"):
        check_video(sample, short)
    with pytest.raises(ConfigError, match="and 0 MB are allowed"):
        check_video(sample, DemoSettings(max_upload_mb=0, workspaces=workspaces))


def test_what_is_no_video_is_refused(tmp_path, workspaces):
    path = tmp_path / "text.mp4"
    path.write_text("no film")
    with pytest.raises(SourceError):
        check_video(path, DemoSettings(workspaces=workspaces))


def test_sessions_have_private_folders_that_go_with_them(workspaces, tmp_path):
    mine, yours = workspaces.of("a"), workspaces.of("b")
    assert workspaces.of("a") is mine
    assert mine.folder != yours.folder
    assert mine.folder.stat().st_mode & 0o077 == 0
    upload = workspaces.uploads / "film.mp4"
    upload.write_bytes(b"film")
    kept = mine.adopt(upload)
    assert kept.is_relative_to(mine.folder)
    assert not upload.exists()
    assert mine.adopt(kept) == kept
    ended = []
    mine.on_close(lambda: ended.append(mine.folder.exists()))
    workspaces.close_session("a")
    assert ended == [True]
    assert not mine.folder.exists()
    assert yours.folder.exists()
    assert workspaces.by_token(mine.token) is None
    assert workspaces.by_token(yours.token) is yours


def test_a_shared_file_is_shown_under_a_name_in_the_workspace(workspaces, settings):
    shown = workspaces.of("a").show(settings.videos[0] / "in.mp4")
    assert shown.read_bytes() == b"film"
    assert not shown.is_symlink()
    workspaces.close_session("a")
    assert (settings.videos[0] / "in.mp4").exists()


def test_a_call_without_a_session_is_refused(workspaces):
    with pytest.raises(ConfigError, match="no browser session"):
        workspaces.of(None)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.5.0.1"])
def test_the_loopback_is_known(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.4", "example.org", ""])
def test_other_addresses_are_no_loopback(host):
    assert not is_loopback(host)


OUTSIDE = [
    "/etc/passwd",
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "/proc/self/environ",
    "//etc/passwd",
    "file:///etc/passwd",
    "http://127.0.0.1:1/",
    "https://example.com/x.png",
    str(Path(__file__)),
    str(SAMPLE),
]


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("route", ["/gradio_api/file=", "/gradio_api/file/"])
def test_no_file_of_this_machine_is_served(demo, route, path):
    status, body = get(demo.address, route + path)
    assert status in (403, 404)
    assert b"root:" not in body


def test_a_link_out_of_a_shared_folder_is_not_followed(demo):
    link = demo.videos / "link.txt"
    link.symlink_to("/etc/hostname")
    for path in (link, demo.videos / "sample.mp4", demo.videos / "sub" / ".." / "sample.mp4"):
        assert get(demo.address, f"/gradio_api/file={quote(str(path))}")[0] == 403


@pytest.mark.parametrize(
    "path",
    ["/gradio_api/proxy=https://example.com/", "/gradio_api/run-history/buckets", "/monitoring",
     "/gradio_api/deep_link", "/gradio_api/vibe-code", "//gradio_api/proxy=https://example.com/"],
)  # fmt: skip
def test_parts_of_gradio_that_are_not_needed_are_closed(demo, path):
    assert get(demo.address, path)[0] in (403, 404)


@pytest.mark.parametrize("path", ["status", "picture", "files/events.csv", "events/1/apex.jpg"])
def test_live_pictures_need_the_name_of_a_session(demo, path):
    for token in ("x", "..", "A" * 32):
        assert get(demo.address, f"/mer/live/{token}/{path}")[0] == 404


def test_scripts_come_from_a_list(demo):
    assert get(demo.address, "/mer/static/live.js")[0] == 200
    for name in ("..%2fapp.py", "demo.css", "../app.py"):
        assert get(demo.address, f"/mer/static/{name}")[0] in (403, 404)


def test_a_foreign_host_name_is_refused(demo):
    assert get(demo.address, "/", "evil.example")[0] == 421
    assert get(demo.address, "/", "127.0.0.1")[0] == 200


def test_it_listens_on_this_machine_only(demo):
    port = urlsplit(demo.address).port
    own = socket.gethostbyname(socket.gethostname())
    if own.startswith("127."):
        pytest.skip("this machine has no other address")
    with socket.socket() as probe:
        assert probe.connect_ex((own, port)) != 0


def upload(address: str, size: int) -> tuple[int, bytes]:
    """Upload a file of ``size`` bytes as the page does."""
    edge = "----edge"
    body = (
        (
            f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="film.mp4"\r\n'
            "Content-Type: video/mp4\r\n\r\n"
        ).encode()
        + b"\0" * size
        + f"\r\n--{edge}--\r\n".encode()
    )
    request = urllib.request.Request(
        f"{address.rstrip('/')}/gradio_api/upload",
        body,
        {"Content-Type": f"multipart/form-data; boundary={edge}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.fixture(scope="module")
def guarded(start_demo):
    """A demo that asks for a password and takes uploads of 1 MB."""
    return start_demo("--auth", "--max-upload-mb", 1, env={"MER_DEMO_PASSWORD": "p4ss"})


def test_uploads_have_a_limit_and_go_when_the_demo_ends(start_demo):
    demo = start_demo("--max-upload-mb", 1)
    status, body = upload(demo.address, 500_000)
    assert status == 200
    kept = Path(json.loads(body)[0])
    assert kept.stat().st_size == 500_000
    assert upload(demo.address, 2_000_000)[0] == 413
    root = next(p for p in kept.parents if p.name.startswith("mer-demo-"))
    assert root.stat().st_mode & 0o077 == 0
    demo.process.terminate()
    assert demo.process.wait(30) == 0
    assert not root.exists()


def test_a_password_is_asked_for_and_not_told(guarded):
    for path in ("/config", "/gradio_api/info", "/gradio_api/file=/etc/passwd"):
        assert get(guarded.address, path)[0] == 401
    assert upload(guarded.address, 10)[0] == 401
    command = Path(f"/proc/{guarded.process.pid}/cmdline")
    if command.exists():
        assert b"p4ss" not in command.read_bytes()
    assert not any("p4ss" in line for line in guarded.said)


def said_by(*options: object, **env: str) -> tuple[int, str]:
    done = subprocess.run(
        [*MER, "demo", "--no-browser", *map(str, options)],
        capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if k != "MER_DEMO_PASSWORD"} | env,
    )  # fmt: skip
    return done.returncode, done.stderr


def test_other_machines_are_let_in_with_a_password_only():
    code, said = said_by("--host", "0.0.0.0")
    assert code == 1
    assert "add --auth" in said


def test_a_password_must_come_from_somewhere():
    code, said = said_by("--auth")
    assert code == 1
    assert "MER_DEMO_PASSWORD" in said


def test_a_port_that_is_taken_is_told(demo):
    code, said = said_by("--port", urlsplit(demo.address).port)
    assert code == 1
    assert "cannot be used" in said


def test_a_folder_that_is_missing_is_told():
    code, said = said_by("--videos", "/no/such/folder")
    assert code == 1
    assert "is no folder" in said


def test_gradio_fetches_no_address(monkeypatch):
    gradio = pytest.importorskip("gradio", reason="the front end needs realtime-mer[demo]")
    from demos.app import stay_on_this_machine

    original = gradio.processing_utils.async_ssrf_protected_get
    monkeypatch.setattr(gradio.processing_utils, "async_ssrf_protected_get", original)
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "True")
    stay_on_this_machine()
    with pytest.raises(ConfigError, match="is not fetched"):
        gradio.processing_utils.save_url_to_cache("http://127.0.0.1:9/film.mp4", "unused")
    assert not gradio.analytics.analytics_enabled()


def test_a_file_of_a_visitor_may_not_act_as_the_page(demo):
    status, body = upload(demo.address, 10)
    path = json.loads(body)[0]
    with urllib.request.urlopen(f"{demo.address}gradio_api/file={path}") as answer:
        assert status == answer.status == 200
        assert "sandbox" in answer.headers["content-security-policy"]
        assert "allow-same-origin" not in answer.headers["content-security-policy"]
