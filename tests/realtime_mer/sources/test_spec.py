from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import SourceError
from realtime_mer.sources import open_source
from realtime_mer.sources.spec import parse_spec, printable, redact


@pytest.mark.parametrize(
    ("spec", "kind", "target"),
    [
        (0, "camera", "0"),
        ("1", "camera", "1"),
        ("/dev/video2", "camera", "2"),
        ("a.mp4", "file", "a.mp4"),
        (Path("7"), "file", "7"),
        ("rtsp://host/x", "stream", "rtsp://host/x"),
        ("HTTP://host/x", "stream", "HTTP://host/x"),
        ("file:///a%20b.mp4", "file", "/a b.mp4"),
        ("http:odd.mp4", "file", "http:odd.mp4"),
    ],
)
def test_kinds(spec, kind, target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parsed = parse_spec(spec)
    assert (parsed.kind, parsed.target) == (kind, target)


def test_an_existing_path_comes_before_a_camera(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0").mkdir()
    (tmp_path / "1").touch()
    assert [parse_spec(s).kind for s in ("0", "1", "2")] == ["folder", "file", "camera"]


@pytest.mark.parametrize("spec", ["", "  ", "a\0b", -1, "-1", True, None, 1.5, b"a", "gopher://a"])
def test_refused(spec):
    with pytest.raises(SourceError, match="give a video file, a folder"):
        open_source(spec)


SECRETS = ["s3cret", "p@ss", "a/b", "a?b", "a#b", "a:b", "%40x", "@", "a@b/c?d=e@f"]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", ["rtsp://user:{}@cam.local:554/live", "rtsp://{}@cam.local/live"])
def test_passwords_are_hidden_whatever_is_in_them(secret, form):
    hidden = redact(form.format(secret))
    assert hidden.startswith("rtsp://***@cam.local")
    assert hidden.endswith("/live")
    assert "user" not in hidden


@given(st.text(min_size=3), st.text(min_size=3))
def test_no_password_slips_through(user, password):
    hidden = redact(f"rtsp://{user}:{password}@h/p")
    assert hidden == "rtsp://***@h/p"


def test_query_values_are_hidden():
    assert redact("http://h/p?token=abc&x=1;y=2") == "http://h/p?token=***&x=***;y=***"
    assert redact("http://h:80/p/q.mp4") == "http://h:80/p/q.mp4"


@given(st.text() | st.binary().map(lambda b: b.decode("utf-8", "surrogateescape")))
def test_printable(text):
    shown = printable(text)
    assert shown.isprintable()
    shown.encode("utf-8")
    if text.isprintable():
        assert shown == text
