"""Every number of a report says which rows it is of, and whoever has the folder finds the same ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dlqkit.errors import ParameterError
from dlqkit.evidence.folder import IncidentFolder, open_incident
from dlqkit.report.chosen import Part
from dlqkit.report.facts import facts
from dlqkit.report.provenance import describe_provenance, find_basis, hash_rows
from dlqkit.report.provenance_tables import list_records, show_provenance, show_rows
from dlqkit.report.pseudonyms import redact_facts
from dlqkit.report.reproduce import show_reproduction
from dlqkit.report.sections import choose_sections
from tests.evidence.test_folder import gather
from tests.frames import at, counter
from tests.report.example import make_facts
from tests.report.test_facts import healthy, row

# What repeats other facts, was said by people, or is told of the evidence itself.
TOLD = {"schema", "dlqkit", "language", "redacted", "payloads", "incident", "snapshot", "as_of", "workflow", "coverage",
        "sources", "provenance", "judgement", "contributing_factors", "lessons", "follow_ups", "said", "review",
        "assumptions", "advice", "timeline", "communication", "republish", "earlier"}  # fmt: skip
PARTS = {
    "metrics.since",
    "metrics.until",
    "state.until",
    "closure.counts",
    "closure.since",
    "impact.differences",
    "milestones.times",
}
NAMED = {("durations", "groups"), ("impact", "counts"), ("closure", "items")}
KEYS = ("milestone", "signature_id", "rule", "group", "of", "name", "workflow_id")


def uncovered(values: Mapping[str, Any]) -> list[str]:
    """Places of numbers and times of which no fact says what they rest on."""
    ids = values["provenance"]
    return [
        place for place in _places(values, "")
        if place.split(".")[0] not in TOLD and not place.startswith(tuple(PARTS))
        and not any(place == one or place.startswith(one + ".") for one in ids)
    ]  # fmt: skip


def _places(value: Any, place: str) -> Iterator[str]:
    """Each number that is not 0, and each time, by the names and keys on the way to it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            # Lists in a table of their own are known by the table's name.
            passed = (isinstance(inner, list) and (place, name) in NAMED) or name == "rows"
            yield from _places(inner, place if passed else f"{place}.{name}".lstrip("."))
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            names = [inner[key] for key in KEYS if isinstance(inner, dict) and inner.get(key)]
            known = str(names[0]).replace(" ", "_") if names and place not in {"signals", "changes"} else str(number)
            yield from _places(inner, f"{place}.{known}")
    elif value and not isinstance(value, bool) and (isinstance(value, int | float) or _is_time(value)):
        yield place


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and value[:2] == "20" and value.endswith("+00:00")


@pytest.fixture
def folder(tmp_path: Path) -> IncidentFolder:
    """Forty of one error and twenty of another from 14:00 on; of the first, ten succeeded an hour later."""
    rows = [row(n, 120 + n / 4, payload_snapshot={"client": f"c{n % 7}"}) for n in range(40)]
    rows += [row(100 + n, 120 + n / 2, last_error="bad zip", retryable=False) for n in range(20)]
    again = {"queued_to_dlq": False, "status": "ok", "last_error": None}
    rows += [{**row(n, 180, **again), "id": f"h{n}", "payload_snapshot": {"client": f"c{n % 7}"}} for n in range(10)]
    return gather(tmp_path / "incident", rows + healthy(239, 1))


def hashed(*ids: str) -> str:
    return hashlib.sha256("".join(f"{one}\n" for one in sorted(ids)).encode()).hexdigest()


def test_the_events_affected_are_the_sixty_dead_letters_by_their_ids(folder: IncidentFolder) -> None:
    found = facts(folder)

    (part,) = found["provenance"]["events.affected"]["parts"]

    assert part["rows"] == found["events"]["affected"]["value"] == 60
    assert part["hash"] == hashed(*(f"r{n}" for n in (*range(40), *range(100, 120))))
    assert part["evidence"] == "001/1"
    assert (part["first_at"], part["last_at"]) == (at(7200).isoformat(), at(7200 + 39 * 15).isoformat())
    assert part["filter"].startswith("workflow_id = 'wf' and queued_to_dlq and recorded_at >= '2026-03-02T")


def test_a_class_and_a_signature_have_their_own_rows(folder: IncidentFolder) -> None:
    """Forty that could be retried and twenty that could not; each has one error."""
    found = facts(folder)
    rows = {name: fact["parts"][0]["rows"] for name, fact in found["provenance"].items() if fact["parts"]}
    errors = {one["signature"]: one["signature_id"] for one in found["signatures"]}

    assert rows["class.counts.business"] == rows[f"signatures.{errors['bad zip']}"] == 20
    assert rows["class.counts.infrastructure"] == rows[f"signatures.{errors['refused']}"] == 40
    assert "class.counts.timeout" not in rows


