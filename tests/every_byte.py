"""Everything that can be read out of a file, also where it is packed: for tests of what may stand nowhere."""

from __future__ import annotations

import base64
import binascii
import gzip
import html
import io
import json
import re
import sqlite3
import urllib.parse
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pyarrow.parquet as pq
import pypdfium2
import zstandard


def contents_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file below a folder: as it lies there, and each thing within it unpacked."""
    for path in sorted(folder.rglob("*")):
        yield path.relative_to(folder).as_posix(), path.name.encode("utf-8", "surrogateescape")
        if path.is_file():
            for part in unpacked(path.read_bytes()):
                yield path.relative_to(folder).as_posix(), part


def unpacked(content: bytes) -> Iterator[bytes]:
    """The bytes, and what Parquet, SQLite, PDF, zip, gzip, zstd, and the pictures of a page or notebook have within."""
    yield content
    head = content[:16]
    if head[:4] == b"PAR1":
        file = pq.ParquetFile(io.BytesIO(content))
        yield str(file.metadata.metadata).encode()
        for row in file.read().to_pylist():
            yield "\n".join(map(str, row.values())).encode("utf-8", "surrogatepass")
    elif head[:15] == b"SQLite format 3":
        with sqlite3.connect(":memory:") as database:
            database.deserialize(content)
            yield "\n".join(database.iterdump()).encode("utf-8", "surrogatepass")
        database.close()
    elif head[:4] == b"%PDF":
        yield from _pdf(content)
    elif head[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for entry in packed.infolist():
                yield entry.filename.encode() + entry.extra + entry.comment
                yield from unpacked(packed.read(entry))
    elif head[:2] == b"\x1f\x8b":
        yield from unpacked(gzip.decompress(content))
    elif head[:4] == b"\x28\xb5\x2f\xfd":
        with zstandard.ZstdDecompressor().stream_reader(content) as stream:
            yield from unpacked(stream.read())
    else:
        yield from _decoded(content)


def _pdf(content: bytes) -> Iterator[bytes]:
    with pikepdf.open(io.BytesIO(content)) as document:
        yield str(document.docinfo).encode()
        for one in document.objects:
            if isinstance(one, pikepdf.Stream):
                try:
                    yield one.read_bytes()
                except pikepdf.PdfError:
                    yield one.read_raw_bytes()  # a picture with a filter of its own
            else:
                yield repr(one).encode()
    shown = pypdfium2.PdfDocument(content)
    try:
        pages = [page.get_textpage().get_text_range() for page in shown]
    finally:
        shown.close()
    # A word that is broken at the end of a line is one word.
    yield "".join("".join(pages).split()).encode("utf-8", "surrogatepass")


def _decoded(content: bytes) -> Iterator[bytes]:
    """What a reader of JSON, HTML, URLs or Base64 makes of a text."""
    text = content.decode("utf-8", "replace")
    yield html.unescape(text).encode("utf-8", "surrogatepass")
    yield urllib.parse.unquote_plus(text).encode("utf-8", "surrogatepass")
    yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda one: chr(int(one[1], 16)), text).encode("utf-8", "surrogatepass")
    for line in (text, *text.splitlines()):
        try:
            yield json.dumps(json.loads(line), ensure_ascii=False).encode("utf-8", "surrogatepass")
        except (ValueError, RecursionError):
            continue
    for code in re.findall(r"[A-Za-z0-9+/_-]{12,}={0,2}", text):
        # Wherever in the run of letters the code begins.
        for start in range(4):
            part = code[start:].rstrip("=").replace("-", "+").replace("_", "/")
            try:
                yield base64.b64decode(part[: len(part) // 4 * 4])
            except (binascii.Error, ValueError):
                continue


def where(folder: Path, words: list[bytes]) -> list[tuple[str, bytes]]:
    """Names of files that hold one of the words, with the word; whatever it is packed in."""
    found: dict[tuple[str, bytes], None] = {}
    for name, content in contents_of(folder):
        lowered = content.lower()
        for word in words:
            if word.lower() in lowered or word.hex().encode() in lowered:
                found[name, word] = None
    return list(found)
