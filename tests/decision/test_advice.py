from __future__ import annotations

import re
from typing import Any

import pytest

from dlqkit.decision.advice import advise
from dlqkit.decision.ordered_steps import number_steps
from dlqkit.decision.others_advice import advise_on_others

COMMANDS = {"collect", "lab", "closure"}


def facts(failure_class: str = "business", **more: Any) -> dict[str, Any]:
    """Dead letters of one class that go on, with one signature."""
    signature = {"signature": "hm", "share": 1.0, "events": 12, "failure_class": failure_class,
                 "suggested_class": "unknown", "disputed": False, **more.pop("signature", {})}  # fmt: skip
    state = {"kind": "dead_letters", "value": "going_on", "reason": "12 dead letters"}
    return {
        "as_of": "2026-03-02T16:00:00+00:00",
        "state": {**state, **more.pop("state", {})},
        "class": {"value": failure_class, "disputed": 0, "timeout_ms": {"value": None}, **more.pop("class", {})},
        "signatures": [signature],
        "causes": [],
        "changes": {"rows": []},
        "events": {"affected": {"value": 12, "bound": "exact"}},
        "coverage": [],
        "republish": {"plans": [], "passed": [], "sent": []},
        **more,
    }


def cause(failure_class: str, events: int = 12, text: str = "hm", **more: Any) -> dict[str, Any]:
    """Events of one class, all of them open and in no plan, the last of them dead a minute before the evidence ends."""
    still_open = more.pop("open", events)
    left = {"unsent": still_open, "planned": 0, "in_doubt": 0, "unseen": 0, "died_again": 0} | more.pop("left", {})
    return {
        "failure_class": failure_class,
        "step": "as_class",
        "events": events,
        "open": still_open,
        "left": left,
        "first_at": "2026-03-02T14:00:00+00:00",
        "last_at": "2026-03-02T15:59:00+00:00",
        "state": "going_on",
        "signatures": [{"signature_id": "a1", "signature": text, "events": events}],
        "signature_count": 1,
        "traces": [f"t{number}" for number in range(min(still_open, 3))],
        "shared": None,
        **more,
    }


def words(rows: list[dict[str, str]], key: str = "action") -> str:
    return " ".join(row[key] for row in rows)


@pytest.mark.parametrize("failure_class", ["business", "infrastructure", "timeout", "mixed", "unknown"])
def test_each_class_says_what_to_do_why_what_would_be_wrong_and_what_is_unknown(failure_class: str) -> None:
    given = facts(failure_class)
    if failure_class == "mixed":
        given["causes"] = [cause("business"), cause("infrastructure", 6)]

    rows = advise(given, directory="incidents/one")

    assert all(row["action"] and row["reason"] for row in rows)
    assert words(rows, "wrong").strip()
    assert words(rows, "unknown").strip()
    assert {key for row in rows for key in row} == {"action", "reason", "command", "wrong", "unknown"}


def test_business_errors_are_not_to_be_run_again_as_they_are() -> None:
    rows = advise(facts("business"), directory="d")

    assert "Do not run these events again as they are" in words(rows)
    assert "dead-lettered a second time" in words(rows, "wrong")


def test_while_it_goes_on_the_root_comes_before_the_republish() -> None:
    going_on = advise(facts("infrastructure"), directory="d")
    ended = advise(facts("infrastructure", state={"value": "ended"}), directory="d")

    assert "republish only then" in going_on[0]["action"]
    assert "Make sure that what was unavailable is back" in ended[0]["action"]


def test_a_text_that_names_nothing_leaves_unknown_what_is_down() -> None:
    named = advise(facts("infrastructure", signature={"signature": "connection refused"}), directory="d")
    silent = advise(facts("infrastructure"), directory="d")

    assert "Whether it is back" in named[0]["unknown"]
    assert "does not name it" in silent[0]["unknown"]


def test_a_worker_without_access_is_given_access_not_a_repair_of_something_else() -> None:
    rows = advise(
        facts("infrastructure", signature={"signature": "PermissionDenied: <n> not authorized"}), directory="d"
    )

    assert "credentials or rights" in rows[0]["action"]


