"""A republish plan of an incident folder: its records, classes, journal and rates, handed to the pure part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dlqkit.frames import RECORDS, empty_frame, with_labels
from dlqkit.report.classified import classify_events
from dlqkit.republish.event_names import names_by_key
from dlqkit.republish.gather import gather_known, know_dead
from dlqkit.republish.outlook import forecast, live_rate
from dlqkit.republish.part import choose_part
from dlqkit.republish.plan_diff import diff_plan
from dlqkit.republish.planning import plan_republish
from dlqkit.republish.registry import find_registry

if TYPE_CHECKING:
    import pandas as pd

    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.republish.edits import Edit
    from dlqkit.republish.gather import Held
    from dlqkit.republish.known import Known
    from dlqkit.republish.part import Part
    from dlqkit.republish.plan import Plan
    from dlqkit.republish.selection import Selection
    from dlqkit.settings import Settings

__all__ = ["changes_since", "plan_incident"]


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a plan is made from: records and classes, the question, and the newest records, which tell the rate."""

    records: pd.DataFrame
    classified: pd.DataFrame
    selection: Selection
    part: Part | None
    recent: pd.DataFrame
    as_of: str | None


def plan_incident(
    folder: IncidentFolder,
    selection: Selection,
    settings: Settings,
    *,
    plan_id: str = "plan-001",
    edits: Sequence[Edit] = (),
    most: int | None = None,
    claimed: Mapping[str, str] | None = None,
    held: Held | None = None,
    originals: pd.DataFrame | None = None,
    topic: str | None = None,
    confirmed_topic: str | None = None,
    use_http: bool = False,
    max_rate: float | None = None,
    replaces: str | None = None,
) -> tuple[Plan, dict[str, Any]]:
    """What is to be sent again of an incident, and what to expect of it; nothing is written.

    Parameters
    ----------
    folder : IncidentFolder
        Opened at the snapshot that the plan is to rest on. On DuckDB only the records are read that the plan rests
        on (``report.scale.parts``).
    selection, settings, plan_id, edits, topic, confirmed_topic, use_http, max_rate, replaces
        As for ``republish.planning.plan_republish``.
    most : int, optional
        At most so many events, those that began first and have no plan yet (``republish.part.choose_part``); the plan
        then names them. Without it all; on DuckDB no more than ``report.scale.parts.MOST_PLANNED``.
    claimed : mapping, optional
        Events of other open plans, to be left out.
    held : callable, optional
        Gives of dead letters those of other open plans: left out, and with ``most`` passed over.
    originals : DataFrame, optional
        Original messages.

    Returns
    -------
    (Plan, dict)
        The plan, and its outlook (``republish.outlook.forecast``).

    Raises
    ------
    ParameterError, PlanError, EvidenceError, EngineError
        As those that it calls.
    """
    known = gather_known(folder, settings, dead=empty_frame(RECORDS), originals=originals)

    def know(dead: pd.DataFrame) -> Known:
        return know_dead(known, dead, settings, claimed=claimed, held=held)

    is_edited = any(edit.event_key is None for edit in edits)
    look = _look_on_duckdb if folder.engine == "duckdb" and folder.record_files else _look_in_memory
    basis = look(folder, selection, settings, most, know, is_edited)
    dead = basis.records[basis.records["queued_to_dlq"].fillna(False).astype(bool)]
    plan = plan_republish(
        basis.records, basis.classified, basis.selection, settings, replace(know(dead), as_of=basis.as_of),
        plan_id=plan_id, edits=edits, topic=topic, confirmed_topic=confirmed_topic, use_http=use_http,
        max_rate=max_rate, replaces=replaces, part=basis.part,
    )  # fmt: skip
    rate, source = live_rate(
        plan.events[0].workflow_id, basis.recent, with_labels(folder.samples().frame, folder.series().frame),
        names=folder.metric_names, records_are_whole=known.completeness == "complete",
    )  # fmt: skip
    return plan, forecast(plan, rate, source)


def _look_in_memory(
    folder: IncidentFolder, selection: Selection, settings: Settings, most: int | None,
    know: Callable[[pd.DataFrame], Known], is_edited: bool,
) -> _Basis:  # fmt: skip
    records, classified = folder.records().frame, classify_events(folder)
    part = None
    if most is not None:
        part = choose_part([(records, classified)], selection, most, know, is_edited=is_edited)
        selection = _of_part(part, selection)
    return _Basis(records, classified, selection, part, records, None)


def _look_on_duckdb(
    folder: IncidentFolder, selection: Selection, settings: Settings, most: int | None,
    know: Callable[[pd.DataFrame], Known], is_edited: bool,
) -> _Basis:  # fmt: skip
    # Who plans in memory waits for none of it.
    from dlqkit.report.scale.parts import find_dead_events

    found = find_dead_events(folder, selection)
    if most is None:
        part, keys = None, found.keys()
    else:
        part = choose_part(found.batches(), selection, most, know, is_edited=is_edited)
        selection, keys = _of_part(part, selection), list(part.keys)
    own = settings.workflows.get(found.workflow_id)
    (records, classified), recent = found.read(keys, () if own is None else own.entity_key)
    return _Basis(records, classified, selection, part, recent, found.newest.isoformat())


def _of_part(part: Part, selection: Selection) -> Selection:
    """The question of a part; where nothing is in it as it was, so that what is refused is what was asked for."""
    return part.select(selection) if part.keys else selection


def changes_since(
    folder: IncidentFolder, plan: Plan, settings: Settings, *, originals: pd.DataFrame | None = None
) -> pd.DataFrame:
    """What changed between a plan and the snapshot at which the folder is opened; see ``plan_diff.diff_plan``.

    What another open plan has is not to be sent now, whichever snapshot it is.

    Raises
    ------
    ParameterError
        If the registry of the settings is not there.
    """
    records = folder.records().frame
    names = names_by_key(records)
    registry = find_registry(folder.path, settings.republish.registry)
    held = registry.held_elsewhere(list(names), instead_of=plan.plan_id, names=names)
    known = gather_known(
        folder, settings, originals=originals, claimed={key: str(claim) for key, claim in held.items()}
    )
    return diff_plan(plan, records, classify_events(folder), settings, known)
