"""Read a report as a strict browser would: elements, text, addresses, the script's data."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np

from realtime_mer.sinks import report, rows
from realtime_mer.sinks.summary import summary_of

VOID = {"meta", "img", "br", "link", "input", "hr"}
ADDRESSES = {"src", "href", "srcset", "action", "data", "poster", "xlink:href", "formaction"}


class Page(HTMLParser):
    """A parsed page; refuses unbalanced elements."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.source, self.open = text, []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self.style = self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.text += " "
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> without a start"
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        tag, attributes = self.open[-1] if self.open else ("", {})
        if tag == "script":
            kind = attributes.get("type") or "text/javascript"
            self.scripts[kind] = self.scripts.get(kind, "") + data
        elif tag == "style":
            self.style += data
        else:
            self.text += data + " "

    def handle_decl(self, decl):
        assert decl == "DOCTYPE html"

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        """Return the attributes of every such element (``class_`` matches one of the classes)."""

        def fits(attributes):
            return all(
                value in (attributes.get(key.rstrip("_")) or "").split()
                for key, value in wanted.items()
            )

        return [found for name, found in self.elements if name == tag and fits(found)]

    def data(self) -> dict[str, Any]:
        """Return what the page hands to its script."""
        content: dict[str, Any] = json.loads(self.scripts["application/json"])
        return content

    def said(self) -> str:
        """Return the text with white space collapsed."""
        return re.sub(r"\s+", " ", self.text)

    def addresses(self) -> list[str]:
        """Return every address in the page that a browser might load or follow."""
        found = [
            value or ""
            for _, attributes in self.elements
            for key, value in attributes.items()
            if key in ADDRESSES
        ]
        return found + re.findall(r"(?:url\(|@import)\s*['\"]?([^'\")]+)", self.style)


def page_of(analysis) -> Page:
    return Page(report.render(analysis, rows(analysis), summary_of(analysis)))


def unpack(part: dict[str, Any], key: str, lanes: int) -> np.ndarray:
    """Return (lanes, n) numbers of one packed envelope, NaN where missing."""
    raw = np.frombuffer(base64.b64decode(part[key]), "<i2").reshape(lanes, part["n"])
    return np.where(raw == -32768, np.nan, raw * 1e-4)


def sha256(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
