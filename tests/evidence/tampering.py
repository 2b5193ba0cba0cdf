"""Tamper with an incident folder by seed, in every way that leaves some file as it was not written, and verify it."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlqkit.evidence.collect import collect
from dlqkit.evidence.manifest import verify
from dlqkit.republish.approval import keep_plan
from dlqkit.republish.journal import open_journal
from dlqkit.republish.plan_decisions import Approval, Cancellation, write_approval, write_cancellation
from dlqkit.republish.registry import open_registry
from dlqkit.republish.tampering import verify_republish
from tests.evidence.service import QUESTION, record, serving
from tests.republish.plans import Answers, make_plan, send_all

__all__ = ["TAMPERINGS", "Tally", "campaign", "make_folder", "verified"]

AUDIT, HEAD = "audit.jsonl", "audit.head"
JOURNAL, MARK = "republish/journal.sqlite", "republish/journal.mark"


@dataclass
class Tally:
    """How many tamperings there were, by kind, and which were not found by name."""

    kinds: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    falsely_changed: int = 0
    """Copies that nobody touched and that were called changed."""

    @property
    def tried(self) -> int:
        """All of them."""
        return sum(self.kinds.values())


def verified(directory: Path) -> dict[str, str]:
    """What ``dlqkit verify`` names, and what it says of it."""
    return {change.path: change.what for change in (*verify(directory), *verify_republish(directory))}


def make_folder(place: Path) -> tuple[Path, Path]:
    """A folder with two snapshots, two plans and a journal, and the same folder as it was half-way."""
    directory = place / "incident"
    records = [record(number, 55 - number, dead=number % 3 > 0) for number in range(14)]
    odd = {**record(90, 5), "id": "r\ud800"}
    with serving(records=[*records, odd]) as service:
        collect(QUESTION, service.settings(), directory)
        _plan(directory, "plan-001", first=1)
        _send(directory, "plan-001", first=1)
        shutil.copytree(directory, place / "older", symlinks=True)
        service.records += [record(number, 2) for number in range(20, 24)]
        collect(QUESTION, service.settings(), directory)
    _plan(directory, "plan-002", first=50)
    _send(directory, "plan-002", first=50)
    plan = _plan(directory, "plan-003", first=80)
    write_cancellation(directory, Cancellation("plan-003", plan.hash, "bob", "not needed", "2026-03-02T13:05:00+00:00"))
    return directory, place / "older"


def _plan(directory: Path, plan_id: str, *, first: int) -> Any:
    plan = make_plan(4, plan_id=plan_id, first=first)
    with open_registry(directory, None) as registry:
        keep_plan(registry, plan, {"seconds": 3.5}, by="anna")
    write_approval(directory, Approval(plan_id, plan.hash, "bob", "root removed", plan.as_of, (), 60.0))
    return plan


def _send(directory: Path, plan_id: str, *, first: int) -> None:
    with open_journal(directory) as journal:
        send_all(journal, Answers(), make_plan(4, plan_id=plan_id, first=first))
        journal.note(plan_id, "stop", {"why": "an error more than expected"})


def campaign(place: Path, *, tries: int, seed: int) -> Tally:
    """So many tamperings, each of a fresh copy, the kinds in turn; an untouched copy now and then."""
    draw, tally = random.Random(seed), Tally()
    folder, older = make_folder(place)
    kinds = list(TAMPERINGS)
    for number in range(tries):
        kind = kinds[number % len(kinds)]
        copy = place / "copy"
        shutil.copytree(folder, copy, symlinks=True)
        if number % 20 == 0 and verified(copy):
            tally.falsely_changed += 1
        named = TAMPERINGS[kind](copy, older, draw)
        found = verified(copy)
        if not named & set(found):
            tally.missed.append(f"{kind} of {sorted(named)}: {found}")
        tally.kinds[kind] += 1
        shutil.rmtree(copy)
    return tally


# --- the ways; each returns the paths of which one must be named


def _files(directory: Path) -> list[Path]:
    """Every file whose every byte counts."""
    patterns = ("evidence/0*/**/*", "republish/plan-*.json", JOURNAL, MARK, AUDIT, HEAD)
    return sorted(path for pattern in patterns for path in directory.glob(pattern) if path.is_file())


def _of(directory: Path, path: Path) -> set[str]:
    name = path.relative_to(directory).as_posix()
    # Two files that witness of each other: which of them lies, nobody can tell.
    pairs = ({AUDIT, HEAD}, {JOURNAL, MARK})
    return next((pair for pair in pairs if name in pair), {name})


def _flip(directory: Path, _: Path, draw: random.Random) -> set[str]:
    path = draw.choice(_files(directory))
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= draw.randint(1, 255)
    path.write_bytes(content)
    return _of(directory, path)


def _flip_journal(directory: Path, _: Path, draw: random.Random) -> set[str]:
    path = directory / JOURNAL
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)
    return {JOURNAL}


def _truncate(directory: Path, _: Path, draw: random.Random) -> set[str]:
    path = draw.choice(_files(directory))
    content = path.read_bytes()
    path.write_bytes(content[: draw.randrange(len(content))])
    return _of(directory, path)


def _extend(directory: Path, _: Path, draw: random.Random) -> set[str]:
    path = draw.choice(_files(directory))
    with path.open("ab") as file:
        file.write(draw.choice([b"\n", b" ", b"\0", b"{}\n", draw.randbytes(20)]))
    return _of(directory, path)


def _remove(directory: Path, _: Path, draw: random.Random) -> set[str]:
    path = draw.choice(_files(directory))
    path.unlink()
    return _of(directory, path)


def _add(directory: Path, _: Path, draw: random.Random) -> set[str]:
    name = draw.choice(["evidence/001/raw/99-more.zst", "evidence/002/x.parquet", "evidence/001/new/folder/a.txt",
                        "evidence/note.txt", "evidence/002/.hidden", "republish/plan-099.json",
                        "republish/plan-002.cancelled.json"])  # fmt: skip
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(draw.choice([b"", b"{}", (directory / "republish/plan-001.json").read_bytes()]))
    return {name}


def _swap(directory: Path, _: Path, draw: random.Random) -> set[str]:
    snapshot = directory / "evidence" / draw.choice(["001", "002"])
    paths = sorted(path for path in snapshot.rglob("*") if path.is_file())
    one, other = draw.sample(paths, 2)
    while one.read_bytes() == other.read_bytes():
        one, other = draw.sample(paths, 2)
    return _exchange(directory, one, other)


def _swap_snapshots(directory: Path, _: Path, draw: random.Random) -> set[str]:
    """The same file of two snapshots."""
    first = directory / "evidence" / "001"
    names = [path.relative_to(first) for path in sorted(first.rglob("*")) if path.is_file()]
    both = [name for name in names if (second := directory / "evidence" / "002" / name).is_file()
            and second.read_bytes() != (first / name).read_bytes()]  # fmt: skip
    name = draw.choice(both)
    return _exchange(directory, first / name, directory / "evidence" / "002" / name)


def _exchange(directory: Path, one: Path, other: Path) -> set[str]:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    return _of(directory, one) | _of(directory, other)


def _replay_manifest(directory: Path, _: Path, draw: random.Random) -> set[str]:
    """The first snapshot's manifest, or all of it, in the place of the second's."""
    first, second = directory / "evidence" / "001", directory / "evidence" / "002"
    if draw.random() < 0.5:
        shutil.copyfile(first / "manifest.json", second / "manifest.json")
    else:
        shutil.rmtree(second)
        shutil.copytree(first, second)
    return {"evidence/002/manifest.json"}


def _remake_manifest(directory: Path, _: Path, draw: random.Random) -> set[str]:
    """A file changed, and its hash in the manifest made to fit."""
    folder = directory / "evidence" / draw.choice(["001", "002"])
    path = folder / "records.parquet"
    path.write_bytes(path.read_bytes() + draw.randbytes(4))
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"]["records.parquet"] = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    return {f"evidence/{folder.name}/manifest.json"}


def _remove_snapshot(directory: Path, _: Path, draw: random.Random) -> set[str]:
    name = draw.choice(["001", "002"])
    if draw.random() < 0.5:
        shutil.rmtree(directory / "evidence" / name)
    else:
        (directory / "evidence" / name).rename(directory / "evidence" / "007")
    return {f"evidence/{name}"}


def _older_journal(directory: Path, older: Path, draw: random.Random) -> set[str]:
    names = [JOURNAL, MARK] if draw.random() < 0.5 else [JOURNAL]
    for name in names:
        shutil.copyfile(older / name, directory / name)
    return {JOURNAL}


def _older_audit(directory: Path, older: Path, draw: random.Random) -> set[str]:
    """As it was half-way, with or without its head: then what came since is in no log."""
    shutil.copyfile(older / AUDIT, directory / AUDIT)
    if draw.random() < 0.5:
        return {AUDIT}
    shutil.copyfile(older / HEAD, directory / HEAD)
    return {"evidence/002/manifest.json"}


def _older_evidence(directory: Path, older: Path, draw: random.Random) -> set[str]:
    """All evidence and its log as it was half-way; what was planned and sent since shows it."""
    for name in (AUDIT, HEAD):
        shutil.copyfile(older / name, directory / name)
    shutil.rmtree(directory / "evidence" / "002")
    return {"republish/plan-002.json"}


def _lines(directory: Path) -> list[bytes]:
    return (directory / AUDIT).read_bytes().splitlines()


def _write(directory: Path, lines: list[bytes]) -> set[str]:
    (directory / AUDIT).write_bytes(b"\n".join(lines) + b"\n" if lines else b"")
    return {AUDIT, HEAD}


def _edit_line(directory: Path, _: Path, draw: random.Random) -> set[str]:
    lines = _lines(directory)
    number = draw.randrange(len(lines))
    entry = json.loads(lines[number])
    name = draw.choice(sorted(entry))
    entry[name] = draw.choice([value for value in ("somebody else", 7, None, {}) if value != entry[name]])
    lines[number] = json.dumps(entry, ensure_ascii=True, sort_keys=True).encode()
    return _write(directory, lines)


def _edit_and_chain(directory: Path, _: Path, draw: random.Random) -> set[str]:
    """An edit after which every later line is made to fit; the head is forgotten."""
    lines = _lines(directory)
    number = draw.randrange(len(lines))
    entries = [json.loads(line) for line in lines]
    entries[number]["by"] = "somebody else"
    previous = ""
    for place, entry in enumerate(entries):
        entry["previous"] = previous
        lines[place] = json.dumps(entry, ensure_ascii=True, sort_keys=True).encode()
        previous = hashlib.sha256(lines[place]).hexdigest()
    return _write(directory, lines)


def _drop_line(directory: Path, _: Path, draw: random.Random) -> set[str]:
    lines = _lines(directory)
    lines.pop(draw.randrange(len(lines)))
    return _write(directory, lines)


def _drop_last_lines(directory: Path, _: Path, draw: random.Random) -> set[str]:
    lines = _lines(directory)
    return _write(directory, lines[: -draw.randint(1, len(lines))])


def _double_line(directory: Path, _: Path, draw: random.Random) -> set[str]:
    lines = _lines(directory)
    lines.insert(draw.randrange(len(lines) + 1), draw.choice(lines))
    return _write(directory, lines)


def _move_line(directory: Path, _: Path, draw: random.Random) -> set[str]:
    lines = _lines(directory)
    one, other = draw.sample(range(len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]
    return _write(directory, lines)


def _forge_line(directory: Path, _: Path, draw: random.Random) -> set[str]:
    """At the end, with the number and the hash that it must have."""
    lines = _lines(directory)
    entry = {"action": "republish approve", "at": "2026-03-02T13:05:00+00:00", "by": "root", "line": len(lines) + 1,
             "plan_id": draw.choice(["plan-001", "plan-003"]),
             "previous": hashlib.sha256(lines[-1]).hexdigest()}  # fmt: skip
    return _write(directory, [*lines, json.dumps(entry, sort_keys=True).encode()])


def _edit_row(directory: Path, _: Path, draw: random.Random) -> set[str]:
    """By somebody who knows SQL, and takes the rules away for it."""
    statement = draw.choice(
        [
            "UPDATE states SET message_id = 'm9' WHERE event = 2",
            "UPDATE states SET settled_at = settled_at + 1 WHERE event = 3",
            "UPDATE events SET payload_sha256 = identity WHERE number = 1",
            "DELETE FROM notes WHERE number = 1",
            "UPDATE notes SET facts = '{}' WHERE number = 2",
            "UPDATE plans SET runs = runs + 1",
            "DELETE FROM states WHERE event = 8",
            "UPDATE journal SET sequence = sequence + 1",
            "DELETE FROM claims",
        ]
    )
    with closing(sqlite3.connect(directory / JOURNAL)) as connection:
        rules = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _sql in rules:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(statement)
        for _name, sql in rules:
            connection.execute(sql)
        connection.commit()
    return {JOURNAL, MARK}


def _edit_decision(directory: Path, _: Path, draw: random.Random) -> set[str]:
    """A value of a plan, an approval or a cancellation."""
    path = draw.choice(sorted((directory / "republish").glob("plan-*.json")))
    values = json.loads(path.read_bytes())
    name = draw.choice(sorted(values))
    values[name] = "else" if values[name] != "else" else 1
    path.write_text(json.dumps(values, sort_keys=True, separators=(",", ":")) + "\n")
    return {path.relative_to(directory).as_posix()}


def _link(directory: Path, _: Path, draw: random.Random) -> set[str]:
    """A file moved out of the folder, and a link in its place: it reads the same today."""
    path = draw.choice(_files(directory))
    moved = directory.parent / "moved"
    shutil.move(path, moved)
    path.symlink_to(moved)
    return {path.relative_to(directory).as_posix()}


TAMPERINGS: dict[str, Callable[[Path, Path, random.Random], set[str]]] = {
    "a byte flipped": _flip,
    "a bit of the journal flipped": _flip_journal,
    "a file truncated": _truncate,
    "a file extended": _extend,
    "a file removed": _remove,
    "a file added": _add,
    "two files swapped": _swap,
    "a file swapped between snapshots": _swap_snapshots,
    "an older manifest replayed": _replay_manifest,
    "a manifest made to fit": _remake_manifest,
    "a snapshot removed or renamed": _remove_snapshot,
    "an older journal put back": _older_journal,
    "an older audit log put back": _older_audit,
    "older evidence put back": _older_evidence,
    "an audit line edited": _edit_line,
    "an audit line edited and chained": _edit_and_chain,
    "an audit line dropped": _drop_line,
    "the last audit lines dropped": _drop_last_lines,
    "an audit line doubled": _double_line,
    "two audit lines exchanged": _move_line,
    "an audit line forged": _forge_line,
    "a row of the journal edited": _edit_row,
    "a plan or decision edited": _edit_decision,
    "a file replaced by a link": _link,
}
