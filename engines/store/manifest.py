"""What stands beside a compiled engine: what it is, its hash, how it was judged; all signed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import hmac
import json
import math
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from engines.backend import EngineError
from engines.spec import BuildSpec
from engines.store.private_folder import check_private, read_private

FORMAT = 1
PLAN, MANIFEST = "engine.plan", "manifest.json"
MOST_BYTES = 1 << 20
"""A manifest is a few kilobytes; longer ones are refused unread."""
_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class RefusedError(EngineError):
    """An entry of the store is damaged, foreign, or not what it should be."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of one compiled engine.

    Attributes
    ----------
    spec
        What was asked for; its ``key`` is the entry's name.
    model_name
        For people; ``spec`` has the hash.
    plan_sha256, plan_bytes
        Of the compiled engine.
    built_at, build_s
        When it was built, UTC in ISO 8601, and how many seconds that took.
    verification
        The report of the comparison with the reference, or None before it.
    timings
        Measured medians, or None before any.
    """

    spec: BuildSpec
    model_name: str
    plan_sha256: str
    plan_bytes: int
    built_at: str
    build_s: float
    verification: dict[str, Any] | None = None
    timings: dict[str, Any] | None = None

    def signed(self, secret: bytes) -> bytes:
        """Return the manifest as JSON with its HMAC-SHA256.

        Raises ``EngineError`` if something in it is no JSON, such as an array or NaN.
        """
        entries = {"format": FORMAT, **asdict(self)}
        try:
            entries = json.loads(_canonical(entries))
            entries["hmac"] = _sign(entries, secret)
            text = json.dumps(entries, indent=2, allow_nan=False) + "\n"
        except (TypeError, ValueError, RecursionError) as error:
            raise EngineError(f"an engine's manifest holds plain JSON only: {error}") from error
        if len(text) > MOST_BYTES:
            raise EngineError(f"an engine's manifest has {len(text)} bytes, over {MOST_BYTES}")
        return text.encode("ascii")


@dataclass(frozen=True, slots=True)
class Entry:
    """One engine of the store, for people.

    Attributes
    ----------
    key
        Its name in the store.
    spec
        What was built; None where the manifest cannot be trusted.
    model_name, built_at, build_s, verification, timings
        As in ``Manifest``; empty, 0 and None where it cannot be trusted.
    size
        Bytes of the compiled engine.
    state
        ``good``, ``stale`` (built for a runtime, GPU or driver that is no longer there), or why
        it would be refused.
    """

    key: str
    spec: BuildSpec | None
    model_name: str
    size: int
    built_at: str
    build_s: float
    verification: dict[str, Any] | None
    timings: dict[str, Any] | None
    state: str


def parse_manifest(text: bytes, secret: bytes) -> Manifest:
    """Check and read a signed manifest: first the signature, then every entry's type.

    Raises
    ------
    RefusedError
        If it is no JSON, was not signed with ``secret``, or is not understood.
    """
    try:
        entries = json.loads(text)
        found = entries.pop("hmac")
        right = hmac.compare_digest(_sign(entries, secret).encode(), found.encode())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RefusedError("its manifest is damaged") from error
    if not right:
        raise RefusedError("its manifest was changed, or signed by another user or machine")
    version = entries.pop("format", None)
    if type(version) is not int or version != FORMAT:
        raise RefusedError(f"its manifest has format {version!r}, this version reads {FORMAT}")
    try:
        entries["spec"] = BuildSpec(**_checked(entries.get("spec"), BuildSpec))
        manifest = Manifest(**_checked(entries, Manifest))
        datetime.fromisoformat(manifest.built_at)
    except (ValueError, OverflowError) as error:
        raise RefusedError(f"its manifest is not understood: {error}") from error
    if manifest.plan_bytes < 1 or not math.isfinite(manifest.build_s):
        raise RefusedError("its manifest is not understood: sizes or times that cannot be")
    return manifest


def read_manifest(folder: Path, secret: bytes) -> Manifest:
    """Read and check the manifest of the entry ``folder``, whose name has to be its key.

    Raises
    ------
    RefusedError
        If the entry is not to be trusted.
    """
    try:
        check_private(folder, folder.lstat(), folder=True)
        manifest = parse_manifest(read_private(folder / MANIFEST, MOST_BYTES), secret)
    except OSError as error:
        raise _unreadable(error) from error
    except RefusedError:
        raise
    except EngineError as error:
        raise RefusedError(str(error)) from error
    if manifest.spec.key != folder.name:
        raise RefusedError("its manifest belongs to another engine")
    return manifest


def read_plan(folder: Path, manifest: Manifest) -> bytes:
    """Return the compiled engine: the very bytes whose size and hash were checked.

    Raises
    ------
    RefusedError
        If they are not those that ``manifest`` records.
    """
    try:
        plan = read_private(folder / PLAN, manifest.plan_bytes)
    except OSError as error:
        raise _unreadable(error) from error
    except EngineError as error:
        raise RefusedError(str(error)) from error
    if len(plan) != manifest.plan_bytes:
        raise RefusedError(f"{PLAN} has {len(plan)} bytes, not {manifest.plan_bytes}")
    if hashlib.sha256(plan).hexdigest() != manifest.plan_sha256:
        raise RefusedError(f"{PLAN} does not have the recorded SHA-256")
    return plan


def read_whole(folder: Path, secret: bytes) -> Manifest:
    """Return the manifest of an entry whose compiled engine checks, too. Raises as they do."""
    manifest = read_manifest(folder, secret)
    read_plan(folder, manifest)
    return manifest


def _unreadable(error: OSError) -> EngineError:
    """Refuse an entry that cannot be read, unless only this process is short of something."""
    kind = EngineError if error.errno in _PASSING else RefusedError
    return kind(f"cannot read {error.filename}: {error.strerror}")


def _canonical(entries: dict[str, Any]) -> str:
    """Return the one text that equal entries have; ASCII, and NaN is refused."""
    return json.dumps(entries, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _sign(entries: dict[str, Any], secret: bytes) -> str:
    return hmac.new(secret, _canonical(entries).encode("ascii"), hashlib.sha256).hexdigest()


def _checked(entries: Any, kind: type) -> dict[str, Any]:
    """Return ``entries`` as arguments of the dataclass ``kind``: all there, each of its type."""
    hints = get_type_hints(kind)
    names = {field.name for field in fields(kind)}
    if not isinstance(entries, dict) or set(entries) != names:
        raise ValueError(f"{kind.__name__} needs exactly {', '.join(sorted(names))}")
    return {name: _typed(name, value, hints[name]) for name, value in entries.items()}


def _typed(name: str, value: Any, hint: Any) -> Any:
    """Return ``value``, lists as tuples, if it is what the annotation ``hint`` says."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    for kind in kinds:
        if get_origin(kind) is tuple and isinstance(value, list):
            inner = get_args(kind)
            if inner[-1] is Ellipsis:
                inner = (inner[0],) * len(value)
            if len(inner) == len(value):
                return tuple(_typed(name, part, to) for part, to in zip(value, inner, strict=True))
        if kind is float and type(value) is int:
            return float(value)
        if type(value) is (get_origin(kind) or kind):
            return value
    raise ValueError(f"{name} is no {hint}")


def good_entry(manifest: Manifest) -> Entry:
    """Return what a checked manifest says, as an entry."""
    return Entry(
        key=manifest.spec.key,
        spec=manifest.spec,
        model_name=manifest.model_name,
        size=manifest.plan_bytes,
        built_at=manifest.built_at,
        build_s=manifest.build_s,
        verification=manifest.verification,
        timings=manifest.timings,
        state="good",
    )


def bad_entry(folder: Path, reason: str) -> Entry:
    """Return an entry that would be refused: only its name and size are known."""
    size = 0
    with contextlib.suppress(OSError):
        size = (folder / PLAN).lstat().st_size
    return Entry(folder.name, None, "", size, "", 0.0, None, None, reason)