@pytest.mark.parametrize("key", ["names_dependency", "suggested_class"])
def test_raising_the_timeout_is_not_advised_while_the_text_names_what_is_down(key: str) -> None:
    """With the column of the classes, and from facts that are older than it."""
    down = {"names_dependency": True} if key == "names_dependency" else {"suggested_class": "infrastructure"}
    given = facts("timeout", signature=down)
    given["class"]["timeout_ms"]["value"] = 30_000

    rows = advise(given, directory="d")

    assert "raise its timeout" not in words(rows)
    assert "Raising the timeout" in rows[0]["wrong"]
    assert "raise its timeout" in words(advise(facts("timeout"), directory="d"))


def test_a_change_that_was_seen_after_the_onset_is_not_said_to_be_before_it() -> None:
    """The first payload with the new field was written 4.6 s after the first dead letter."""
    rows = [{"at": "2026-03-02T13:55:00+00:00", "kind": "note", "what": "deploy of 1.9", "before_s": 420.0},
            {"at": "2026-03-02T14:02:04+00:00", "kind": "payload", "what": "new field customerId",
             "before_s": -4.6}]  # fmt: skip

    (last,) = advise(facts("business", changes={"rows": rows}), directory="d")[-1:]

    assert last["reason"] == "13:55:00 deploy of 1.9; 14:02:04 new field customerId (seen first just after the onset)"


def test_each_cause_of_a_mixed_incident_is_treated_by_its_own_class() -> None:
    given = facts("mixed")
    given["causes"] = [
        cause("business", text="amount is required"),
        cause("timeout", text="connection refused", step="dependency"),
        cause("infrastructure", text="amount is required", step="disputed"),
        cause("business", text="token expired", step="access"),
    ]

    rows = advise(given, directory="d")

    assert "created anew" in rows[1]["action"]
    assert "restore what the action waits for" in rows[2]["action"]
    assert "contradict each other" in rows[3]["action"]
    assert "find who was refused" in rows[4]["action"] and "created anew" not in rows[4]["action"]


def test_no_event_of_a_mixed_incident_is_left_without_its_step() -> None:
    """71 + 1 need another input, 12 + 9 + 9 + 9 their database: 111 events, and the first sentence says both."""
    given = facts("mixed")
    told = {
        "business": [("customer_id is not valid", 71), ("note cannot be stored", 1)],
        "infrastructure": [("no route to host", 12), ("could not connect", 9), ("timed out waiting for a pool", 9),
                           ("server closed the connection", 9)],
    }  # fmt: skip
    given["causes"] = [
        cause(
            name,
            sum(count for _, count in rows),
            signatures=[{"signature_id": text, "signature": text, "events": count} for text, count in rows],
            signature_count=len(rows),
        )
        for name, rows in told.items()
    ]

    first, *steps = advise(given, directory="d")

    assert [row["action"] for row in steps] == [
        "72 events, business, going on: find what changed with the client who sends it; have the input created anew, "
        "corrected, and never republish it as it is.",
        "39 events, infrastructure, going on: find what is unavailable and restore it; republish only then.",
    ]
    assert first["action"] == f"There is more than one cause: 1) {steps[0]['action']} 2) {steps[1]['action']}"
    assert steps[0]["reason"] == "They say: customer_id is not valid (71); note cannot be stored (1)"
    assert steps[1]["reason"].endswith("server closed the connection (9)")


def test_of_two_causes_each_is_told_as_going_on_or_over_by_itself() -> None:
    """The client still sends broken payloads; the database has been back for two hours."""
    over = {"state": "ended", "last_at": "2026-03-02T14:00:07+00:00"}
    given = facts("mixed", causes=[cause("business", 92), cause("infrastructure", 46, **over)])

    row = advise(given, directory="d")[0]

    assert "1) 92 events, business, going on: find what changed" in row["action"]
    assert row["action"].endswith(
        "2) 46 events, infrastructure, none since 14:00:07 UTC: make sure that what was unavailable is back, then "
        "republish."
    )


def test_a_cause_that_was_over_the_day_before_is_told_with_its_day() -> None:
    over = {"state": "ended", "last_at": "2026-03-01T14:00:07+00:00"}
    given = facts("mixed", causes=[cause("business"), cause("infrastructure", **over)])

    assert "none since 2026-03-01 14:00:07 UTC" in advise(given, directory="d")[0]["action"]


