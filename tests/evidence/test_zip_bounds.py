"""How much a zip may hold, what its names may be and how its end is read: up to the last one that is unpacked."""

from __future__ import annotations

import hashlib
import stat
import string
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence import audit_log, zip_import
from dlqkit.evidence.zip_import import MAX_BYTES, MAX_ENTRIES, MAX_RATIO, import_zip

Files = dict[str, bytes]
QUESTION = {"incident.toml": b"x"}


def pack(target: Path, files: Files, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(target, "w", compression) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return target


@pytest.fixture
def take(tmp_path: Path) -> Callable[..., Any]:
    return lambda files, **more: import_zip(pack(tmp_path / "x.zip", files, **more), tmp_path / "incident")


TAKEN = ["audit.head", "audit.jsonl", "evidence/001/a", "evidence/001/a/b", "evidence/001/a/b/c", "incident.toml",
         "judgement.yaml", "republish/journal.mark", "republish/journal.sqlite", "republish/plan-001.approval.json",
         "republish/plan-1000.json", "signatures/001.json", "signatures/001.json.sig",
         "signatures/1000.json"]  # fmt: skip
LEFT_OUT = ["../other", "evidence/001", "evidence/002/a/b/c/d", "redaction.key", "republish/plan-01.json",
            "republish/plan-001.A.json", "signatures/01.json", "signatures/001.json.sig.x",
            "xaudit.head", "republish/journal.sqlite-wal", "republish/owner.jsonx"]  # fmt: skip
IGNORED = [".DS_Store", "a/Thumbs.db", "../__MACOSX/x/y", "__MACOSX/x", ".lock", "evidence/.lock", "republish/.lock.x",
           "republish/claims/a/b", "republish/sent/a", "republish/owner.json", "republish/journal.lock"]  # fmt: skip


@pytest.mark.parametrize("top", ["", "a/", "a/b c/"])
def test_what_is_taken_what_is_left_out_and_of_what_nobody_is_told(top: str, take: Callable[..., Any]) -> None:
    """Evidence, plans and signatures are taken; the rest is named; locks and litter are not worth a word."""
    inside = [name for name in (*TAKEN, *LEFT_OUT, *IGNORED) if not name.startswith("../") and name != "evidence/001"]
    inside = [name for name in inside if name not in {"evidence/001/a", "evidence/001/a/b"}]
    outside = [name.removeprefix("../") for name in (*LEFT_OUT, *IGNORED) if name.startswith("../")] if top else []

    done = take(dict.fromkeys([*(top + name for name in inside), *outside], b"x"))

    assert list(done.taken) == sorted(name for name in TAKEN if name in inside)
    assert list(done.left_out) == sorted(name for name in LEFT_OUT if name in inside or (top and name == "../other"))
    assert {path.relative_to(done.directory).as_posix() for path in done.directory.rglob("*") if path.is_file()} == {
        *done.taken, "audit.jsonl", "audit.head",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["evidence/001/a", "evidence/001/a/b"])
def test_a_file_of_a_snapshot_is_taken_at_every_depth_that_it_has(name: str, take: Callable[..., Any]) -> None:
    assert take({**QUESTION, name: b"x"}).taken == (name, "incident.toml")


def test_a_folder_in_the_zip_is_no_file_of_it(take: Callable[..., Any]) -> None:
    done = take({"a/": b"", "a/incident.toml": b"x", "a/evidence/": b"", "a/x/": b""})

    assert (done.taken, done.left_out) == (("incident.toml",), ())


def test_the_bounds_are_those_that_the_docs_name() -> None:
    assert (MAX_ENTRIES, MAX_BYTES, MAX_RATIO) == (100_000, 32 * 1024**3, 100)


def test_as_many_files_as_may_be_are_taken_and_one_more_is_refused(
    take: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(zip_import, "MAX_ENTRIES", 3)
    with pytest.raises(EvidenceError, match="lists more than 3 files"):
        take({**QUESTION, "a": b"", "b": b"", "c": b""})
    assert take({**QUESTION, "a": b"", "b": b""}).left_out == ("a", "b")


def test_a_list_that_is_longer_than_its_files_could_make_it_is_refused(
    take: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Looked at before it is read: it is held in memory as a whole."""
    length = sum(46 + len(name) for name in ("incident.toml", "a"))
    monkeypatch.setattr(zip_import, "_MAX_LIST_BYTES", length - 1)
    with pytest.raises(EvidenceError, match="lists more than"):
        take({**QUESTION, "a": b""})
    monkeypatch.setattr(zip_import, "_MAX_LIST_BYTES", length)
    assert take({**QUESTION, "a": b""}).left_out == ("a",)
    monkeypatch.undo()
    assert zip_import._MAX_LIST_BYTES == 51_200_000


def test_so_much_may_come_out_as_the_zip_is_long_and_a_little_more(
    take: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert zip_import._most(0) == 16 * 1024**2
    assert zip_import._most(7) == 700 + 16 * 1024**2
    assert zip_import._most(10**12) == MAX_BYTES
    monkeypatch.setattr(zip_import, "MAX_BYTES", 9)
    with pytest.raises(EvidenceError, match="is larger than 0 GiB unpacked, or packed more than 100 to one"):
        take({**QUESTION, "a": b"123456789"})
    assert len(take({**QUESTION, "a": b"12345678"}).left_out) == 1


@pytest.mark.parametrize("name", ["a:b/c", ":", "a\\b", "\\", "a//b", "//", "/a", "./a", "a/.", "a/../b", "..",
                                  "a\nb", "a/\u200bb", "n" * 256, "\u0436" * 128, "a/" * 500 + "b"])  # fmt: skip
def test_a_name_that_no_folder_should_have_is_refused(name: str, take: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="which leads outside or that no folder can have"):
        take({**QUESTION, name: b"x"})
    assert not (tmp_path / "incident").exists()


def test_a_name_that_goes_on_after_its_end_is_refused(tmp_path: Path) -> None:
    """A zero byte would hide the rest of it."""
    source = pack(tmp_path / "x.zip", {**QUESTION, "aQb": b"x"})
    source.write_bytes(source.read_bytes().replace(b"aQb", b"a\0b"))

    with pytest.raises(EvidenceError, match="which leads outside or that no folder can have"):
        import_zip(source, tmp_path / "incident")


@pytest.mark.parametrize("name", ["a/b:c", "n" * 255, "\u0436" * 127, "a/" * 499 + "bc", "a b", "...", ".a", "a..b"])
def test_the_longest_and_oddest_name_that_a_folder_can_have_is_looked_at(name: str, take: Callable[..., Any]) -> None:
    assert take({**QUESTION, name: b"x"}).left_out in {(name,), ()}


def test_names_of_which_one_begins_as_another_are_two(take: Callable[..., Any]) -> None:
    assert take({**QUESTION, **{f"a{letter}": b"" for letter in string.ascii_uppercase}, "a": b""}).left_out == (
        "a", *(f"a{letter}" for letter in string.ascii_uppercase)
    )  # fmt: skip


def test_a_zip_in_another_place_names_what_is_outside_of_its_folder(take: Callable[..., Any]) -> None:
    done = take({"a/incident.toml": b"x", "ab": b"", "b/a/x": b""})

    assert done.left_out == ("../ab", "../b/a/x")


@pytest.mark.parametrize(
    "names", [["a"], ["xincident.toml"], ["incident.toml/"], ["a/incident.toml", "b/incident.toml"]]
)
def test_a_zip_of_no_incident_folder_or_of_two_is_refused(names: list[str], take: Callable[..., Any]) -> None:
    problem = "several incident folders" if len(names) > 1 else "no incident folder"
    with pytest.raises(EvidenceError, match=f"it holds {problem}"):
        take(dict.fromkeys(names, b""))


@pytest.mark.parametrize("names", [["A", "a"], ["\u00e4", "a\u0308"], ["a/", "A/"], ["a", "A/"], ["\u00df", "ss"]])
def test_names_that_are_one_to_another_file_system_are_refused(names: list[str], take: Callable[..., Any]) -> None:
    with pytest.raises(EvidenceError, match="is there twice, or differs in case alone"):
        take({**QUESTION, **dict.fromkeys(names, b"")})


@pytest.mark.parametrize("names", [["a", "a/b"], ["a/b/c", "A"], ["x/b/c/d", "x/b"], ["a", "a!", "a/b"],
                                   ["a/", "a/b", "a/b/c"]])  # fmt: skip
def test_a_file_in_what_is_a_file_is_refused(names: list[str], take: Callable[..., Any]) -> None:
    with pytest.raises(EvidenceError, match="lies in what is a file"):
        take({**QUESTION, **dict.fromkeys(names, b"")})


def test_the_file_in_what_is_a_file_is_named_and_a_folder_that_begins_as_a_file_is_none(
    take: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(EvidenceError, match=r"not unpacked: 'x/b/c/d' lies in what is a file"):
        take({**QUESTION, "x/b": b"", "x/b/c/d": b""})
    assert take({**QUESTION, "a": b"", "a!/b": b"", "ab/c": b"", "d/": b"", "d/e": b""}).left_out == (
        "a", "a!/b", "ab/c", "d/e",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kind", "is_taken"),
    [("a", 0, True), ("a", stat.S_IFREG, True), ("a", stat.S_IFDIR, False), ("a", stat.S_IFLNK, False),
     ("a", stat.S_IFSOCK, False), ("a/", 0, True), ("a/", stat.S_IFDIR, True), ("a/", stat.S_IFREG, False)],
)  # fmt: skip
def test_only_files_and_folders_are_unpacked(name: str, kind: int, is_taken: bool, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("incident.toml", "x")
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (kind | 0o644) << 16
        packed.writestr(entry, "")
    if is_taken:
        assert import_zip(tmp_path / "x.zip", tmp_path / "incident").taken == ("incident.toml",)
    else:
        with pytest.raises(EvidenceError, match=r"'a/?' is a link or a device"):
            import_zip(tmp_path / "x.zip", tmp_path / "incident")


def set_in_list(path: Path, offset: int, form: str, value: int) -> None:
    """Change a field of the list's last entry."""
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, content.rfind(b"PK\x01\x02") + offset, value)
    path.write_bytes(content)


def test_what_is_encrypted_or_packed_otherwise_is_refused_in_words(tmp_path: Path) -> None:
    pack(tmp_path / "x.zip", {**QUESTION, "a": b"x"})
    set_in_list(tmp_path / "x.zip", 8, "<H", 0x1)
    with pytest.raises(EvidenceError, match="'a' is encrypted"):
        import_zip(tmp_path / "x.zip", tmp_path / "incident")
    set_in_list(tmp_path / "x.zip", 8, "<H", 0x2)
    set_in_list(tmp_path / "x.zip", 10, "<H", 14)
    with pytest.raises(EvidenceError, match="'a' is compressed in a way that is not read"):
        import_zip(tmp_path / "x.zip", tmp_path / "incident")
    set_in_list(tmp_path / "x.zip", 10, "<H", 0)
    assert import_zip(tmp_path / "x.zip", tmp_path / "incident").left_out == ("a",)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_both_usual_ways_of_packing_are_read(compression: int, take: Callable[..., Any]) -> None:
    content = bytes(range(256)) * 5_000
    done = take({**QUESTION, "evidence/001/raw/1.zst": content}, compression=compression)

    assert (done.directory / "evidence/001/raw/1.zst").read_bytes() == content


def large_end(path: Path, files: Files, *, count: int = -1, length: int = -1, **broken: Any) -> Path:
    """The zip with the larger form of its end, as one of four gigabytes has."""
    whole = pack(path, files).read_bytes()
    at = whole.rfind(b"PK\x05\x06")
    real, size, start = struct.unpack_from("<HII", whole, at + 10)
    fields = {"count": real, "length": size, "sign": b"PK\x06\x06", "place": b"PK\x06\x07", "at": at, **broken}
    end64 = struct.pack("<4sQ2H2I4Q", fields["sign"], 44, 45, 45, 0, 0, fields["count"], fields["count"],
                        fields["length"], start)  # fmt: skip
    locator = struct.pack("<4sIQI", fields["place"], 0, fields["at"], 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, real if count < 0 else count, real if count < 0 else count,
                      size if length < 0 else length, start, 0)  # fmt: skip
    path.write_bytes(whole[:at] + end64 + locator + end)
    return path


@pytest.mark.parametrize("said", [{"count": 0xFFFF}, {"length": 0xFFFFFFFF}, {"count": 0xFFFF, "length": 0xFFFFFFFF}])
def test_the_larger_form_of_the_end_is_read(said: dict[str, int], tmp_path: Path) -> None:
    source = large_end(tmp_path / "x.zip", QUESTION, **said)

    assert import_zip(source, tmp_path / "incident").taken == ("incident.toml",)


def test_the_larger_form_of_the_end_is_believed_when_it_says_too_much(tmp_path: Path) -> None:
    """Whichever of the two numbers it is."""
    whole = pack(tmp_path / "x.zip", QUESTION).read_bytes()
    at = whole.rfind(b"PK\x05\x06")
    for count, length in ((MAX_ENTRIES + 1, 59), (1, 51_200_001)):
        end64 = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, length, 0)
        locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, at, 1)
        end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
        (tmp_path / "x.zip").write_bytes(whole[:at] + end64 + locator + end)
        with pytest.raises(EvidenceError, match="lists more than 100,000 files"):
            import_zip(tmp_path / "x.zip", tmp_path / "incident")


