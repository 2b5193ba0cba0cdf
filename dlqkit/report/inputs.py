"""The frames that a report's facts are of: found again from the facts, so that each number's rows can be listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.decision.overrides import apply_overrides
from dlqkit.frames import with_labels
from dlqkit.membership import select_rows
from dlqkit.report.diagnosis import classify_dead, sign_dead_letters
from dlqkit.report.judgement import read_judgement
from dlqkit.report.state import select_dead

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["Inputs", "read_inputs"]

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Inputs:
    """What a folder holds of a report's question, up to the report's moment."""

    records: pd.DataFrame
    """``frames.RECORDS`` of all workflows, dead letters signed."""
    own: pd.DataFrame
    """Of these, the workflow's or the trace's."""
    dead: pd.DataFrame
    """Of these, the incident's dead letters."""
    classes: pd.DataFrame
    """A row for each event of those; ``decision.overrides.OVERRIDDEN``."""
    samples: pd.DataFrame
    """``frames.SAMPLES`` with labels, of all workflows."""
    worker_logs: pd.DataFrame
    support_reports: pd.DataFrame
    originals: pd.DataFrame
    """``frames.ORIGINALS``, without the messages themselves."""
    given: frozenset[str]
    """Which of ``max_attempts`` and ``timeout_ms`` are set, and not taken from the records."""
    main: pd.Series | None
    """The signal that the report is about: its ``signal`` and ``workflow_id``, ``onset_low_at``, ``onset_at``,
    ``end_at``."""
    states: pd.DataFrame | None = None
    """``event_states`` of ``own``, if they are at hand."""


def read_inputs(
    folder: IncidentFolder, facts: Facts, *, signed: pd.DataFrame | None = None, classes: pd.DataFrame | None = None
) -> Inputs:
    """The frames that the facts were computed from.

    Parameters
    ----------
    folder : IncidentFolder
        Opened at the facts' snapshot.
    facts : mapping
        From ``report.facts.facts``, redacted or not: only ids, times and numbers of them are read.
    signed : DataFrame, optional
        The folder's records by ``sign_dead_letters``, if they are at hand.
    classes : DataFrame, optional
        The incident's events by ``diagnose``, if they are at hand.
    """
    moment = pd.Timestamp(facts["as_of"])
    judgement = read_judgement(folder)
    records = sign_dead_letters(folder.records().frame, judgement.signatures) if signed is None else signed
    records = select_rows(records, ~(records["recorded_at"] > moment))
    own = records
    if facts["incident"]["trace_id"] is not None:
        own = records[records["trace_id"] == facts["incident"]["trace_id"]]
    elif facts["workflow"]["id"]:
        own = records[records["workflow_id"] == facts["workflow"]["id"]]
    main = _main(facts)
    dead = select_dead(own, main, moment.to_pydatetime())
    if classes is None:
        attempts, timeout_ms = facts["class"]["max_attempts"]["value"], facts["class"]["timeout_ms"]["value"]
        classes = apply_overrides(classify_dead(own, dead, attempts, timeout_ms), judgement.class_overrides)
    samples = with_labels(folder.samples().frame, folder.series().frame)
    logs, reports = folder.worker_logs().frame, folder.support_reports().frame
    return Inputs(
        records=records,
        own=own,
        dead=dead,
        classes=classes,
        samples=select_rows(samples, samples["sampled_at"] <= moment),
        worker_logs=select_rows(logs, ~(logs["logged_at"] > moment)),
        support_reports=reports,
        originals=folder.originals().frame.drop(columns=["payload_text", "attributes_json"]),
        given=_given(folder, facts["workflow"]["id"]),
        main=main,
    )


def _given(folder: IncidentFolder, workflow_id: str | None) -> frozenset[str]:
    known = {"max_attempts": folder.max_attempts(workflow_id), "timeout_ms": folder.action_timeout_ms(workflow_id)}
    return frozenset(name for name, value in known.items() if value is not None)


def _main(facts: Facts) -> pd.Series | None:
    if facts["onset"]["at"] is None:
        return None
    times = {"onset_low_at": facts["onset"]["low"], "onset_at": facts["onset"]["at"], "end_at": facts["end"]["at"]}
    return pd.Series(
        {"signal": facts["state"]["kind"], "workflow_id": facts["workflow"]["id"],
         **{name: pd.Timestamp(text) for name, text in times.items()}}, dtype="object"
    )  # fmt: skip