def test_a_business_error_among_infrastructure_errors_is_kept_out_of_the_republish() -> None:
    """84 died in an outage that is over; one of them was refused by a rule, and is named by its trace."""
    given = facts("infrastructure", state={"value": "ended"},
                  causes=[cause("infrastructure", 83, state="ended"), cause("business", 1, state="ended")])  # fmt: skip

    first, *rest = advise(given, directory="d")

    assert first["action"] == (
        "Not all of these events need the same: "
        "1) 83 events, infrastructure: make sure that what was unavailable is back, then republish. "
        "2) 1 event, business, trace t0: correct the input with the client who sends it, and have it created anew; "
        "never republish it as it is."
    )
    assert "republish the open events" not in words([first, *rest])
    assert "their payloads are correct" not in words(rest, "reason")


def test_the_client_whose_events_fail_is_named_in_the_first_step() -> None:
    shared = {"field": "client_id", "text": "client_id = globex", "events": 65, "of": 65,
              "healthy_with": 173, "healthy": 1277}  # fmt: skip
    some = cause("business", 92, shared=shared | {"events": 91, "of": 92})
    going_on = facts("business", causes=[cause("business", 65, shared=shared)])
    over = facts("business", state={"value": "ended"}, causes=[cause("business", 65, shared=shared)])
    mixed = facts("mixed", causes=[some, cause("infrastructure", 46)])

    assert advise(going_on, directory="d")[0]["action"] == (
        "Find what changed in the input or the configuration, with the client who sends it (client_id = globex). "
        "Have the open events created anew, corrected; never run them again as they are."
    )
    assert advise(over, directory="d")[0]["action"] == (
        "Have the input of the open events corrected with the client who sends it (client_id = globex), and created "
        "anew; never run them again as they are."
    )
    assert "the client who sends it (client_id = globex in 91 of 92); have" in advise(mixed, directory="d")[0]["action"]


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ({"unsent": 4, "unseen": 6}, "open: 10, of these already sent: 6: make sure that what was unavailable is back"),
        ({"unsent": 0, "unseen": 10}, "already sent: 10: send none of them again before its outcome is known."),
        ({"unsent": 0, "died_again": 10}, "already sent: 10: find why they died again before anything is sent."),
        ({"unsent": 0, "planned": 10}, "open: 10: make sure that what was unavailable is back, then republish."),
    ],
)
def test_a_cause_says_what_of_it_was_already_sent(left: dict[str, int], told: str) -> None:
    """Of 12 events two have passed since; ten are open."""
    sent = cause("infrastructure", 12, open=10, left=left, state="ended")

    assert told in advise(facts("mixed", causes=[sent, cause("business", 5)]), directory="d")[1]["action"]


def test_a_cause_of_which_nothing_is_open_asks_for_nothing_unless_it_goes_on() -> None:
    done = cause("infrastructure", 46, open=0, state="ended")
    again = cause("infrastructure", 46, open=0)

    _, over, *_ = advise(facts("mixed", causes=[done, cause("business", 5)]), directory="d")
    _, on, *_ = advise(facts("mixed", causes=[again, cause("business", 5)]), directory="d")

    assert over["action"].endswith("open: 0: nothing is left to do for them.")
    assert on["action"].endswith("open: 0: find what makes them die; those of so far have succeeded since.")
    assert "republish" not in over["action"] + on["action"]


def test_of_many_signatures_that_need_the_same_the_first_are_shown_and_the_others_counted() -> None:
    """Six errors of two events each, of which the facts name four."""
    four = [{"signature_id": name, "signature": f"field {name}", "events": 2} for name in "abcd"]
    given = facts("mixed", causes=[cause("business", signatures=four, signature_count=6), cause("infrastructure", 5)])

    reason = advise(given, directory="d")[1]["reason"]

    assert reason == "They say: field a (2); field b (2); field c (2); field d (2); 2 more signatures"


def test_disputed_events_are_never_republished_with_the_others() -> None:
    rows = advise(facts("business", **{"class": {"disputed": 3}}), directory="d")

    assert "3 events" in words(rows, "reason")
    assert "Republishing disputed events" in words(rows, "wrong")


