"""TensorRT-RTX as installed, and TensorRTs that are missing, broken or old."""

import logging
import subprocess
import sys

import pytest

from engines.backend import EngineError
from engines.nvidia import tensorrt_flavour
from engines.nvidia.tensorrt_flavour import installed_flavours, listening, load_flavour, trt_logger

RTX = "tensorrt-rtx"
WORKING = "class Builder: pass\nRuntime = ILogger = Builder\n"


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """Put a module called ``tensorrt`` with the given source on the path."""

    def write(source: str) -> None:
        (tmp_path / "tensorrt").mkdir()
        (tmp_path / "tensorrt" / "__init__.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "tensorrt", raising=False)

    yield write
    sys.modules.pop("tensorrt", None)


class TestLoading:
    def test_the_installed_rtx(self):
        flavour = load_flavour(RTX)
        assert flavour.name == RTX
        assert flavour.module is sys.modules["tensorrt_rtx"]
        assert flavour.version == flavour.module.__version__
        assert int(flavour.version.split(".")[0]) >= 1

    def test_looking_is_not_loading(self):
        code = (
            "import sys, engines.nvidia.tensorrt_build\n"
            "from engines.nvidia.tensorrt_flavour import installed_flavours\n"
            f"assert {RTX!r} in installed_flavours()\n"
            "assert not [m for m in sys.modules if m.startswith('tensorrt')], sys.modules\n"
            "assert not {'torch', 'onnx'} & set(sys.modules)\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=120)

    def test_an_unknown_name(self):
        with pytest.raises(EngineError, match="'openvino': choose tensorrt or tensorrt-rtx"):
            load_flavour("openvino")

    @pytest.mark.parametrize(("name", "extra"), [("tensorrt", "tensorrt"), (RTX, "rtx")])
    def test_not_installed(self, name, extra, monkeypatch):
        monkeypatch.setitem(sys.modules, tensorrt_flavour.MODULES[name], None)
        assert name not in installed_flavours()
        with pytest.raises(EngineError, match=rf"not installed: .*'realtime-mer\[{extra}\]'"):
            load_flavour(name)

    def test_a_folder_of_that_name_is_no_installation(self, tmp_path, monkeypatch):
        monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
        monkeypatch.setattr(sys, "path", [str(tmp_path)])
        (tmp_path / "tensorrt").mkdir()
        assert "tensorrt" not in installed_flavours()

    @pytest.mark.parametrize(
        ("source", "cause"),
        [
            ("raise OSError('libnvinfer.so.10: cannot open')", "libnvinfer.so.10"),
            ("import a_library_that_is_not_there", "a_library_that_is_not_there"),
            ("raise RuntimeError('no entry point')", "no entry point"),
            ("", "__version__"),
            ("__version__ = '10.13.0'", "Builder"),
        ],
    )
    def test_installed_but_broken(self, pretend, source, cause):
        pretend(source)
        assert "tensorrt" in installed_flavours()
        with pytest.raises(EngineError, match=f"does not load: .*{cause}.*; install it anew"):
            load_flavour("tensorrt")

    @pytest.mark.parametrize("version", ["8.6.1", "10.3.0.26", "10.11.0", "odd"])
    def test_too_old(self, pretend, version):
        pretend(f"__version__ = {version!r}\n{WORKING}")
        with pytest.raises(EngineError, match=f"tensorrt {version} is too old, 10.12 or later"):
            load_flavour("tensorrt")

    @pytest.mark.parametrize("version", ["10.12.0.36", "10.13.3.9.post1", "11.4.0.106"])
    def test_new_enough(self, pretend, version):
        pretend(f"__version__ = {version!r}\n{WORKING}")
        assert load_flavour("tensorrt").version == version


class TestLogger:
    def test_there_is_one(self):
        assert trt_logger(load_flavour(RTX)) is trt_logger(load_flavour(RTX))

    @pytest.mark.parametrize(
        ("severity", "level"),
        [("VERBOSE", "DEBUG"), ("INFO", "DEBUG"), ("WARNING", "INFO"), ("ERROR", "ERROR"),
         ("INTERNAL_ERROR", "ERROR")],
    )  # fmt: skip
    def test_levels(self, severity, level, caplog):
        flavour = load_flavour(RTX)
        with caplog.at_level(logging.DEBUG, "engines.tensorrt"):
            trt_logger(flavour).log(getattr(flavour.module.ILogger.Severity, severity), "50% done")
        assert [(entry.levelname, entry.getMessage()) for entry in caplog.records] == [
            (level, "50% done")
        ]

    def test_errors_that_are_heard(self, caplog):
        flavour = load_flavour(RTX)
        kinds = flavour.module.ILogger.Severity
        log = trt_logger(flavour).log
        with caplog.at_level(logging.DEBUG, "engines.tensorrt"), listening() as outer:
            assert outer.told() == "it did not say why"
            log(kinds.ERROR, "one\n")
            with listening() as inner:
                log(kinds.INTERNAL_ERROR, "two")
            log(kinds.ERROR, "one")
            log(kinds.ERROR, "three\nlines")
            log(kinds.WARNING, "no error")
        assert outer.errors == ["one\n", "one", "three\nlines"]
        assert outer.told() == "one; three lines"
        assert inner.errors == ["two"]
        assert {entry.levelname for entry in caplog.records} == {"INFO"}

    def test_ctrl_c_in_the_log_is_not_lost(self, monkeypatch):
        flavour = load_flavour(RTX)

        class Interrupted(logging.Handler):
            def emit(self, record):
                raise KeyboardInterrupt

        log = logging.getLogger("engines.tensorrt")
        monkeypatch.setattr(log, "handlers", [Interrupted()])
        monkeypatch.setattr(log, "level", logging.DEBUG)
        with pytest.raises(KeyboardInterrupt), listening():
            trt_logger(flavour).log(flavour.module.ILogger.Severity.ERROR, "anything")

    def test_nothing_reaches_the_terminal(self):
        code = (
            "from engines.nvidia.tensorrt_flavour import load_flavour, trt_logger\n"
            f"flavour = load_flavour({RTX!r})\n"
            "for kind in ('INFO', 'WARNING', 'ERROR'):\n"
            "    trt_logger(flavour).log(getattr(flavour.module.ILogger.Severity, kind), kind)\n"
        )
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            check=True, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.stdout + done.stderr == ""
