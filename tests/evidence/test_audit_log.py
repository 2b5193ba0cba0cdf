"""The audit log and its head say of each other what was done to either, in which words, and where."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import EvidenceError, StorageError
from dlqkit.evidence import audit_log
from dlqkit.evidence.audit_log import HEAD, NAME, Chain, Head, append, check_chain


def digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def put_head(folder: Path, **values: Any) -> None:
    (folder / HEAD).write_bytes(json.dumps(values, sort_keys=True).encode() + b"\n")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A folder with a log of two lines."""
    append(tmp_path, "look", number=1)
    append(tmp_path, "look", number=2)
    return tmp_path


def lines_of(folder: Path) -> list[bytes]:
    return (folder / NAME).read_bytes().splitlines()


def test_a_line_says_who_did_what_when_and_after_which_line(log: Path) -> None:
    first, second = lines_of(log)

    assert json.loads(second) == {
        "action": "look", "number": 2, "line": 2, "previous": digest(first), "by": audit_log.current_user(),
        "at": json.loads(second)["at"],
    }  # fmt: skip
    assert json.loads(first)["at"].endswith("+00:00")
    assert (log / HEAD).read_bytes() == json.dumps({"lines": 2, "sha256": digest(second), "writing": None}).encode() + (
        b"\n"
    )
    assert stat.S_IMODE((log / NAME).stat().st_mode) == 0o600
    assert (log / NAME).read_bytes() == first + b"\n" + second + b"\n"


def test_text_of_any_kind_is_kept_in_letters_that_every_editor_shows(tmp_path: Path) -> None:
    append(tmp_path, "look", why="ж \ud800")

    assert lines_of(tmp_path)[0].isascii()
    assert audit_log.read(tmp_path)[0]["why"] == "ж \ud800"
    assert check_chain(tmp_path).faults == ()


def test_a_kill_before_the_first_line_leaves_a_log_that_fits_its_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[bytes] = []
    write = audit_log._write_head

    def kept(directory: Path, *more: object) -> None:
        write(directory, *more)  # type: ignore[arg-type]
        heads.append((directory / HEAD).read_bytes())

    monkeypatch.setattr(audit_log, "_write_head", kept)
    append(tmp_path, "look")
    line = (tmp_path / NAME).read_bytes()
    for length in (0, 1, len(line) - 1, len(line)):
        (tmp_path / NAME).write_bytes(line[:length])
        (tmp_path / HEAD).write_bytes(heads[0])
        assert check_chain(tmp_path).faults == ()
    (tmp_path / NAME).unlink()
    assert check_chain(tmp_path) == Chain(Head(0, ""), (), (), ())


def test_a_head_is_shown_as_it_is_asked_for(log: Path) -> None:
    head = check_chain(log).head

    assert str(head) == f"2:{digest(lines_of(log)[1])}"


def test_a_log_holds_every_head_that_it_had_and_no_other(log: Path) -> None:
    first, second = map(digest, lines_of(log))
    chain = check_chain(log)

    assert [chain.holds(Head(0, "")), chain.holds(Head(1, first)), chain.holds(Head(2, second))] == [True] * 3
    assert not chain.holds(Head(0, first))
    assert not chain.holds(Head(1, second))
    assert not chain.holds(Head(2, first))
    assert not chain.holds(Head(3, second))
    assert not check_chain(log / "nowhere").holds(Head(1, first))