def test_where_the_texts_of_most_events_contradict_their_fields_that_is_settled_first() -> None:
    """Ten of twelve validation errors are flagged retryable: what an outage would need is said only after that."""
    rows = advise(facts("infrastructure", **{"class": {"disputed": 10}}), directory="d")

    assert rows[0]["action"].startswith("Look at single events first")
    assert all("republish" not in row["action"] or row["action"].startswith("If the fields are right") for row in rows)


def test_a_refused_access_is_not_laid_at_the_clients_door() -> None:
    """The worker's token has expired, and the worker does not retry that: the payloads may be in order."""
    rows = advise(facts("business", signature={"signature": "unauthorized: token expired"}), directory="d")

    assert "the worker, whose access is then to be restored" in rows[0]["action"]
    assert "created anew" not in words(rows)


def test_failed_events_of_which_nothing_tells_whether_they_are_dead_come_before_any_other_signal() -> None:
    untold = {"queued_to_dlq": "None of 720 records says whether it is a dead letter (queued_to_dlq); 120 failed."}

    rows = advise(facts(state={"kind": "duration"}, untold=untold), directory="d")

    assert "which field tells a dead letter" in rows[0]["action"]


def test_open_dead_events_want_their_decision_though_they_are_no_incident() -> None:
    rows = advise(facts(state={"kind": None, "value": "nothing", "open": 3}), directory="d")

    assert "3 dead events that are open" in rows[-1]["action"]
    assert "Nothing to do" not in words(rows)


def test_what_the_evidence_does_not_cover_is_to_be_collected() -> None:
    rows = advise(facts(state={"kind": None, "value": "nothing", "until": "2026-03-02T13:00:00+00:00"}), directory="d")

    assert rows[0]["action"] == "Collect to the end of the window: the evidence ends before it."
    assert "2026-03-02 13:00:00 UTC" in rows[0]["reason"]


def test_overrides_that_match_nothing_are_to_be_checked() -> None:
    rows = advise(facts("business", **{"class": {"unmatched_overrides": ["signature 0a"]}}), directory="d")

    assert "1 of them match nothing" in words(rows)


def test_what_changed_before_is_a_candidate_not_a_conclusion() -> None:
    changes = {"rows": [{"at": "2026-03-02T13:55:00+00:00", "kind": "note", "what": "deploy of 1.9"}]}

    rows = advise(facts("business", changes=changes), directory="d")

    assert "13:55:00 deploy of 1.9" in words(rows, "reason")
    assert "candidates, not conclusions" in words(rows, "unknown")


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("silence", "no event is being processed"),
        ("failures", "newest failures"),
        ("duration", "slows the action down"),
        ("support", "each reported event"),
    ],
)
def test_signals_without_dead_letters_have_advice_of_their_own(kind: str, action: str) -> None:
    rows = advise(facts("unknown", state={"kind": kind}), directory="d")

    assert action in rows[0]["action"]
    assert rows[0]["wrong"] and rows[0]["unknown"]


def test_failures_of_which_some_are_dead_already_are_not_said_to_have_attempts_left() -> None:
    """Four dead letters are too few for an incident of dead letters; where none is counted, they may still come."""
    few = advise(facts("unknown", state={"kind": "failures"}, metrics={"dead_letters_increase": 4.0}), directory="d")
    none = advise(facts("unknown", state={"kind": "failures"}, metrics={"dead_letters_increase": 0.0}), directory="d")

    assert few[0]["action"] == "Look at the newest failures: the attempts of some are used up already."
    assert few[0]["wrong"] == "Taking few dead letters for none: they stay until they are sent again."
    assert none[0]["wrong"] == "Waiting for dead letters: they follow once the attempts are used up."


def test_a_quiet_window_is_nothing_to_do_and_says_what_it_cannot_see() -> None:
    rows = advise(facts("unknown", state={"kind": None, "value": "nothing"}), directory="d")

    assert [row["action"][:13] for row in rows] == ["Nothing to do"]
    assert "no source has seen" in rows[0]["unknown"]


