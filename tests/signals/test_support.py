from __future__ import annotations

import json

import pandas as pd
import pytest

from dlqkit.frames import SUPPORT_REPORTS, conform
from dlqkit.signals.signals import find_incidents
from dlqkit.signals.support import REPORTED, match_reports
from tests.frames import at, counter, dead, good, records


def reports(rows: list[dict[str, object]]) -> pd.DataFrame:
    return conform(pd.DataFrame([{"reported_at": at(900), **row} for row in rows]), SUPPORT_REPORTS)


ROWS = records([
    good(10, trace_id="t1"),
    dead(20, trace_id="t2", payload_snapshot='{"customer":{"id":"C-7"},"n":12}'),
    {"at": 30, "trace_id": "t3", "status": "failed", "queued_to_dlq": False},
    dead(40, trace_id="t4"),
    good(50, trace_id="t4"),
])  # fmt: skip


def test_each_reported_event_has_its_fate() -> None:
    """It succeeded, is dead, failed, was dead and then succeeded, never arrived; or the report names none."""
    asked = reports([{"trace_id": name} for name in ("t1", "t2", "t3", "t4", "t9")] + [{"note": "it does not work"}])

    found = match_reports(asked, ROWS)

    assert found["fate"].tolist() == ["succeeded", "dead", "failed", "succeeded", "never arrived", "unknown"]
    assert found["records"].tolist() == [1, 1, 1, 2, 0, 0]
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == dict(REPORTED)


@pytest.mark.parametrize("key", ["Жук-7", 'a"b', "a/b"])
def test_a_business_key_is_found_however_the_payload_spells_it(key: str) -> None:
    """JSON may write any letter by its number, and a slash behind a backslash."""
    spelled = json.dumps({"order": key}).replace("/", "\\/")

    found = match_reports(reports([{"business_key": key}]), records([dead(20, payload_snapshot=spelled)]))

    assert found["fate"].tolist() == ["dead"]


def test_a_business_key_is_found_where_the_settings_say_or_anywhere_in_the_payload() -> None:
    """C-7 is the customer of the dead event; 7 is no part of it, and 12 is no customer."""
    asked = reports([{"business_key": key} for key in ("C-7", "7", "12")])

    assert match_reports(asked, ROWS)["fate"].tolist() == ["dead", "never arrived", "dead"]
    by_key = match_reports(asked, ROWS, entity_key=["payload.customer.id"])
    assert by_key["fate"].tolist() == ["dead", "never arrived", "never arrived"]


def test_no_report_is_an_empty_frame() -> None:
    found = match_reports(conform(pd.DataFrame(), SUPPORT_REPORTS), ROWS)

    assert found.empty
    assert list(found.columns) == list(REPORTED)


def test_the_signal_counts_the_fates() -> None:
    asked = reports([{"trace_id": "t2"}, {"trace_id": "t9"}])

    found = find_incidents(counter("up", [1.0] * 100), records=ROWS, support_reports=asked)

    own = found[found["signal"] == "support"]
    assert own["evidence"].tolist() == ["2 reports from outside: 1 never arrived, 1 dead."]


@pytest.mark.parametrize(
    ("status", "fate"),
    [("Processed", "succeeded"), ("200", "succeeded"), (None, "succeeded"), ("running", "under way"),
     ("PENDING", "under way"), ("retrying", "under way"), ("503", "failed"), ("rejected", "failed")],
)  # fmt: skip
def test_a_status_is_read_as_everywhere_else(status: str | None, fate: str) -> None:
    """A record without an error whose status names no failure is a success, or still under way."""
    own = records([good(10, trace_id="t1", status=status)])

    assert match_reports(reports([{"trace_id": "t1"}]), own)["fate"].tolist() == [fate]


@pytest.mark.parametrize("key", [17.0, "17.0", " 17", "17 "])
def test_a_business_key_of_a_table_is_the_number_of_the_payload(key: object) -> None:
    own = records([dead(10, payload_snapshot='{"order":17}')])
    asked = pd.DataFrame({"reported_at": [at(900), at(900)], "business_key": [key, None]})
    asked["reported_at"] = asked["reported_at"].astype("datetime64[us, UTC]")

    assert match_reports(asked, own)["fate"].tolist() == ["dead", "unknown"]


def test_blanks_around_a_trace_do_not_hide_it() -> None:
    assert match_reports(reports([{"trace_id": " t2 "}]), ROWS)["fate"].tolist() == ["dead"]
