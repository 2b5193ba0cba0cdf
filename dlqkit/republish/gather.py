"""What an incident folder and its settings know for a plan, beside the records."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence.folder import EXPORT, TRACE_RECORDS, WORKFLOW_RECORDS, IncidentFolder
from dlqkit.republish.journal import read_journal, refuse_lost
from dlqkit.republish.known import Known
from dlqkit.republish.plan import Plan, find_plans, read_plan
from dlqkit.republish.plan_decisions import read_cancellation
from dlqkit.republish.publisher import find_server
from dlqkit.republish.registry import find_registry
from dlqkit.republish.sent_files import read_sends
from dlqkit.settings import Settings
from dlqkit.sources.record_decode import REPAIRED
from dlqkit.sources.record_exports import REBUILT

__all__ = [
    "Held",
    "earlier_plans",
    "find_evidence_unknowns",
    "find_whole_workflows",
    "gather_known",
    "know_dead",
    "read_schema",
]

# Of dead letters, which events another open plan has, by event key, and which plan.
Held = Callable[[pd.DataFrame], Mapping[str, str]]


def read_schema(settings: Settings) -> Mapping[str, Any] | None:
    """The team's JSON Schema, where ``republish.schema`` names its file; a relative path is beside the settings.

    Raises
    ------
    ParameterError
        If the file cannot be read, or is no JSON object.
    """
    path = settings.republish.schema_file
    if path is None:
        return None
    if not path.is_absolute() and settings.file is not None:
        path = settings.file.parent / path
    try:
        schema = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ParameterError(
            f"The schema {path.name} cannot be read as JSON.", "Check republish.schema in the settings."
        ) from error
    if not isinstance(schema, dict):
        raise ParameterError(f"The schema {path.name} is no JSON object.", "Check republish.schema in the settings.")
    return schema


def find_evidence_unknowns(folder: IncidentFolder) -> tuple[str, ...]:
    """What the evidence itself says of payloads that may not be the worker's own text.

    Returns
    -------
    tuple of str
        Sentences for the approval: pages that were mended when they were read, secrets that were masked.
    """
    said = []
    findings = folder.records_coverage.findings
    if REPAIRED in findings:
        said.append("Not known: which payloads stood in a page that was mended when it was read; they are not exact.")
    if REBUILT in findings:
        said.append("Not known: the exact text of payloads that came as objects of a Parquet file.")
    masked = sum(
        len(source.get("masked", ())) for source in folder.manifest["sources"] if source["kind"].startswith("records")
    )
    if masked:
        pages = "a page" if masked == 1 else f"{masked:,} pages"
        said.append(f"Not known: which payloads held the secret that was masked in {pages} of records.")
    return tuple(said)


def find_whole_workflows(folder: IncidentFolder) -> frozenset[str] | None:
    """Workflows of which the evidence has other records than dead letters, too; None where that holds of all.

    Without a workflow in its question ``collect`` asks for everybody's dead letters, and for all records of one.
    """
    sources = [source for manifest in folder.manifests for source in manifest["sources"]]
    kinds = {source["kind"] for source in sources}
    if EXPORT in kinds or TRACE_RECORDS in kinds:
        return None
    asked = (str(source["query"]) for source in sources if source["kind"] == WORKFLOW_RECORDS)
    return frozenset(query.removeprefix("workflow_id=") for query in asked)


def earlier_plans(directory: Path) -> tuple[Plan, ...]:
    """The folder's plans, without those that cannot be read and were given up: of them the journal tells enough."""
    plans = []
    for plan_id in find_plans(directory):
        try:
            plans.append(read_plan(directory, plan_id))
        except EvidenceError:
            if read_cancellation(directory, plan_id) is None:
                raise
    return tuple(plans)


def gather_known(
    folder: IncidentFolder,
    settings: Settings,
    *,
    dead: pd.DataFrame | None = None,
    originals: pd.DataFrame | None = None,
    claimed: Mapping[str, str] | None = None,
) -> Known:
    """All that decides beside the records.

    Parameters
    ----------
    folder : IncidentFolder
    settings : Settings
    dead : DataFrame, optional
        The dead letters to look up in the registry, ``frames.RECORDS``; all of the folder by default.
    originals : DataFrame, optional
        Original messages, as in ``Known``; the folder's by default.
    claimed : mapping, optional
        Events that are to be left out because another open plan has them.

    Returns
    -------
    Known

    Raises
    ------
    ParameterError
        If the team's schema cannot be read.
    EvidenceError
        If an earlier plan or the journal was changed, or the journal is gone.
    """
    path = Path(folder.path)
    refuse_lost(path)
    if dead is None:
        records = folder.records().frame
        dead = records[records["queued_to_dlq"].fillna(False).astype(bool)]
    known = Known(
        incident=path.name,
        directory=path,
        snapshot=folder.snapshot,
        completeness=folder.records_coverage.completeness,
        whole_workflows=find_whole_workflows(folder),
        unknowns=find_evidence_unknowns(folder),
        journal=read_journal(path),
        worker_logs=folder.worker_logs().frame,
        earlier=earlier_plans(path),
        originals=folder.originals().frame if originals is None else originals,
        schema=read_schema(settings),
        is_registry_shared=settings.republish.registry is not None,
        server=find_server(settings.republish.endpoint),
    )
    return know_dead(known, dead, settings, claimed=claimed)


def know_dead(
    known: Known,
    dead: pd.DataFrame,
    settings: Settings,
    *,
    claimed: Mapping[str, str] | None = None,
    held: Held | None = None,
) -> Known:
    """The same, as it decides of other dead letters: what the registry keeps of them, and who has them.

    Parameters
    ----------
    known : Known
    dead : DataFrame
        ``frames.RECORDS``.
    settings : Settings
    claimed : mapping, optional
        Events that are to be left out.
    held : callable, optional
        Gives those of ``dead`` that another open plan has.
    """
    registry = find_registry(known.directory, settings.republish.registry)
    found = None if held is None and claimed is None else {**(held(dead) if held else {}), **(claimed or {})}
    return replace(known, sent_elsewhere=read_sends(registry, dead), claimed=found)