def test_evidence_that_is_cut_or_partial_is_to_be_completed() -> None:
    given = facts("business", events={"affected": {"value": 100, "bound": "at_least"}},
                  coverage=[{"kind": "prometheus", "completeness": "partial", "missing": ["no answer"]}])  # fmt: skip

    rows = advise(given, directory="d")

    assert "whole list of dead letters" in words(rows)
    assert "Collect again: prometheus is partial." in words(rows)
    assert "no answer" in words(rows, "reason")


def cut(**republish: Any) -> dict[str, Any]:
    """The counter saw 141 dead letters, the API listed 103."""
    given = facts("timeout", metrics={"dead_letters_increase": 141.0})
    given["events"] |= {"affected": {"value": 103, "bound": "at_least"}, "open": {"value": 8, "bound": "of_seen"}}
    given["republish"] |= republish
    return given


def test_how_many_dead_letters_no_record_lists_is_said_in_the_step_that_gets_them() -> None:
    first, *rows = advise(cut(), directory="d")
    row = next(row for row in rows if "whole list" in row["action"])

    # Who republishes what is listed would forget the rest.
    assert first["action"].endswith(
        " then republish. Get the whole list of dead letters before you republish: 38 are in no record."
    )
    assert "38 are in no record" in row["action"]
    assert row["reason"] == "The counter saw 141 and the records hold 103; what no record lists is in no plan."


def test_the_outcome_of_what_was_sent_comes_before_the_list_of_what_no_plan_can_know() -> None:
    """95 passed and 7 are not seen yet; 38 others were never listed, so nobody has done anything for them."""
    totals = {"passed": 95, "not_seen": 7, "running": 0, "in_doubt": 0, "not_sent": 0}
    plan = {"plan_id": "plan-001", "totals": totals, "is_cancelled": False, "events": 102, "approved": None}

    given = cut(plans=[plan], passed=["k1"])
    given["state"]["value"] = "ended"
    first, *steps = advise(given, directory="d")

    assert first["action"] == f"In this order: {number_steps([row['action'] for row in steps[:3]])}"
    assert first["command"] == "dlqkit republish prove d plan-001"
    assert steps[0]["action"].startswith("Before anything else is sent, see what became of the 7 events sent again ")
    assert "38 are in no record" in steps[2]["action"]
    assert not [row for row in steps[3:] if "whole list" in row["action"]]


def test_a_counter_that_is_two_ahead_of_the_records_tells_of_no_missing_event() -> None:
    given = cut() | {"metrics": {"dead_letters_increase": 105.0}}

    row = next(row for row in advise(given, directory="d") if "whole list" in row["action"])

    assert row["unknown"] == "How many more there are."


def test_where_nothing_answered_the_question_is_to_be_checked() -> None:
    rows = advise(facts("unknown", state={"kind": None, "value": "unknown"}), directory="d")

    assert len(rows) == 1
    assert "healthy worker" in rows[0]["wrong"]


def test_commands_name_the_folder_safely_and_exist() -> None:
    given = facts("business", state={"kind": "silence"})

    rows = advise(given, directory="my incident; rm -rf x")

    assert all("'my incident; rm -rf x'" in row["command"] for row in rows if row["command"])
    assert {re.split(" +", row["command"])[1] for row in rows if row["command"]} <= COMMANDS


def test_what_began_before_the_evidence_is_to_be_looked_for_earlier() -> None:
    rows = advise(facts("business", onset={"is_window_start": True}), directory="d")

    assert any("Collect from earlier on" in row["action"] and "--since 24h" in row["command"] for row in rows)


def test_an_incident_is_closed_once_it_has_ended_and_not_before() -> None:
    """Every event has succeeded: ended, it is closed; passing again, it is watched; going on, its cause is sought."""
    rows = {}
    for state in ("ended", "recovering", "going_on"):
        given = facts("infrastructure", state={"value": state})
        given["events"] |= {"open": {"value": 0, "bound": "exact"}, "healed": {"value": 12, "bound": "exact"}}
        rows[state] = advise(given, directory="in/one")[0]

    assert rows["ended"]["action"].endswith("Close it by the checklist.")
    assert rows["ended"]["command"] == "dlqkit closure in/one"
    assert rows["recovering"]["action"].endswith(
        "Watch until it is known to have ended, then close it by the checklist."
    )
    assert rows["recovering"]["command"] == "dlqkit closure in/one --watch"
    assert "lose it by" not in rows["going_on"]["action"] and "it goes on" in rows["going_on"]["action"]


