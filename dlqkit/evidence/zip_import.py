"""An incident folder out of a zip that somebody sent: its evidence and plans alone, within bounds, as data."""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
import secrets
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence import audit_log
from dlqkit.evidence.store import make_folder, move_folder, remove_folder, write_stream
from dlqkit.untrusted import shorten

__all__ = ["MAX_BYTES", "MAX_ENTRIES", "MAX_RATIO", "Imported", "find_unfinished", "import_zip"]

MAX_ENTRIES = 100_000
MAX_BYTES = 32 << 30
MAX_RATIO = 100
"""Evidence is compressed already, and what is not, JSON, rarely comes to a thirtieth."""
_FREE_BYTES = 16 << 20
"""So much may come out of however small a zip."""
_CHUNK = 1 << 20
# An entry of the list at the end of a zip has 46 bytes and a name, twice as much with what is beside it.
_MAX_LIST_BYTES = MAX_ENTRIES * 512
# The end itself, the longest remark after it, and what tells before it where the larger form of it is.
_MAX_END_BYTES = 22 + 65_535 + 20
_END, _END64, _END_AT64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_QUESTION = "incident.toml"
# Not notebooks, which are the package's own; nor reports, which are made again; nor the key of the pseudonyms.
_TAKEN = re.compile(
    r"incident\.toml|judgement\.yaml|audit\.jsonl|audit\.head"
    r"|evidence/[^/]+(/[^/]+){1,3}|signatures/[0-9]{3,}\.json(\.sig)?"
    r"|republish/(plan-[0-9]{3,}(\.[a-z]+)?\.json|journal\.sqlite|journal\.mark)"
)
# Locks and claims of the other folder mean nothing here, so nobody is told that they were left out.
_IGNORED = re.compile(
    r"(.*/)?(\.DS_Store|Thumbs\.db)|(\.\./)?__MACOSX/.*"
    r"|(evidence/|republish/)?\.[a-z.]+|republish/(claims|sent)/.*|republish/(owner\.json|journal\.lock)"
)


@dataclass(frozen=True, slots=True)
class Imported:
    """What was taken out of the zip and what was not, by names within the incident folder."""

    directory: Path
    taken: tuple[str, ...]
    left_out: tuple[str, ...]
    zip_sha256: str


def import_zip(source: Path, directory: Path) -> Imported:
    """Unpack an incident folder.

    Parameters
    ----------
    source : Path
        The zip, with ``incident.toml`` at its top or in one folder.
    directory : Path
        Where it is to be; nothing may be there.

    Returns
    -------
    Imported

    Raises
    ------
    ParameterError
        If there is no such file, it is no zip, or ``directory`` is there already.
    EvidenceError
        If the zip is none that is unpacked: it holds no incident folder or several, is too large, is packed more than
        a hundred to one, or a name in it is absolute, leads upwards, is there twice, differs from another in case
        alone, or is that of a link or a device. Nothing of it is left then.
    StorageError
        If it cannot be written.
    """
    if directory.exists() or directory.is_symlink():
        raise ParameterError(f"{directory} is there already.", "Name a folder that is not there yet.")
    _check_end(source)
    # Beside its place, so that it is there as a whole or not at all.
    make_folder(directory.parent)
    place = directory.with_name(f".{directory.name}.{secrets.token_hex(4)}.import")
    try:
        with zipfile.ZipFile(source) as packed:
            entries = list(_wanted(packed.infolist(), source.stat().st_size))
            taken, left_out = _unpack(packed, entries, place, source.stat().st_size)
        with source.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        audit_log.append(place, "imported", zip=source.name, zip_sha256=sha256, left_out=len(left_out))
        move_folder(place, directory)
    # Of the zip alone: what is written says in words that it could not be.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error, RuntimeError) as error:
        remove_folder(place)
        raise EvidenceError(f"{source.name} is damaged: {_why(error)}.", "Have it sent again.") from error
    except BaseException:
        remove_folder(place)
        raise
    return Imported(directory, taken, left_out, sha256)


def find_unfinished(directory: Path) -> tuple[Path, ...]:
    """What a killed import of ``directory`` left beside it; so looks one that still goes on, too."""
    name = re.compile(rf"\.{re.escape(directory.name)}\.[0-9a-f]{{8}}\.import")
    return tuple(sorted(path for path in directory.parent.iterdir() if name.fullmatch(path.name)))


def _why(error: Exception) -> str:
    return shorten(str(error) or type(error).__name__, 100).rstrip(".")


def _refuse(problem: str) -> EvidenceError:
    return EvidenceError(f"The zip is not unpacked: {problem}.", "Have the folder packed again, by zip -r, and sent.")