@pytest.mark.parametrize(
    "broken", [{"sign": b"PK\x06\x05"}, {"place": b"PK\x06\x08"}, {"at": 10**9}, {"at": 2**63 + 1}]
)
def test_a_larger_end_that_is_none_cannot_be_read(broken: dict[str, Any], tmp_path: Path) -> None:
    source = large_end(tmp_path / "x.zip", QUESTION, **broken, count=0xFFFF)  # type: ignore[arg-type]

    with pytest.raises(ParameterError, match=r"x\.zip cannot be read"):
        import_zip(source, tmp_path / "incident")


def test_an_end_that_says_large_and_has_no_room_for_it_cannot_be_read(tmp_path: Path) -> None:
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0, 0, 0)
    (tmp_path / "x.zip").write_bytes(b"x" * 19 + end)

    with pytest.raises(ParameterError, match=r"x\.zip cannot be read"):
        import_zip(tmp_path / "x.zip", tmp_path / "incident")


def test_a_remark_of_any_length_may_stand_at_the_end(tmp_path: Path) -> None:
    source = pack(tmp_path / "x.zip", QUESTION)
    with zipfile.ZipFile(source, "a") as packed:
        packed.comment = b"x" * 65_535

    assert import_zip(source, tmp_path / "incident").taken == ("incident.toml",)