def alike(**more: Any) -> dict[str, Any]:
    """Twelve events of profile-update; two other workflows died of the same, a third of something else."""
    others = [
        {"workflow_id": "wf-2", "name": "stock-reserve", "events": 31.0, "alike": True},
        {"workflow_id": "wf-3", "name": "invoice-issue", "events": 45.0, "alike": True},
        {"workflow_id": "wf-4", "name": "mail-send", "events": 9.0, "alike": False},
    ]
    incident = {"window": {"start": "2026-03-02T12:00:00+00:00"}}
    workflow = {"id": "wf-1", "name": "profile-update"}
    return facts("infrastructure", other_workflows=others, incident=incident, workflow=workflow, **more)


def test_workflows_that_failed_alike_are_to_be_looked_at_before_anything_is_closed() -> None:
    """All events of one have passed after the republish; of the two others' 45 and 31 nothing was sent."""
    given = alike(state={"value": "ended"})
    given["events"] |= {"open": {"value": 0, "bound": "exact"}, "healed": {"value": 12, "bound": "exact"}}

    first, second, last = advise(given, directory="d")

    assert first["action"] == (
        "Look at invoice-issue (45) and stock-reserve (31) too: they failed alike, and this report is of "
        "profile-update alone."
    )
    assert first["reason"].startswith("45 dead letters are counted there, and no plan")
    assert first["command"] == "dlqkit investigate --workflow wf-3 --start 2026-03-02T12:00:00+00:00"
    assert second["action"].startswith("Look at stock-reserve (31) too: ")
    assert second["command"] == "dlqkit investigate --workflow wf-2 --start 2026-03-02T12:00:00+00:00"
    assert "Nothing is left to republish" in last["action"]


def test_of_many_workflows_that_failed_alike_three_have_a_command_of_their_own() -> None:
    """Five others, by their dead letters 9, 7, 5, 3 and 1: the last two are one row, with the list of all."""
    others = [{"workflow_id": f"wf-{lost}", "name": None, "events": float(lost), "alike": True}
              for lost in (1, 3, 5, 7, 9)]  # fmt: skip

    rows = advise_on_others(alike() | {"other_workflows": others})

    assert [row["command"].split()[-3] for row in rows[:3]] == ["wf-9", "wf-7", "wf-5"]
    assert rows[3]["action"] == "Look at wf-3 (3) and wf-1 (1) too: they failed alike."
    assert rows[3]["command"] == "dlqkit signals --start 2026-03-02T12:00:00+00:00"
    assert len(rows) == 4


def test_while_events_are_open_the_other_workflows_come_after_what_their_class_asks_for() -> None:
    rows = [row["action"] for row in advise(alike(), directory="d")]

    assert "republish only then" in rows[0]
    assert rows[0].endswith("Then look at invoice-issue (45) and stock-reserve (31): they failed alike.")
    assert any(row.startswith("Look at invoice-issue (45)") for row in rows[1:])


def against(name: str, state: str, why: str, count: float = 1.0) -> dict[str, Any]:
    """An item of the closing checklist that does not hold."""
    at = "2026-03-02T15:46:00+00:00" if state == "no" else None
    return {"name": name, "state": state, "why": why, "count": count, "newest_at": at, "accepted": None}


@pytest.mark.parametrize("state", ["no", "unknown"])
def test_what_cannot_be_closed_by_the_checklist_is_not_to_be_closed_by_the_advice(state: str) -> None:
    """Everything has passed, and an event died of something else since: the report says so in both places."""
    why = "1 in the 46 minutes since the end."
    given = facts("infrastructure", state={"value": "ended"},
                  closure={"items": [against("records", state, why), against("ticket", "person", "-")]})  # fmt: skip
    given["events"] |= {"open": {"value": 0, "bound": "exact"}, "healed": {"value": 12, "bound": "exact"}}

    (row,) = advise(given, directory="d")
    given["closure"]["items"][0]["accepted"] = {"by": "ann"}
    (answered_for,) = advise(given, directory="d")

    told = {"no": "1 new dead letter at 15:46:00 UTC", "unknown": "whether there are new dead letters is not known"}
    assert row["action"].endswith(f"It cannot be closed yet: {told[state]}.")
    assert row["reason"] == why
    assert answered_for["action"].endswith("Close it by the checklist.")


