"""A manifest or an incident.toml of another form than it should be is refused where it is read, and by nobody later."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import DlqkitError, EvidenceError, ParameterError
from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import open_incident, read_incident
from dlqkit.evidence.forms import check_manifest
from dlqkit.evidence.part import STATE
from dlqkit.incident import Incident
from dlqkit.report.coverage import coverage_rows
from dlqkit.report.provenance import describe_sources
from dlqkit.settings import Settings
from tests.frames import START

END = START + timedelta(hours=1)
# Of every kind that JSON knows, and such of each as a program trips over.
ABSURD: tuple[Any, ...] = (
    None, True, 0, -1, 10**30, 1.5, math.inf, math.nan, "", "x", "\ud800", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-01:00", "2026-03-02T14:00:00", "2026-02-31T00:00:00Z", [], [[]], {}, {"a": {"b": [1]}}, ["x"],
    [None], "../../x", "complete",
)  # fmt: skip
ASKED = {
    "evidence_id": "001/2", "kind": "records: dead letters", "source": "https://api.example/logs", "query": "dead",
    "masked": [{"file": "raw/02-records-dead-letters-0001.json.zst", "places": 1, "original_sha256": "0" * 64}],
    "coverage": {
        "asked_start": START.isoformat(), "asked_end": END.isoformat(), "got_start": START.isoformat(),
        "got_end": END.isoformat(), "rows": 1, "quarantined": 0, "completeness": "complete", "missing": ["a"],
        "findings": ["b"],
        "details": {"query": {"limit": "100"}, "requests": 1, "received": 1, "newest_first": True},
    },
}  # fmt: skip
TOML = """
[incident]
name = "incident"
start = 2026-03-02T14:00:00+00:00
end = 2026-03-02T18:00:00+00:00
workflow_id = "wf"
trace_id = "t"
ticket = "OPS-1"

[[notes]]
at = 2026-03-02T14:02:00Z
text = "deploy"

[worker]
max_attempts = 5
action_timeout_ms = 30000

[workflows.wf]
name = "orders"
max_attempts = 3
action_timeout_ms = 1000.5
entity_key = ["payload.customer_id"]
"""


@pytest.fixture(scope="module")
def gathered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder, and its manifest with a source beside the file that it was made from."""
    place = tmp_path_factory.mktemp("forms")
    row = {"id": "r1", "workflow_id": "wf", "trace_id": "t", "status": "failed", "created_at": START.isoformat(),
           "queued_to_dlq": True, "attempts": 5, "payload_snapshot": {}}  # fmt: skip
    (place / "export.jsonl").write_text(json.dumps(row))
    collect(Incident(START.to_pydatetime(), END.to_pydatetime()), Settings(), place / "incident",
            records_files=(place / "export.jsonl",))  # fmt: skip
    manifest = json.loads((place / "incident" / "evidence" / "001" / "manifest.json").read_bytes())
    manifest["sources"].append(ASKED)
    return place / "incident", manifest


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Of every value within a value, how it is reached."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*here, key)
        yield from paths(child, (*here, key))


def altered(values: dict[str, Any], path: tuple[Any, ...], *new: Any) -> dict[str, Any]:
    """The values with another one at a place, or without it."""
    whole = copy.deepcopy(values)
    inner: Any = whole
    for key in path[:-1]:
        inner = inner[key]
    if new:
        inner[path[-1]] = new[0]
    else:
        del inner[path[-1]]
    return whole


def write(folder: Path, manifest: Any) -> None:
    (folder / "evidence" / "001" / "manifest.json").write_text(json.dumps(manifest))


def use(folder: Path) -> None:
    """Everything that is read of a manifest and of incident.toml."""
    opened = open_incident(folder)
    repr(opened)
    opened._repr_html_()
    assert opened.first_start and opened.collected_at and opened.completeness
    assert [*opened.findings, *opened.metric_names.items(), *opened.notes, opened.records_coverage]
    assert opened.dead_letters_known_from is None or opened.dead_letters_known_from.tzinfo
    for workflow_id in ("wf", "other", None):
        opened.max_attempts(workflow_id)
        opened.entity_key(workflow_id)
        opened.action_timeout_ms(workflow_id)
        opened.workflow_name(workflow_id)
    assert len(describe_sources(opened)) == len(coverage_rows(opened))
    read_incident(folder)


def test_the_manifest_as_it_is_written_is_taken(gathered: tuple[Path, dict[str, Any]]) -> None:
    folder, manifest = gathered
    write(folder, manifest)
    use(folder)
    assert [row["page_limit"] for row in describe_sources(open_incident(folder))] == [None, 100]


def test_whatever_a_manifest_holds_it_is_used_or_refused_in_words(gathered: tuple[Path, dict[str, Any]]) -> None:
    """At each of its places one value of each kind, and none."""
    folder, manifest = gathered
    refused = 0
    for path in paths(manifest):
        for new in [(), *((value,) for value in ABSURD)]:
            write(folder, altered(manifest, path, *new))
            try:
                use(folder)
            except DlqkitError as error:
                assert str(error)
                refused += 1
    assert refused > 500


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("finished_at",), "9999-12-31T23:59:59-01:00"),
        (("started_at",), "2026-03-02T14:00:00"),
        (("incident", "start"), None),
        (("incident",), []),
        (("sources",), {}),
        (("sources", 1, "evidence_id"), "001/x"),
        (("sources", 1, "coverage", "missing"), 1.5),
        (("sources", 1, "coverage", "completeness"), "whole"),
        (("sources", 1, "coverage", "rows"), -1),
        (("sources", 1, "coverage", "got_end"), "0001-01-01T00:00:00+14:00"),
        (("sources", 1, "coverage", "details", "query"), []),
        (("sources", 1, "coverage", "details", "query", "limit"), "many"),
        (("sources", 1, "coverage", "details", "received"), "<b>"),
        (("metrics",), {"a": 1}),
        (("schema",), True),
    ],
)
def test_what_no_dlqkit_writes_is_called_a_changed_manifest(
    gathered: tuple[Path, dict[str, Any]], path: tuple[Any, ...], value: Any
) -> None:
    folder, manifest = gathered
    write(folder, altered(manifest, path, value))
    with pytest.raises(EvidenceError, match="The manifest of snapshot 001 is missing or was changed"):
        open_incident(folder)


