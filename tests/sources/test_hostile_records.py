"""Whatever a record holds: it is kept or put apart, and its neighbours are as they came."""

from __future__ import annotations

import json
import time
from collections import Counter

import pandas as pd
import pytest

from dlqkit.errors import DlqkitError
from dlqkit.settings import ExecutionLogsSettings
from dlqkit.sources import record_decode
from dlqkit.sources.record_decode import Decoded, decode_page, finish_records
from dlqkit.sources.record_repair import Quarantined, mend_record
from tests.sources.hostile_records import CASES, GOOD, PAYLOAD, Case, element

MOST_S = 10.0
NEIGHBOUR = decode_page(b"[" + GOOD + b"]").frame.iloc[0]
BY_CATEGORY = {name: [case for case in CASES if case.category == name] for name in Counter(c.category for c in CASES)}


def read(case: Case, settings: ExecutionLogsSettings | None = None, *, is_bare: bool = False) -> Decoded:
    before, behind = (GOOD.replace(b'"r1"', b'"before"'), GOOD.replace(b'"r1"', b'"behind"'))
    began = time.monotonic()
    array = b"[" + b",\n".join([before, case.raw, behind]) + b"]"
    page = decode_page(array if is_bare else b'{"items": ' + array + b', "total": 3}', settings)
    assert time.monotonic() - began < MOST_S, case
    return page


def test_the_corpus_is_as_large_and_as_broad_as_it_is_said_to_be() -> None:
    assert len(CASES) >= 500
    assert len({case.raw for case in CASES}) > 450
    assert set(BY_CATEGORY) == {"numbers", "texts", "structures", "mixed types", "missing fields", "duplicate keys",
                                "extra fields", "times", "durations", "no record"}  # fmt: skip


@pytest.mark.parametrize("category", BY_CATEGORY)
@pytest.mark.parametrize(("zone", "is_bare"), [(None, True), ("Europe/Berlin", False)])
def test_each_record_is_kept_or_put_apart_and_its_neighbours_are_as_they_came(
    category: str, zone: str | None, is_bare: bool
) -> None:
    """A page of three: the sum is right, and of the two around it nothing was changed, not a space of a payload."""
    for case in BY_CATEGORY[category]:
        page = read(case, ExecutionLogsSettings(timezone=zone), is_bare=is_bare)

        assert page.received == len(page.frame) + len(page.quarantined) == 3, case
        assert is_bare or page.wrapper["total"] == 3, case
        for name in ("before", "behind"):
            own = page.frame[page.frame["record_id"] == name]
            assert len(own) == 1, case
            expected = NEIGHBOUR.drop(["record_id", "extra_json"])
            assert own.iloc[0].drop(["record_id", "extra_json"]).equals(expected), case


@pytest.mark.parametrize("category", BY_CATEGORY)
def test_a_payload_is_kept_to_the_letter_or_the_record_is_put_apart(category: str) -> None:
    """What is republished is the payload's own text; one that had to be mended would be another event."""
    for case in BY_CATEGORY[category]:
        page = read(case)
        own = page.frame[~page.frame["record_id"].isin(["before", "behind"])]
        for payload in own["payload_snapshot"].dropna():
            given = (case.payload or b"").decode()
            # Where the API gives a payload as text, that text is the payload.
            assert payload in (given, json.loads(given) if given[:1] == '"' else given), case
        for apart in page.quarantined:
            assert apart.reason.startswith("It "), case
        raws = [one.raw for one in page.quarantined]
        assert len(own) == 1 or case.raw in raws or json.loads(raws[0]) == json.loads(case.raw), case


UNREADABLE = (
    ("queued_to_dlq", "maybe"), ("queued_to_dlq", 2), ("retryable", [True]), ("attempts", "three"), ("attempts", -1),
    ("attempts", 2.5), ("attempts", 10**30), ("action_duration_ms", "1 s"), ("created_at", "yesterday"),
    ("created_at", "2026-13-01T00:00Z"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "value"), UNREADABLE)
def test_a_value_that_cannot_be_read_is_kept_as_it_came(name: str, value: object) -> None:
    """An export has no raw page beside it: what stands nowhere else would be lost."""
    rows = [{**json.loads(GOOD), name: value}, {**json.loads(GOOD), "id": "r2", "color": "red"}]
    page = decode_page(json.dumps(rows).encode())
    frame, findings, _ = finish_records(rows)

    column = {"created_at": "recorded_at"}.get(name, name)
    for own, said in ((page.frame, page.findings), (frame, findings)):
        assert own[column].isna().tolist() == [True, False]
        kept = [json.loads(text) if isinstance(text, str) else {} for text in own["extra_json"]]
        assert kept[0]["_unread"] == {name: value}
        assert "_unread" not in kept[1]
        assert kept[1]["color"] == "red"
        assert (
            f"Some values of {name} cannot be read; they are left empty, and kept in extra_json as they came." in said
        )