def test_of_a_silence_that_has_ended_nothing_is_said_of_events_that_are_not_processed() -> None:
    """Events pass again: what is left is whether any was lost, and why none was processed."""
    first, second = advise(facts("infrastructure", state={"kind": "silence", "value": "ended"}), directory="d")

    assert first["action"] == "Collect again and see whether events were lost or only waited: it works again."
    assert first["command"] == "dlqkit collect d"
    assert second["action"] == "Find why no event was processed, before it falls silent again."


@pytest.mark.parametrize(
    ("alike", "error"),
    [(0, "another error (account <n> is closed)"), (1, "an error of the incident's (account <n> is closed)")],
)
def test_what_keeps_it_open_is_named_by_when_it_came_and_by_its_error(alike: int, error: str) -> None:
    """The counter grew by the one that the records name, so it is told once."""
    items = [against("metrics", "no", "grew"), against("records", "no", "one")]
    later = {"count": 1, "open": 1, "alike": alike, "newest_at": "2026-03-02T15:46:00+00:00",
             "signature": "account <n> is closed"}  # fmt: skip
    given = facts("infrastructure", state={"value": "ended"}, closure={"items": items}, later_dead_letters=later)
    given["events"] |= {"open": {"value": 0, "bound": "exact"}, "healed": {"value": 12, "bound": "exact"}}

    (row,) = advise(given, directory="d")
    items[0]["count"] = 3.0
    (counted,) = advise(given, directory="d")

    assert row["action"].endswith(
        f"It cannot be closed yet: 1 new dead letter at 15:46:00 UTC with {error}. "
        "Decide about the 1 event that died after the incident, too."
    )
    assert "the dead-letter counter has grown since and 1 new dead letter" in counted["action"]


VERSION = {"at": "2026-03-02T13:50:00+00:00", "kind": "version", "what": "version 1.8 → 1.9 on w1", "before_s": 600.0}
ROLL_BACK = "It goes on, so first undo the last version of before the onset: version 1.8 → 1.9 on w1 (13:50:00 UTC). "


def test_while_events_die_what_stops_it_comes_first_also_after_a_republish() -> None:
    """95 passed, 38 are in no record, and they go on dying: neither the list nor the proof stops that."""
    totals = {"passed": 95, "not_seen": 7, "running": 0, "in_doubt": 0, "not_sent": 0}
    plan = {"plan_id": "plan-001", "totals": totals, "is_cancelled": False, "events": 102, "approved": None}
    given = cut(plans=[plan], passed=["k1"]) | {"causes": [cause("timeout")], "changes": {"rows": [VERSION]}}

    actions = [row["action"] for row in advise(given, directory="d")]

    stop, prove, _, get = actions[1:5]
    assert actions[0] == f"In this order: {number_steps(actions[1:5])}"
    assert stop == ROLL_BACK.strip()
    assert prove.startswith("Before anything else is sent, see what became of the 7 events sent again ")
    assert get.startswith("Get the whole list of dead letters (38 are in no record): ")


@pytest.mark.parametrize(
    ("failure_class", "names_dependency", "state", "is_told"),
    [
        ("timeout", False, "going_on", True),
        ("infrastructure", False, "going_on", True),
        ("infrastructure", True, "going_on", False),
        ("business", False, "going_on", False),
        ("timeout", False, "ended", False),
    ],
)
def test_a_version_is_rolled_back_only_while_it_goes_on_and_no_error_speaks_of_another_cause(
    failure_class: str, names_dependency: bool, state: str, is_told: bool
) -> None:
    given = facts(failure_class, changes={"rows": [VERSION]}, state={"value": state}, causes=[cause(failure_class)])
    given["signatures"][0] |= {"failure_class": failure_class, "names_dependency": names_dependency}

    assert advise(given, directory="d")[0]["action"].startswith(ROLL_BACK) == is_told


