from __future__ import annotations

import json
from typing import Any

from dlqkit.decision.payload_changes import payload_changes
from tests.frames import at, good, records

BEGIN, END = at(3600), at(5400)


def rows(change: str, since: float = 4800) -> list[dict[str, Any]]:
    """A payload each ten seconds for two hours; from ``since`` on every second one is changed."""
    out = []
    for number in range(720):
        order: dict[str, Any] = {"amount": 12.5, "lines": [{"sku": f"s{number}"}]}
        payload: dict[str, Any] = {"order": order, "client": f"c{number % 5}", "n": number}
        if 10 * number >= since and number % 2:
            if change == "type":
                order["amount"] = "12.5"
            elif change == "new":
                order["coupon"] = "x"
            elif change == "renamed":
                order["total"] = order.pop("amount")
            elif change == "replaced":
                order["total"] = str(order.pop("amount"))
            elif change == "gone":
                del payload["order"]
            elif change == "client":
                payload["client"] = "c9"
        out.append(good(10 * number, payload_snapshot=json.dumps(payload)))
    return out


def test_a_new_field_a_new_type_and_a_field_that_is_gone_are_changes() -> None:
    said = {change: payload_changes(records(rows(change)), BEGIN, END) for change in ("type", "new", "gone")}

    assert [row["what"].rpartition(", in ")[0] for row in said["type"]] == ["field order.amount: number → text"]
    assert [row["what"].rpartition(", in ")[0] for row in said["new"]] == ["new field order.coupon (text)"]
    assert [row["what"].rpartition(", in ")[0] for row in said["gone"]] == ["field order is gone"]
    assert said["type"][0]["at"] == at(4810)


def test_a_field_that_is_gone_wherever_a_new_one_of_its_kind_is_was_renamed() -> None:
    """360 payloads of before the window have ``order.amount``; every second one since has another name for it."""
    (renamed,) = payload_changes(records(rows("renamed")), BEGIN, END)
    replaced = payload_changes(records(rows("replaced")), BEGIN, END)

    assert renamed["brief"] == "field order.amount renamed to order.total"
    assert renamed["what"] == f"{renamed['brief']}, in 120 of 239 payloads since"
    assert [row["brief"] for row in replaced] == ["new field order.total (text)", "field order.amount is gone"]


def test_a_new_client_is_a_change_by_the_settings_key_or_by_itself() -> None:
    frame = records(rows("client"))

    for key in ((), ("payload.client",)):
        found = payload_changes(frame, BEGIN, END, key)
        assert [(row["kind"], row["what"].rpartition(", in ")[0]) for row in found] == [("client", "client c9 is new")]


def test_what_was_there_before_or_is_different_each_time_is_no_change() -> None:
    """Ids are new in every payload; a change an hour earlier is not before the onset."""
    assert payload_changes(records(rows("none")), BEGIN, END) == []
    assert payload_changes(records(rows("type", since=1200)), BEGIN, END) == []


def test_records_that_begin_in_the_window_do_not_tell_what_is_new() -> None:
    assert payload_changes(records(rows("type")[361:]), BEGIN, END) == []


def test_payloads_that_are_no_json_are_said_so_and_break_nothing() -> None:
    broken = [{**row, "payload_snapshot": "{"} if row["at"] in (5000, 5010) else row for row in rows("none")]

    said = [row["what"].rpartition(", in ")[0] for row in payload_changes(records(broken), BEGIN, END)]

    assert "no payload that is JSON" in said