def test_the_larger_form_of_the_end_is_found_before_the_longest_remark(tmp_path: Path) -> None:
    source = large_end(tmp_path / "x.zip", {**QUESTION, "a": bytes(100_000)}, count=0xFFFF)
    source.write_bytes(source.read_bytes()[:-2] + struct.pack("<H", 65_535) + b"x" * 65_535)

    assert import_zip(source, tmp_path / "incident").left_out == ("a",)


def test_a_list_that_is_longer_than_its_end_says_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = pack(tmp_path / "x.zip", {**QUESTION, "a": b"", "b": b"", "c": b""})
    content = bytearray(source.read_bytes())
    struct.pack_into("<HH", content, content.rfind(b"PK\x05\x06") + 8, 1, 1)
    source.write_bytes(content)
    monkeypatch.setattr(zip_import, "MAX_ENTRIES", 3)

    with pytest.raises(EvidenceError, match="lists more than 3 files"):
        import_zip(source, tmp_path / "incident")


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06", b"PK\x05\x06" + bytes(17), b"x" * 100,
                                     b"x" * 100 + b"PK\x05\x06" + bytes(17)])  # fmt: skip
def test_what_has_no_end_is_no_zip(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(content)

    with pytest.raises(ParameterError, match=r"x\.zip is no zip"):
        import_zip(tmp_path / "x.zip", tmp_path / "incident")


def test_a_file_that_is_not_there_and_a_place_that_is_taken_are_said(tmp_path: Path) -> None:
    for source in (tmp_path / "nowhere.zip", tmp_path):
        with pytest.raises(ParameterError, match="There is no file"):
            import_zip(source, tmp_path / "incident")
    source = pack(tmp_path / "x.zip", QUESTION)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for directory in (tmp_path, tmp_path / "link"):
        with pytest.raises(ParameterError, match="is there already"):
            import_zip(source, directory)


def test_a_damaged_zip_is_told_in_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    source = pack(tmp_path / "x.zip", {**QUESTION, "judgement.yaml": b"content"})
    source.write_bytes(source.read_bytes().replace(b"content", b"Content"))

    with pytest.raises(EvidenceError, match=r"^x\.zip is damaged: Bad CRC-32 for file 'judgement\.yaml'\.\n"):
        import_zip(source, tmp_path / "incident")
    assert list(tmp_path.iterdir()) == [source]


def test_the_reason_is_short_and_never_empty() -> None:
    assert zip_import._why(ValueError()) == "ValueError"
    assert zip_import._why(ValueError("a.")) == "a"
    assert zip_import._why(ValueError("CRC X")) == "CRC X"
    assert len(zip_import._why(ValueError("a" * 200))) == 100
    assert zip_import._shown("\u0436" * 200) == ascii("\u0436" * 79 + "…")


def test_the_log_tells_of_the_import_and_of_the_zip(take: Callable[..., Any], tmp_path: Path) -> None:
    done = take({**QUESTION, "a": b"", "b": b""})
    line = audit_log.read(done.directory)[-1]

    sha256 = hashlib.sha256((tmp_path / "x.zip").read_bytes()).hexdigest()
    assert (line["action"], line["zip"], line["zip_sha256"], line["left_out"]) == ("imported", "x.zip", sha256, 2)
    assert done.zip_sha256 == sha256
    with pytest.raises(AttributeError):
        done.taken = ()


def test_what_a_killed_import_left_is_found_by_the_name_of_its_folder(tmp_path: Path) -> None:
    for name in (".a+b.0123abcd.import", ".a+b.ffffffff.import", ".aab.0123abcd.import", "xa+b.0123abcd.import",
                 ".a+b.0123abcd.import.x", ".a+b.0123abcdx.import", ".a+b.0123abc.import", ".a+b.0123abcg.import",
                 ".x.a+b.0123abcd.import", ".a+bx0123abcd.import", ".a+b.0123abcdximport"):  # fmt: skip
        (tmp_path / name).mkdir()

    assert zip_import.find_unfinished(tmp_path / "a+b") == (
        tmp_path / ".a+b.0123abcd.import", tmp_path / ".a+b.ffffffff.import",
    )  # fmt: skip
