"""A plan of records that outgrow memory is the one that is made of them in memory; of many events a part is planned."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import ParameterError
from dlqkit.evidence.folder import IncidentFolder, open_incident
from dlqkit.report.planning import plan_incident
from dlqkit.report.scale import parts
from dlqkit.republish.plan import Plan
from dlqkit.republish.selection import Selection
from dlqkit.settings import Settings
from tests.report.scale.test_triage_facts import (
    Rows,
    collected,
    good,
    healing,
    new_field,
    row,
    summed,
    together,
    twice,
    untimed,
    usual,
)

TOPIC = "projects/p/topics/orders"
RULES = {"republish": {"allowed_topics": [TOPIC], "max_rate": 10}, "workflows": {"wf": {"topic": TOPIC}}}
OF_WF = Selection(workflows=("wf",))


def rules(**own: Any) -> Settings:
    return Settings.model_validate({**RULES, "workflows": {"wf": {"topic": TOPIC, **own}}})


def planned(
    folder: Path, engine: str, selection: Selection = OF_WF, settings: Settings | None = None, **more: Any
) -> Plan:  # fmt: skip
    opened = open_incident(folder / "incident", engine=engine)
    return plan_incident(opened, selection, settings or rules(), **more)[0]


def superseding() -> Rows:
    """Each event is of another client; of the one of t7 a newer event succeeds."""
    rows = usual()
    for number, one in enumerate(rows):
        one["payload_snapshot"] = {**one["payload_snapshot"], "client": f"c{number}"}
    return [*rows, good(9_000, 290, payload_snapshot={"client": "c607", "order": 1, "currency": "EUR"})]


def refused() -> Rows:
    """Forty events of one error, the first ten of which succeeded since; two more are being tried again."""
    text = "connection to 10.0.0.1:5432 refused"
    dead = [row(n, 180 + n / 2, last_error=text) for n in range(40)]
    since = [one for one in healing() if "h" in one["id"] and one["id"] != "h13"]
    return [good(n, n / 2) for n in range(600)] + dead + since


@pytest.mark.parametrize("rows", [usual, healing, twice, summed, together, new_field, untimed, refused])
@pytest.mark.parametrize("whole", [True, False])
def test_a_plan_on_duckdb_is_the_plan_in_memory(
    rows: Callable[[], Rows], whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where only the records are read that the plan rests on: the hash is over every word of it."""
    collected(tmp_path, rows())
    monkeypatch.setattr(parts, "MOST_WHOLE", 200_000 if whole else 0)

    plan = planned(tmp_path, "duckdb")

    assert plan.events
    assert plan == planned(tmp_path, "pandas")


def test_what_succeeded_since_with_the_same_entity_is_found_among_all_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the two engines' plans, one event is superseded in both."""
    collected(tmp_path, superseding())
    monkeypatch.setattr(parts, "MOST_WHOLE", 0)
    settings = rules(entity_key=["payload.client"], superseded="leave_out")

    plan = planned(tmp_path, "duckdb", settings=settings)

    assert [one.trace_id for one in plan.left_out if one.reason == "superseded"] == ["t7"]
    assert plan == planned(tmp_path, "pandas", settings=settings)


@pytest.mark.parametrize(
    "selection",
    [
        Selection(classes=("infrastructure",), workflows=("wf",)),
        Selection(ids=("t3", "t17", "r21", "nobody")),
        Selection(where=("payload.order>=20", "attempts=5")),
    ],
)
def test_whatever_is_asked_for_is_found_alike(selection: Selection, tmp_path: Path) -> None:
    """Classes, ids of each kind, and conditions on payloads."""
    collected(tmp_path, usual())

    assert planned(tmp_path, "duckdb", selection) == planned(tmp_path, "pandas", selection)


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_a_part_holds_the_events_that_began_first_and_says_that_more_are_meant(engine: str, tmp_path: Path) -> None:
    """Events 0 to 9 succeeded since, 11 and 12 are being tried again."""
    collected(tmp_path, refused())

    part = planned(tmp_path, engine, most=5)

    assert [event.trace_id for event in part.events] == ["t10", "t13", "t14", "t15", "t16"]
    assert not part.left_out
    assert part.warnings[:2] == (
        "More events are meant than these: plan again for those after them.",
        "Passed over, and not listed: 10 succeeded later, 2 still being tried.",
    )


def test_batch_after_batch_gives_the_part_that_all_at_once_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Conditions are held against each batch, whose records are whole."""
    collected(tmp_path, refused())
    asked = Selection(workflows=("wf",), where=("payload.order>=7",))
    at_once = planned(tmp_path, "duckdb", asked, most=15)
    monkeypatch.setattr(parts, "BATCH", 4)

    assert planned(tmp_path, "duckdb", asked, most=15) == at_once == planned(tmp_path, "pandas", asked, most=15)


def test_no_record_is_loaded_that_the_plan_does_not_rest_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of planning on DuckDB collects all records."""
    collected(tmp_path, refused())

    def refuse(self: IncidentFolder) -> Any:
        raise AssertionError("the records were loaded")

    monkeypatch.setattr(IncidentFolder, "records", refuse)

    assert len(planned(tmp_path, "duckdb", most=4).events) == 4


def test_more_events_than_a_plan_holds_are_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reads a plan of millions, and no memory holds it."""
    collected(tmp_path, usual())
    monkeypatch.setattr(parts, "MOST_PLANNED", 30)

    with pytest.raises(ParameterError, match="--most 30") as caught:
        planned(tmp_path, "duckdb")

    assert "40 events are meant" in caught.value.problem


def test_of_several_workflows_one_is_to_be_named(tmp_path: Path) -> None:
    """A plan is of one, and which it is is not guessed."""
    collected(tmp_path, together())

    with pytest.raises(ParameterError, match="--workflow ID"):
        planned(tmp_path, "duckdb", Selection(classes=("infrastructure",)))


def test_the_next_plan_takes_the_events_after_those_of_the_one_before(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    """So millions are sent in parts, each read and approved; what has a plan is not planned again."""
    folder = collected(tmp_path, refused())
    (tmp_path / "dlqkit.toml").write_text(
        f'[republish]\nallowed_topics = ["{TOPIC}"]\nmax_rate = 10\n[workflows.wf]\ntopic = "{TOPIC}"\n'
    )
    order = ("--config", str(tmp_path / "dlqkit.toml"), "republish", "plan", str(folder.path), "--workflow", "wf",
             "--json", "--most", "10", "--engine")  # fmt: skip

    for engine in ("duckdb", "pandas", "duckdb"):
        run(*order, engine)
    code, _, said = run(*order, "pandas")

    plans = [json.loads(path.read_text()) for path in sorted((folder.path / "republish").glob("plan-???.json"))]
    assert [[event["trace_id"] for event in plan["events"]] for plan in plans] == [
        [f"t{number}" for number in part] for part in ((10, *range(13, 22)), range(22, 32), range(32, 40))
    ]
    assert code == 4
    assert "28 in another open plan" in said


@pytest.mark.parametrize("most", [0, -3])
def test_a_part_of_nothing_is_refused(most: int, tmp_path: Path) -> None:
    """A number that was meant otherwise."""
    collected(tmp_path, usual())

    with pytest.raises(ParameterError, match="1 or more"):
        planned(tmp_path, "pandas", most=most)