def test_after_the_fix_nothing_is_rolled_back_but_it_is_watched_whether_the_fix_holds() -> None:
    """The fix is of 15:59:30, the last dead letter of 15:59:00, and the evidence ends half a minute later."""
    given = facts("timeout", changes={"rows": [VERSION]}, causes=[cause("timeout")],
                  last_dead_letter={"at": "2026-03-02T15:59:00+00:00"})  # fmt: skip
    given["state"]["fixed_at"] = "2026-03-02T15:59:30+00:00"

    row = advise(given, directory="d")[0]
    given["state"]["fixed_at"] = "2026-03-02T15:58:30+00:00"
    in_vain = advise(given, directory="d")[0]

    assert row["action"].startswith(
        "First wait until it is known whether the fix holds (dlqkit closure … --watch). Find what slowed"
    )
    assert row["command"] == "dlqkit closure d --watch"
    assert in_vain["action"].startswith(ROLL_BACK)


def test_after_many_usual_gaps_no_cause_is_told_as_going_on() -> None:
    """341 in 142 minutes are one every 25 s, and nothing died in the last four minutes; 112 passed since."""
    left = {"unsent": 0}
    given = facts(
        "mixed",
        onset={"at": "2026-03-02T13:34:00+00:00"},
        last_dead_letter={"at": "2026-03-02T15:56:00+00:00", "age_s": 240.0},
        causes=[cause("business", 229, last_at="2026-03-02T15:56:00+00:00"),
                cause("infrastructure", 112, state="ended", last_at="2026-03-02T14:10:00+00:00", open=0, left=left)],
    )  # fmt: skip
    given["events"] = {"affected": {"value": 341, "bound": "exact"}, "open": {"value": 229, "bound": "exact"}}
    totals = {"passed": 112, "not_seen": 0, "running": 0, "in_doubt": 0, "not_sent": 0}
    plan = {"plan_id": "plan-001", "totals": totals, "is_cancelled": False, "events": 112, "approved": None}
    unsent = [{"failure_class": "business", "events": 229, "traces": ["t1"]}]
    before = advise(given, directory="d")
    given["republish"] |= {"plans": [plan], "passed": ["k1"], "unsent": unsent}

    assert before[1]["action"].startswith("229 events, business, none since 15:56:00 UTC: correct the input")
    decide = "Decide about the 229 events still open and in no plan (business: 229): correct the input"
    assert advise(given, directory="d")[0]["action"].startswith(decide)
    given["changes"] = {"rows": [VERSION, {"at": "2026-03-02T13:34:10+00:00", "kind": "payload", "what": "field a …",
                                           "before_s": -10.0, "brief": "field a renamed to b"}]}  # fmt: skip
    gone = "In this order: 1) See that the cause is gone; it may be field a renamed to b. 2) Decide about the 229"
    assert advise(given, directory="d")[0]["action"].startswith(gone)
    given["last_dead_letter"]["age_s"] = 60.0
    first, *rows = advise(given, directory="d")
    assert rows[0]["action"].startswith("229 events, business, going on: ")
    assert f"1) {rows[0]['action']} 2) {rows[1]['action']}" in first["action"]
    assert rows[2]["action"].startswith(decide)


def test_a_timeout_far_above_what_is_usual_is_not_to_be_raised() -> None:
    """The records hold no durations of before the onset; the signal of the duration knows them from the metrics."""
    given = facts("timeout", workflow={"id": "wf"}, **{"class": {"timeout_ms": {"value": 60_000.0}}})
    given["signals"] = [{"signal": "duration", "workflow_id": "wf", "baseline": 140.0}]

    assert "raise its timeout" not in words(advise(given, directory="d"))
    given["signals"][0]["baseline"] = 40_000.0
    assert "raise its timeout only if it usually takes as long" in words(advise(given, directory="d"))


def test_open_dead_events_of_a_quiet_window_are_named() -> None:
    given = facts(state={"kind": None, "value": "nothing", "open": 5, "open_traces": ["t1", "t2", "t3"]})

    assert advise(given, directory="d")[0]["action"].endswith(" Traces: t1, t2, t3 and 2 more.")
    given["state"]["old_messages"] = 11
    assert advise(given, directory="d")[0]["action"].endswith(
        " and 2 more. Decide about the 11 messages of before the window in the dead-letter subscriptions, too."
    )