def test_healed_events_are_listed_with_what_became_of_them(folder: IncidentFolder) -> None:
    """Ten died and succeeded: twenty records."""
    found = facts(folder)

    basis, _ = find_basis(folder, found, "events.healed")
    listed = list_records(basis.parts[0])

    assert found["events"]["healed"]["value"] == 10
    assert listed["outcome"].astype("str").value_counts().to_dict() == {"dead": 10, "succeeded": 10}
    assert listed["recorded_at"].is_monotonic_increasing


def test_clients_that_were_counted_are_named_beside_their_records(folder: IncidentFolder) -> None:
    basis, _ = find_basis(folder, facts(folder), "events.healed")

    assert set(list_records(basis.parts[0], "payload.client")["entity"]) == {f"c{n}" for n in range(7)}


def test_no_number_and_no_time_is_without_its_rows(folder: IncidentFolder) -> None:
    found = facts(folder)

    assert uncovered(found) == []
    del found["provenance"]["last_dead_letter"]
    assert uncovered(found) == ["last_dead_letter.at", "last_dead_letter.age_s"]


def test_facts_that_left_the_folder_lead_back_to_the_same_rows(folder: IncidentFolder) -> None:
    """By ids, times and numbers alone; what is redacted is not needed."""
    found = facts(folder)

    assert describe_provenance(folder, redact_facts(folder.path, found)) == found["provenance"]


def test_rows_of_after_the_reports_moment_are_not_among_them(folder: IncidentFolder) -> None:
    """As of 14:05 twenty-one and eleven had died: at 0, 15 … 300 seconds, and at 0, 30 … 300."""
    found = facts(folder, as_of=at(7500).to_pydatetime())

    assert found["provenance"]["events.affected"]["parts"][0]["rows"] == 32


def test_a_first_look_has_no_provenance_and_says_its_sources(folder: IncidentFolder) -> None:
    found = facts(folder, first_look=True)

    assert found["provenance"] == {}
    (source,) = found["sources"]
    assert (source["evidence_id"], source["snapshot"], source["received"], source["requests"]) == ("001/1", "001", 309,
                                                                                                   None)  # fmt: skip


def test_sources_of_earlier_snapshots_are_named_because_their_rows_count(folder: IncidentFolder) -> None:
    gather(folder.path, [row(500, 200)])

    found = facts(open_incident(folder.path))

    assert [one["evidence_id"] for one in found["sources"]] == ["001/1", "002/1"]
    assert found["provenance"]["events.affected"]["parts"][0]["evidence"] == "001/1 002/1"


def test_a_fact_that_is_not_there_is_answered_with_those_that_are(folder: IncidentFolder) -> None:
    with pytest.raises(ParameterError, match=r"no fact 'lost'.*\n.*events\.affected"):
        find_basis(folder, facts(folder), "lost")


def test_an_id_counts_once_in_whatever_order_the_rows_came() -> None:
    """A sample is known by its series and its time: 12:00:00 and 12:00:15 of 2 March 2026, microseconds since 1970."""
    samples = counter("worker_dlq_total", [1.0, 2.0])
    twice = pd.concat([samples.iloc[::-1], samples])

    digest = hash_rows(Part("samples", twice, ""))

    assert digest == hashed("0 1772452800000000", "0 1772452815000000")


def test_samples_are_listed_by_their_series() -> None:
    table = show_rows(Part("samples", counter("worker_dlq_total", [1.0, 4.0], workflow_id="wf"), ""), 10)

    assert table.rows == (
        ("worker_dlq_total{workflow_id=wf}", "2", "2026-03-02 12:00:00 UTC", "1", "2026-03-02 12:00:15 UTC", "4"),
    )


def test_the_appendix_names_each_fact_and_how_to_list_its_records() -> None:
    found = make_facts()

    sections = dict(choose_sections(found))
    (line,) = show_provenance(found).rows

    assert show_provenance(found) in sections["Evidence"]
    assert line == ("events.affected", "Events that were dead-lettered", "12 of the execution records", "001/1",
                    "0123456789ab")  # fmt: skip
    commands = [command for _, command in show_reproduction(found).rows]
    assert "dlqkit event orders --snapshot 001 --fact events.affected" in commands
    assert show_reproduction(found) in sections["How to make it again"]


def test_hundreds_of_signatures_do_not_fill_the_appendix() -> None:
    """Five of them; the command lists the rest."""
    found = make_facts()
    fact = found["provenance"]["events.affected"]
    many = {f"signatures.{n:010x}": fact for n in range(200)}

    assert len(show_provenance({**found, "provenance": many}).rows) == 5


def test_quotes_in_an_id_stay_within_it(tmp_path: Path) -> None:
    """A workflow that is called so as to end the condition early."""
    name = "wf' or 1=1"
    rows = [{**one, "workflow_id": name} for one in [row(n, 120 + n / 4) for n in range(40)] + healthy(240, 1)]

    found = facts(gather(tmp_path / "incident", rows))

    assert found["provenance"]["events.affected"]["parts"][0]["filter"].startswith("workflow_id = 'wf'' or 1=1' and ")
