"""Values of payloads for a report that somebody asked to show them: what redaction leaves out otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.report.comparison import describe_differences
from dlqkit.report.coverage import coverage_rows, time_text
from dlqkit.report.diagnosis import describe_changes
from dlqkit.report.inputs import Inputs, read_inputs

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["add_payloads"]

Facts = Mapping[str, Any]
# Three payloads show what an error is about, ten errors what an incident is about; the rest is in the folder.
OF_EACH, SIGNATURES = 3, 10
# A longer text is no longer read in a table; `dlqkit event` shows it whole.
LONGEST = 2_000


def add_payloads(folder: IncidentFolder, facts: Facts, redacted: Facts) -> dict[str, Any]:
    """The redacted facts, with values of payloads as they came; whatever else is personal stays replaced.

    Parameters
    ----------
    folder : IncidentFolder
        Opened at the facts' snapshot.
    facts, redacted : mapping
        From ``report.facts.facts``, and the same by ``pseudonyms.redact_facts``.

    Returns
    -------
    dict
        As ``redacted``, but

        payloads : ``rows`` of the newest dead letters of each leading signature, with error and payload; ``events``,
            how many of the incident have a payload
        differences : with the values by which failing events differ
        changes : with the names of new clients
    """
    inputs = read_inputs(folder, facts)
    moment = pd.Timestamp(facts["as_of"]).to_pydatetime()
    differences = describe_differences(
        inputs.own, inputs.dead, inputs.main, moment, _classes(inputs, facts), with_values=True
    )
    shown = describe_changes(
        folder, inputs.own, inputs.samples, inputs.main, coverage_rows(folder), facts["workflow"]["id"],
        with_values=True,
    )["rows"]  # fmt: skip
    rows = [
        {**clean, "what": named["what"]} if named["kind"] == "client" else clean
        for clean, named in zip(redacted["changes"]["rows"], shown, strict=True)
    ]
    return {
        **redacted,
        "payloads": _rows(folder, inputs, facts),
        "differences": differences if facts["differences"] else [],
        "changes": {**redacted["changes"], "rows": rows},
    }


def _classes(inputs: Inputs, facts: Facts) -> dict[str, list[str]]:
    if facts["class"]["value"] != "mixed":
        return {}
    groups = inputs.classes.groupby("failure_class", observed=True)
    return {str(name): list(part["event_key"]) for name, part in groups}


def _rows(folder: IncidentFolder, inputs: Inputs, facts: Facts) -> dict[str, Any]:
    known = inputs.dead[inputs.dead["payload_snapshot"].notna()]
    # Signing takes values of the payload out of an error.
    errors = folder.records().frame["last_error"]
    leading = [row["signature_id"] for row in facts["signatures"][:SIGNATURES]]
    rows = []
    for signature_id in leading:
        own = known[known["signature_id"] == signature_id].sort_values(["recorded_at", "record_id"], kind="stable")
        for index, row in own.iloc[::-1].head(OF_EACH).iterrows():
            error = errors.loc[index]
            rows.append(
                {
                    "signature_id": signature_id,
                    "recorded_at": time_text(row["recorded_at"]),
                    "trace_id": None if pd.isna(row["trace_id"]) else str(row["trace_id"]),
                    "error": None if pd.isna(error) else _cut(str(error)),
                    "payload": _cut(str(row["payload_snapshot"])),
                }
            )
    return {"events": int(known["event_key"].nunique()), "rows": rows}


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