def test_whatever_incident_toml_holds_it_is_used_or_refused_in_words(gathered: tuple[Path, dict[str, Any]]) -> None:
    import tomllib

    folder, manifest = gathered
    write(folder, manifest)
    (folder / "incident.toml").write_text(TOML)
    use(folder)
    values = tomllib.loads(TOML)
    written = ("true", "0", "-1", str(10**30), "1.5", "inf", "nan", '""', '"x"', "2026-03-02", "14:00:00", "[]", "{}",
               "2026-03-02T14:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00", '["x"]', "[1]",
               "{a = 1}", '"9999-12-31T23:59:59-01:00"')  # fmt: skip
    refused = 0
    for path in paths(values):
        for text in written:
            (folder / "incident.toml").write_text(as_toml(altered(values, path, tomllib.loads(f"x = {text}")["x"])))
            try:
                use(folder)
            except DlqkitError as error:
                assert str(error)
                refused += 1
    assert refused > 100


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[worker]\nmax_attempts = 'five'", "worker.max_attempts: Expected int"),
        ("[worker]\nmax_attempts = 0", "worker.max_attempts: Expected int >= 1"),
        ("[workflows]\nwf = 1", "workflows[...]: Expected object"),
        ("[[notes]]\nat = 2026-03-02T14:00:00Z", "notes[0]: Object missing required field text"),
        ("[[notes]]\nat = 5\ntext = 'x'", "notes[0].at: Expected a time"),
    ],
)
def test_who_edits_incident_toml_is_told_which_line_to_mend(
    gathered: tuple[Path, dict[str, Any]], line: str, told: str
) -> None:
    folder, _ = gathered
    (folder / "incident.toml").write_text(line)
    with pytest.raises(ParameterError) as raised:
        open_incident(folder)
    assert told in raised.value.problem


@pytest.mark.parametrize(
    "place", [("sources", 0, "evidence_id"), ("sources", 1, "coverage", "details", "query", "limit")]
)
def test_an_id_or_a_number_with_a_line_break_after_it_is_none(
    gathered: tuple[Path, dict[str, Any]], place: tuple[Any, ...]
) -> None:
    manifest = gathered[1]
    check_manifest(manifest)
    inner: Any = manifest
    for key in place[:-1]:
        inner = inner[key]
    with pytest.raises(ValueError, match=place[-1]):
        check_manifest(altered(manifest, place, inner[place[-1]] + "\n"))


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("a" * 300, ("is no incident folder: File name too long.", "Check the path.")),
        ("file", ("is no incident folder: Not a directory.", "Check the path.")),
        (
            "folder",
            ("incident.toml cannot be read: Is a directory.", "See that it is a file, and that you may read it."),
        ),
        ("bytes", ("incident.toml is not UTF-8 text.", "Save it as UTF-8.")),
    ],
    ids=["long", "file", "folder", "bytes"],
)
def test_an_incident_toml_that_no_line_can_mend_is_told_with_what_can(
    tmp_path: Path, made: str, told: tuple[str, str]
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder" / "incident.toml").mkdir(parents=True)
    (tmp_path / "bytes").mkdir()
    (tmp_path / "bytes" / "incident.toml").write_bytes(b"a = '\xff'")

    with pytest.raises(ParameterError) as raised:
        open_incident(tmp_path / made)

    assert raised.value.problem.endswith(told[0]) and raised.value.next_step == told[1]


def as_toml(value: Any) -> str:
    """A table of values as TOML writes it inline."""
    return "\n".join(f"{json.dumps(key)} = {inline(one)}" for key, one in value.items())


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {inline(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    if isinstance(value, bool | str):
        return json.dumps(value)
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)


def test_a_snapshot_under_way_with_a_state_of_another_form_is_set_aside(tmp_path: Path) -> None:
    """As if it were of another question: nothing of it is read, and nothing of it is lost."""
    export = tmp_path / "export.jsonl"
    export.write_text(json.dumps({"id": "r1", "workflow_id": "wf", "trace_id": "t", "created_at": START.isoformat(),
                                  "queued_to_dlq": True, "payload_snapshot": {}}))  # fmt: skip
    question = Incident(START.to_pydatetime(), END.to_pydatetime())
    collect(question, Settings(), tmp_path / "incident", records_files=(export,))
    state = {
        "layout": 1, "started_at": START.isoformat(), "last_number": 1, "asking": None, "sources": [{"evidence_id": 5}],
        "incident": {"start": START.isoformat(), "end": END.isoformat(), "workflow_id": None, "trace_id": None},
    }  # fmt: skip
    left = tmp_path / "incident" / "evidence" / "002.part"
    for place in ("snapshot", "frames", "raw"):
        (left / place).mkdir(parents=True)
    (left / "raw" / "page").write_text("x")
    (left / STATE).write_text(json.dumps(state))

    folder = collect(question, Settings(), tmp_path / "incident", records_files=(export,))

    assert folder.snapshot == "002"
    assert [path.name for path in (tmp_path / "incident" / "evidence").glob("*.interrupted-*/raw/*")] == ["page"]