def test_the_user_is_named_by_number_where_the_machine_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under an id of no account."""

    def fails() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", fails)

    assert audit_log.current_user() == str(os.getuid())


@pytest.mark.parametrize(
    "values",
    [
        {"lines": True, "sha256": "", "writing": None}, {"lines": -1, "sha256": "", "writing": None},
        {"lines": "2", "sha256": "", "writing": None}, {"lines": 2, "sha256": None, "writing": None},
        {"lines": 2, "sha256": "", "writing": 1}, {"lines": 2, "sha256": ""},
        {"lines": 2, "sha256": "", "writing": None, "more": 1}, {},
    ],
)  # fmt: skip
def test_a_head_that_dlqkit_did_not_write_was_changed(log: Path, values: dict[str, Any]) -> None:
    put_head(log, **values)

    assert check_chain(log).faults == ((HEAD, "was changed"),)


@pytest.mark.parametrize("content", [b"", b"[]\n", b"{", b"\xff", b"[" * 100_000])
def test_a_head_that_is_no_object_was_changed(log: Path, content: bytes) -> None:
    (log / HEAD).write_bytes(content)

    assert check_chain(log).faults == ((HEAD, "was changed"),)


def test_a_head_of_the_same_values_in_other_bytes_was_changed(log: Path) -> None:
    (log / HEAD).write_bytes((log / HEAD).read_bytes().replace(b", ", b","))

    assert check_chain(log).faults == ((HEAD, "was changed"),)


def test_each_fault_says_which_line(log: Path) -> None:
    first, second = lines_of(log)
    whole = (log / NAME).read_bytes()
    added = second.replace(b'"number": 2', b'"number": 3')

    (log / NAME).write_bytes(first + b"\n")
    assert check_chain(log).faults == ((NAME, "ends after line 1, and audit.head knows 2"),)
    (log / NAME).write_bytes(b"")
    assert check_chain(log).faults == ((NAME, "ends after line 0, and audit.head knows 2"),)
    (log / NAME).write_bytes(first + b"\n" + added + b"\n")
    assert check_chain(log).faults == ((NAME, "line 2 is not the one that audit.head knows"),)
    (log / NAME).write_bytes(whole + added + b"\n")
    assert check_chain(log).faults == (
        (NAME, "line 3 does not follow the one before"), (NAME, "has 3 lines, and audit.head knows 2"),
    )  # fmt: skip
    (log / NAME).write_bytes(whole.removesuffix(b"\n"))
    assert check_chain(log).faults == ((NAME, "was cut at its end"),)
    (log / NAME).write_bytes(whole.replace(b"\n", b"\r", 1))
    assert check_chain(log).faults[-1] == (NAME, "ends after line 1, and audit.head knows 2")


def test_a_line_that_was_begun_is_judged_by_what_the_head_says_was_to_be_written(log: Path) -> None:
    whole = (log / NAME).read_bytes()
    line = json.dumps({"action": "x", "line": 3, "previous": digest(lines_of(log)[1])}, sort_keys=True)
    put_head(log, lines=2, sha256=digest(lines_of(log)[1]), writing=line)

    for rest, fault in ((b"", ()), (b"\n", ((NAME, "line 3 was cut"),)), (line[:9].encode(), ()),
                        (line[:9].encode() + b"\n", ((NAME, "line 3 was cut"),)), (line.encode(), ()),
                        (line.encode() + b"\n", ())):  # fmt: skip
        (log / NAME).write_bytes(whole + rest)
        assert check_chain(log).faults == fault, rest
    (log / NAME).write_bytes(whole + b"other\n")
    assert check_chain(log).faults == ((NAME, "has 3 lines, and audit.head knows 2"),)
    (log / NAME).write_bytes(whole + line.encode() + b"\n\n")
    assert (NAME, "has 4 lines, and audit.head knows 2") in check_chain(log).faults


def test_a_log_that_did_not_fit_its_head_says_so_in_the_next_line_for_good(log: Path) -> None:
    (log / NAME).write_bytes(lines_of(log)[0] + b"\n")
    append(log, "look")
    append(log, "look")

    what = "did not fit its head before line 2 was written: audit.jsonl ends after line 1, and audit.head knows 2"
    assert check_chain(log).faults == ((NAME, what),)
    assert "unfit" not in audit_log.read(log)[-1]


def test_a_head_that_was_taken_away_is_told_by_the_next_line(log: Path) -> None:
    (log / HEAD).unlink()
    append(log, "look")

    assert audit_log.read(log)[-1]["unfit"] == "audit.head is missing"


def test_a_log_from_before_there_were_heads_goes_on_without_a_word(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b'{"action": "collect"}\n{"torn\n')
    append(tmp_path, "look")

    assert "unfit" not in audit_log.read(tmp_path)[-1]
    assert check_chain(tmp_path).faults == ()


def test_a_torn_line_ends_where_the_next_one_begins(log: Path) -> None:
    whole = (log / NAME).read_bytes()
    with (log / NAME).open("ab") as file:
        file.write(b'{"torn')
    append(log, "look")

    assert (log / NAME).read_bytes().startswith(whole + b'{"torn\n{"action"')
    assert [entry["line"] for entry in audit_log.read(log)] == [1, 2, 4]


def test_lines_that_are_no_object_are_not_read(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b'[1]\n{"a": 1}\n' + b"[" * 100_000 + b"\n\xff\n")

    assert audit_log.read(tmp_path) == [{"a": 1}]
    assert audit_log.read(tmp_path / "nowhere") == []


def test_a_log_without_lines_and_without_head_is_empty(tmp_path: Path) -> None:
    assert check_chain(tmp_path) == Chain(Head(0, ""), (), (), ())
    (tmp_path / NAME).touch()
    assert check_chain(tmp_path) == Chain(Head(0, ""), (), (), ())


def test_a_head_without_its_log_is_a_fault(log: Path) -> None:
    (log / NAME).unlink()

    assert check_chain(log).faults == ((NAME, "ends after line 0, and audit.head knows 2"),)


def test_the_hash_of_a_file_is_of_what_is_there_or_of_what_is_to_be(tmp_path: Path) -> None:
    path = tmp_path / "republish" / "plan-001.json"
    path.parent.mkdir()
    path.write_bytes(b"x")

    assert audit_log.hash_of(tmp_path, path) == {"republish/plan-001.json": digest(b"x")}
    assert audit_log.hash_of(tmp_path, path, b"") == {"republish/plan-001.json": digest(b"")}


def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()

    with pytest.raises(StorageError):
        append(tmp_path, "look")


def write_log(folder: Path, lines: list[bytes]) -> None:
    (folder / NAME).write_bytes(b"\n".join(lines) + b"\n")


def three_lines(folder: Path) -> list[bytes]:
    for number in range(3):
        append(folder, "look", number=number)
    return (folder / NAME).read_bytes().splitlines()


def test_each_line_holds_its_number_and_the_hash_of_the_one_before(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in three_lines(tmp_path)]

    assert [line["line"] for line in lines] == [1, 2, 3]
    assert lines[0]["previous"] == ""
    assert check_chain(tmp_path).faults == ()
    assert check_chain(tmp_path).head.lines == 3


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_lines_that_were_cut_off_the_end_are_missed_by_the_head(cut: int, tmp_path: Path) -> None:
    lines = three_lines(tmp_path)[: 3 - cut]
    (tmp_path / NAME).write_bytes(b"".join(line + b"\n" for line in lines))

    assert check_chain(tmp_path).faults == ((NAME, f"ends after line {3 - cut}, and audit.head knows 3"),)


def test_a_log_without_its_head_is_a_change_and_a_log_that_never_had_one_is_told(tmp_path: Path) -> None:
    lines = three_lines(tmp_path)
    (tmp_path / HEAD).unlink()
    assert check_chain(tmp_path).faults == ((HEAD, "is missing"),)

    older, previous = [], ""
    for line in lines:
        entry = {name: value for name, value in json.loads(line).items() if name != "line"} | {"previous": previous}
        older.append(json.dumps(entry).encode())
        previous = audit_log.hash_of(tmp_path, tmp_path / "x", older[-1])["x"]
    write_log(tmp_path, older)
    chain = check_chain(tmp_path)
    assert chain.faults == ()
    assert chain.notes == ("audit.jsonl is of an older dlqkit: lines that were cut off its end are not found.",)


def test_lines_from_before_there_was_a_chain_are_read_and_it_is_said_where_it_begins(tmp_path: Path) -> None:
    write_log(tmp_path, [b'{"action": "collect"}', b'{"action": "look"}'])
    assert check_chain(tmp_path).notes[0] == "audit.jsonl has no chain: nothing shows whether its lines were changed."
    append(tmp_path, "look")
    append(tmp_path, "look")

    chain = check_chain(tmp_path)
    assert [entry["action"] for entry in audit_log.read(tmp_path)] == ["collect", "look", "look", "look"]
    assert chain.faults == ()
    assert chain.notes == (
        "The chain of audit.jsonl begins at line 3: nothing shows whether the lines before it were changed.",
    )
    # The first chained line holds the hash of the one before it, and the head holds them all.
    write_log(tmp_path, [b'{"action": "x"}', *(tmp_path / NAME).read_bytes().splitlines()[1:]])
    assert check_chain(tmp_path).faults == ()
    write_log(tmp_path, [b'{"action": "x"}', b'{"action": "y"}', *(tmp_path / NAME).read_bytes().splitlines()[2:]])
    assert check_chain(tmp_path).faults == ((NAME, "line 3 does not follow the one before"),)


def test_a_kill_at_any_moment_of_an_append_leaves_a_log_that_fits_its_head(tmp_path: Path) -> None:
    """Between the head, any part of the line, and the head again; and the next line goes on from there."""
    three_lines(tmp_path)
    states, write = [], audit_log._write_head

    def kept(directory: Path, *more: object) -> None:
        write(directory, *more)  # type: ignore[arg-type]
        states.append((directory / HEAD).read_bytes())

    before = (tmp_path / NAME).read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit_log, "_write_head", kept)
        append(tmp_path, "look", text="the last")
    after = (tmp_path / NAME).read_bytes()
    assert len(states) == 2
    for length in range(len(before), len(after) + 1):
        place = tmp_path / str(length)
        place.mkdir()
        (place / NAME).write_bytes(after[:length])
        (place / HEAD).write_bytes(states[0])
        assert check_chain(place).faults == (), length
        append(place, "look")
        append(place, "look")
        assert check_chain(place).faults == (), length
        assert audit_log.read(place)[-1]["action"] == "look"


def test_a_line_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    (tmp_path / "incident").mkdir()
    (tmp_path / "incident" / NAME).symlink_to(tmp_path / "mine")

    with pytest.raises(Exception, match="is a link"):
        append(tmp_path / "incident", "look")
    assert (tmp_path / "mine").read_text() == "keep"


def test_a_head_of_the_same_values_in_another_order_or_other_letters_was_changed(log: Path) -> None:
    values = json.loads((log / HEAD).read_bytes())
    (log / HEAD).write_bytes(json.dumps(dict(reversed(values.items()))).encode() + b"\n")
    assert check_chain(log).faults == ((HEAD, "was changed"),)
    values["writing"] = "ж"
    (log / HEAD).write_bytes(json.dumps(values, ensure_ascii=False, sort_keys=True).encode() + b"\n")
    assert check_chain(log).faults == ((HEAD, "was changed"),)


def test_what_was_found_cannot_be_changed(log: Path) -> None:
    chain = check_chain(log)

    for thing, name in ((chain, "faults"), (chain.head, "lines")):
        with pytest.raises(AttributeError):
            setattr(thing, name, ())


@pytest.mark.parametrize("off", [{"line": 3}, {"previous": "0" * 64}, {"line": 1}])
def test_a_line_that_has_another_number_or_follows_another_does_not_follow(off: dict[str, Any], log: Path) -> None:
    """Whoever writes a line must write the head for it too, and still is found."""
    first, second = lines_of(log)
    changed = json.dumps(json.loads(second) | off, sort_keys=True).encode()
    write_log(log, [first, changed])
    put_head(log, lines=2, sha256=digest(changed), writing=None)

    assert check_chain(log).faults == ((NAME, "line 2 does not follow the one before"),)


def test_one_line_from_before_there_was_a_chain_is_told(tmp_path: Path) -> None:
    write_log(tmp_path, [b'{"action": "collect"}'])
    append(tmp_path, "look")

    assert check_chain(tmp_path).notes == (
        "The chain of audit.jsonl begins at line 2: nothing shows whether the lines before it were changed.",
    )


def test_a_log_of_nothing_but_ends_of_lines_is_refused(tmp_path: Path) -> None:
    """Each line of it would take a hundred times its size."""
    (tmp_path / NAME).write_bytes(b"\n" * (audit_log.MOST_LINES + 1))

    with pytest.raises(EvidenceError, match=r"has more than 500,000 lines"):
        check_chain(tmp_path)


def test_a_log_of_as_many_lines_as_dlqkit_may_write_is_read(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"\n" * audit_log.MOST_LINES)

    assert check_chain(tmp_path).head.lines == 500_000