def _check_end(source: Path) -> None:
    """Look at the list's size before it is read: it is held in memory as a whole.

    Raises
    ------
    ParameterError
        If there is no such file, or it is no zip.
    EvidenceError
        If it lists too much.
    """
    try:
        with source.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - _MAX_END_BYTES, 0))
            tail = file.read()
            at = tail.rfind(_END)
            if at < 0 or len(tail) - at < 22:
                raise ParameterError(f"{source.name} is no zip.", "Name a zip of an incident folder.")
            count, length = struct.unpack_from("<HI", tail, at + 10)
            if count == 0xFFFF or length == 0xFFFFFFFF:
                count, length = _end64(file, tail, at)
    except (FileNotFoundError, IsADirectoryError):
        raise ParameterError(f"There is no file {source}.", "Name a zip of an incident folder.") from None
    except (OSError, ValueError, struct.error) as error:  # ValueError: no file is as long as the end says
        raise ParameterError(f"{source.name} cannot be read.", "Name a zip of an incident folder.") from error
    if count > MAX_ENTRIES or length > _MAX_LIST_BYTES:
        raise _refuse(f"it lists more than {MAX_ENTRIES:,} files")


def _end64(file: object, tail: bytes, at: int) -> tuple[int, int]:
    if at < 20 or tail[at - 20 : at - 16] != _END_AT64:
        raise struct.error
    (offset,) = struct.unpack_from("<Q", tail, at - 12)
    file.seek(offset)  # type: ignore[attr-defined]
    record = file.read(56)  # type: ignore[attr-defined]
    if record[:4] != _END64:
        raise struct.error
    count, length = struct.unpack_from("<QQ", record, 32)
    return int(count), int(length)


def _wanted(entries: Sequence[zipfile.ZipInfo], packed_bytes: int) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """Every file of the one incident folder, by its name within it, after each entry of the zip was looked at."""
    if len(entries) > MAX_ENTRIES:
        raise _refuse(f"it lists more than {MAX_ENTRIES:,} files")
    seen: set[str] = set()
    files: set[str] = set()
    for entry in entries:
        _check_entry(entry)
        # Such as a file system would that does not tell A from a, or ä from a and two dots.
        folded = unicodedata.normalize("NFC", entry.filename.rstrip("/")).casefold()
        if folded in seen:
            raise _refuse(f"{_shown(entry.filename)} is there twice, or differs in case alone")
        seen.add(folded)
        if not entry.is_dir():
            files.add(folded)
    # With a NUL, which no name holds, what lies in a file stands right behind it, however many there are and how deep.
    ordered = sorted(folded.replace("/", "\0") for folded in seen)
    for one, after in itertools.pairwise(ordered):
        if after.startswith(f"{one}\0") and one.replace("\0", "/") in files:
            name = after.replace("\0", "/")
            raise _refuse(f"{_shown(name)} lies in what is a file")
    if sum(entry.file_size for entry in entries) > _most(packed_bytes):
        raise _refuse(f"it is larger than {MAX_BYTES >> 30} GiB unpacked, or packed more than {MAX_RATIO} to one")
    tops = [name for entry in entries if (name := entry.filename).rpartition("/")[2] == _QUESTION]
    if len(tops) != 1:
        raise _refuse("it holds no incident folder" if not tops else "it holds several incident folders")
    top = tops[0].removesuffix(_QUESTION)
    for entry in entries:
        inside = entry.filename.startswith(top)
        name = entry.filename.removeprefix(top) if inside else f"../{entry.filename}"
        if not entry.is_dir() and not _IGNORED.fullmatch(name):
            yield name, entry


def _most(packed_bytes: int) -> int:
    return min(MAX_BYTES, packed_bytes * MAX_RATIO + _FREE_BYTES)


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    parts = name.removesuffix("/").split("/")
    if (
        name != entry.filename  # zipfile cuts a name at NUL, and takes another separator for its own
        or "\\" in name or ":" in parts[0] or not name.isprintable() or len(name.encode()) > 1000
        or any(part in {"", ".", ".."} or len(part.encode()) > 255 for part in parts)
    ):  # fmt: skip
        raise _refuse(f"it has the name {_shown(name)}, which leads outside or that no folder can have")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in {0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG}:
        raise _refuse(f"{_shown(name)} is a link or a device")
    if entry.flag_bits & 0x1:
        raise _refuse(f"{_shown(name)} is encrypted")
    if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise _refuse(f"{_shown(name)} is compressed in a way that is not read")


def _shown(name: str) -> str:
    return ascii(shorten(name, 80))


def _unpack(
    packed: zipfile.ZipFile, entries: Sequence[tuple[str, zipfile.ZipInfo]], place: Path, packed_bytes: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write what is taken; the names of that and of the rest, each in order."""
    taken, left_out, free = [], [], _most(packed_bytes)
    for name, entry in entries:
        if not _TAKEN.fullmatch(name):
            left_out.append(name)
            continue
        with packed.open(entry) as content:
            # What an entry says of its size may be a lie; what comes out is counted.
            free -= write_stream(place / name, iter(functools.partial(content.read, _CHUNK), b""), most=free)
        taken.append(name)
    return tuple(sorted(taken)), tuple(sorted(left_out))
