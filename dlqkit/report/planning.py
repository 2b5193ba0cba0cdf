"""A republish plan of an incident folder: its records, classes, journal and rates, handed to the pure part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dlqkit.frames import with_labels
from dlqkit.report.classified import classify_events
from dlqkit.republish.event_names import names_by_key
from dlqkit.republish.gather import gather_known
from dlqkit.republish.outlook import forecast, live_rate
from dlqkit.republish.plan_diff import diff_plan
from dlqkit.republish.planning import plan_republish
from dlqkit.republish.registry import find_registry

if TYPE_CHECKING:
    import pandas as pd

    from dlqkit.evidence.folder import IncidentFolder
    from dlqkit.republish.edits import Edit
    from dlqkit.republish.plan import Plan
    from dlqkit.republish.selection import Selection
    from dlqkit.settings import Settings

__all__ = ["changes_since", "plan_incident"]


def plan_incident(
    folder: IncidentFolder,
    selection: Selection,
    settings: Settings,
    *,
    plan_id: str = "plan-001",
    edits: Sequence[Edit] = (),
    claimed: Mapping[str, str] | None = None,
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
        Opened at the snapshot that the plan is to rest on.
    selection, settings, plan_id, edits, topic, confirmed_topic, use_http, max_rate, replaces
        As for ``republish.planning.plan_republish``.
    claimed : mapping, optional
        Events of other open plans, to be left out.
    originals : DataFrame, optional
        Original messages.

    Returns
    -------
    (Plan, dict)
        The plan, and its outlook (``republish.outlook.forecast``).

    Raises
    ------
    ParameterError, PlanError, EvidenceError
        As those that it calls.
    """
    records = folder.records()
    known = gather_known(folder, settings, originals=originals, claimed=claimed)
    plan = plan_republish(
        records.frame, classify_events(folder), selection, settings, known, plan_id=plan_id, edits=edits, topic=topic,
        confirmed_topic=confirmed_topic, use_http=use_http, max_rate=max_rate, replaces=replaces,
    )  # fmt: skip
    rate, basis = live_rate(
        plan.events[0].workflow_id, records.frame, with_labels(folder.samples().frame, folder.series().frame),
        names=folder.metric_names, records_are_whole=records.coverage.completeness == "complete",
    )  # fmt: skip
    return plan, forecast(plan, rate, basis)


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