def test_a_number_that_is_none_is_kept_to_the_letter_and_costs_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in a page that is too large for its records to be looked at one by one in every field."""
    monkeypatch.setattr(record_decode, "MOST_ELEMENTS", 1)
    body = b"[" + GOOD + b"," + GOOD.replace(b'"attempts": 5', b'"attempts": -1.50e0') + b"]"
    assert body.count(b"-1.50e0") == 1

    page = decode_page(body)

    assert page.frame["attempts"].isna().tolist() == [False, True]
    assert '"_unread":{"attempts":-1.50e0}' in page.frame["extra_json"][1]


def test_a_field_that_is_called_as_what_cannot_be_read_is_kept_beside_it() -> None:
    rows = [{**json.loads(GOOD), "attempts": "three", "_unread": 7}]

    for frame in (decode_page(json.dumps(rows).encode()).frame, finish_records(rows)[0]):
        assert json.loads(frame["extra_json"][0])["_unread"] == {"attempts": "three", "_unread": 7}


def test_a_time_without_a_zone_is_told_of_and_kept_nowhere() -> None:
    """It comes back once the zone is set, and would be another value in every record."""
    rows = [{**json.loads(GOOD), "created_at": "2026-03-02 14:00:00"}]
    for frame, said in (
        (decode_page(json.dumps(rows).encode()).frame, decode_page(json.dumps(rows).encode()).findings),
        finish_records(rows)[:2],
    ):
        assert frame["recorded_at"].isna().all()
        assert not frame["extra_json"].astype("str").str.contains("_unread").any()
        assert "Times have no zone, so they are not used; set execution_logs.timezone." in said


def test_a_field_that_another_column_reads_is_read() -> None:
    """A service whose status says that an event died."""
    fields = {"queued_to_dlq": "status", "status": "status"}
    frame, findings, _ = finish_records([json.loads(GOOD)], ExecutionLogsSettings(fields=fields))

    assert frame["status"].tolist() == ["failed"]
    assert not any("cannot be read" in text for text in findings)
    assert not frame["extra_json"].astype("str").str.contains("_unread").any()


def test_a_value_that_is_absent_is_none_that_cannot_be_read() -> None:
    """As null, as an empty text of a CSV, or as no field at all."""
    good = json.loads(GOOD)
    rows = [{**good, "attempts": None}, {**good, "attempts": ""}, {k: v for k, v in good.items() if k != "attempts"}]

    frame, findings, _ = finish_records(rows)

    assert frame["attempts"].isna().all()
    assert not any("cannot be read" in text for text in findings)
    assert not any("attempts" in text for text in frame["extra_json"].dropna())


@pytest.mark.parametrize(("word", "expected"), [("Y", True), ("n", False), ("yes", True), ("No", False), ("T", True)])
def test_yes_and_no_are_read_in_their_usual_forms(word: str, expected: bool) -> None:
    frame, _, _ = finish_records([{**json.loads(GOOD), "queued_to_dlq": word}])

    assert frame["queued_to_dlq"].tolist() == [expected]


def test_ids_are_never_mended() -> None:
    """A trace with a letter replaced is another trace."""
    for case in BY_CATEGORY["texts"]:
        for row in read(case).frame.itertuples():
            assert (
                "\ufffd" not in f"{row.record_id}{row.trace_id}{row.workflow_id}{row.status}{row.payload_snapshot}"
            ), case


def test_the_whole_corpus_on_one_page_comes_to_the_same_sum() -> None:
    body = b"[" + b",".join(case.raw for case in CASES) + b"]"
    began = time.monotonic()
    page = decode_page(body)

    assert page.received == len(page.frame) + len(page.quarantined) == len(CASES)
    assert time.monotonic() - began < MOST_S
    assert page.frame["payload_snapshot"].eq(PAYLOAD.decode()).sum() > 250
    assert pd.api.types.is_datetime64_any_dtype(page.frame["recorded_at"])


@pytest.mark.parametrize("wrapper", [b'{"items": [%b]', b"[%b", b"%b]", b'{"items": [%b], "next": NaN', b"\xff[%b"])
def test_a_page_that_is_broken_outside_its_records_is_refused_in_words(wrapper: bytes) -> None:
    with pytest.raises(DlqkitError, match="Next: "):
        decode_page(wrapper.replace(b"%b", GOOD))


def test_what_is_odd_beside_the_records_costs_none() -> None:
    page = decode_page(b'\xef\xbb\xbf{"note": "\xff \\ud800", "took": NaN, "items": [' + GOOD + b"]}")

    assert (len(page.frame), page.received) == (1, 1)


def test_a_record_of_more_fields_than_any_has_is_put_apart_before_they_are_made() -> None:
    wide = b'{"id": "w", "status": "x", ' + b", ".join(b'"%05d": 1' % number for number in range(10_000)) + b"}"
    page = decode_page(b"[" + GOOD + b"," + wide + b", 5]")

    assert (len(page.frame), page.received, page.odd_at) == (1, 3, (1, 2))
    assert page.quarantined[0].raw == wide
    assert page.quarantined[0].reason == "It has more than 10,000 fields."


def test_a_broken_record_of_too_many_fields_is_put_apart_before_it_is_mended() -> None:
    wide = b'{"status": "x", "attempts": NaN' + b"".join(b', "%05d": 1' % number for number in range(10_000)) + b"}"
    found = mend_record(wide)

    assert isinstance(found, Quarantined)
    assert found.reason == "It has more than 10,000 fields."


def test_a_long_error_that_is_no_json_is_put_apart_and_a_long_payload_kept() -> None:
    long = b"[NaN" + b", []" * 30_000 + b"]"
    page = decode_page(b"[" + element({"last_error": long}) + b"," + element({"payload_snapshot": long}) + b"]")

    assert page.odd_at == (0,)
    assert page.quarantined[0].reason == "It is no JSON. Its field is 'last_error'."
    assert page.frame["payload_snapshot"].tolist() == [long.decode()]


@pytest.mark.parametrize(("limit", "most"), [("_MOST_NAMES", 30), ("_MOST_FIELDS_AT_ONCE", 40)])
def test_a_page_of_too_many_fields_is_refused_rather_than_built(
    limit: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_decode, limit, most)
    rows = [{"status": "x", **{f"f{number}_{own}": 1 for own in range(9)}} for number in range(9)]

    with pytest.raises(DlqkitError, match=f"more than {most} fields at once"):
        decode_page(json.dumps(rows).encode())
    monkeypatch.undo()
    assert len(decode_page(json.dumps(rows).encode()).frame) == 9
