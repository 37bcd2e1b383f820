"""XML that may come from anybody: bounded in size and depth, without entities, and nothing outside the file is read."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from wearecg.errors import SourceError
from wearecg.formats.base import read_bytes
from wearecg.text import one_line

LARGEST = 256 << 20
"""Bytes of a file that is held in memory as a tree."""
DEEPEST = 200
_BEFORE_ROOT = re.compile(r"<\?.*?\?>|<!--.*?-->|<!DOCTYPE.*|\s+", re.DOTALL)
_ROOT = re.compile(r"<(?:[\w.-]+:)?([\w.-]+)[\s/>]")
_DOCTYPE = re.compile(r"<!DOCTYPE\s+([\w.:-]+)")


def root_of(head: bytes) -> str:
    """Return the name of the first element of a file that begins with ``head``; empty if it is no XML.

    >>> root_of(b'<?xml version="1.0"?><!-- by hand --><x:AnnotatedECG xmlns:x="urn:hl7-org:v3">')
    'AnnotatedECG'
    """
    text = _decoded(head).lstrip("\ufeff \r\n\t")
    while match := _BEFORE_ROOT.match(text):
        if named := _DOCTYPE.match(match[0]):
            return named[1]
        text = text[match.end() :]
    root = _ROOT.match(text)
    return root[1] if root else ""


def _decoded(head: bytes) -> str:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head[: len(head) // 2 * 2].decode("utf-16", "replace")
    return head.decode("utf-8", "replace")


def parse(path: Path) -> Element:
    """Return the root of a file, its names without their namespaces.

    Raises
    ------
    SourceError
        It is no XML, too large or too deep, or declares entities.
    """
    data = read_bytes(path, 0, LARGEST + 1)
    if len(data) > LARGEST:
        raise SourceError(f"{path} is larger than {LARGEST >> 20} MiB of XML")
    builder = TreeBuilder()
    run(path, iter([data]), builder.start, lambda name: builder.end(name), builder.data)
    return builder.close()


def run(
    path: Path,
    chunks: Iterator[bytes],
    start: Callable[[str, dict[str, str]], object],
    end: Callable[[str], object],
    data: Callable[[str], object] | None = None,
) -> None:
    """Hand on what a file consists of, piece by piece. Raises as `parse` does."""
    depth = 0

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise _refused(path, f"its elements are more than {DEEPEST} deep")
        start(_local(name), {_local(key): value for key, value in attributes.items()})

    def finish(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(_local(name))

    def declared(*_: object) -> None:
        raise _refused(path, "it declares entities")

    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = begin, finish
    parser.EntityDeclHandler = declared
    parser.ExternalEntityRefHandler = lambda *_: 0
    if data:
        parser.CharacterDataHandler = data
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise SourceError(f"{path} cannot be read as XML: {one_line(error)}") from error
    except (ValueError, LookupError) as error:  # an encoding that is not known
        raise SourceError(f"{path} cannot be read as XML: {one_line(error)}") from error


def _refused(path: Path, why: str) -> SourceError:
    return SourceError(f"{path} is refused: {why}")


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def text_of(node: Element | None, name: str = "") -> str:
    """Return the text of a node, or of the first one below it with this path; empty if there is none."""
    found = node.find(name) if node is not None and name else node
    return (found.text or "").strip() if found is not None else ""


def number(path: Path, text: str | None, what: str) -> float:
    """Return a number. Raises `SourceError` if it is none."""
    try:
        value = float((text or "").strip().replace(",", "."))
    except ValueError:
        raise SourceError(f"{path}: {text!r} is no {what}") from None
    if not np.isfinite(value):
        raise SourceError(f"{path}: {text!r} is no {what}")
    return value


def numbers(path: Path, text: str, what: str) -> NDArray[np.float64]:
    """Return the numbers of a text, between blanks or commas. Raises `SourceError` if one is none."""
    try:
        return np.array(text.replace(",", " ").split(), np.float64)
    except ValueError as error:
        raise SourceError(f"{path}: {what}: {one_line(error)}") from None


def octets(path: Path, text: str, what: str) -> bytes:
    """Return what base64 stands for. Raises `SourceError` if it is none."""
    try:
        return b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise SourceError(f"{path}: {what} is no base64: {one_line(error)}") from None
