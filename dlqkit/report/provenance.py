"""What each fact rests on: snapshot, source, query, window, what came, the filter, and a hash of the rows' ids."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.frames import Coverage
from dlqkit.report.behind import Basis, find_bases
from dlqkit.report.chosen import Frame, Part
from dlqkit.report.coverage import time_text
from dlqkit.report.inputs import Inputs, read_inputs

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["describe_provenance", "describe_sources", "find_basis", "hash_rows", "ids_of"]

Facts = Mapping[str, Any]
# The kinds of sources that fill a frame begin so.
_KINDS: Mapping[Frame, str] = {
    "records": "records",
    "samples": "prometheus",
    "worker_logs": "worker logs",
    "support_reports": "support",
}


def describe_provenance(
    folder: IncidentFolder, facts: Facts, *, signed: pd.DataFrame | None = None
) -> dict[str, dict[str, Any]]:
    """What each fact of a report rests on.

    Parameters
    ----------
    folder : IncidentFolder
        Opened at the facts' snapshot.
    facts : mapping
        From ``report.facts.facts``, but for this part of them.
    signed : DataFrame, optional
        The folder's records by ``sign_dead_letters``, if they are at hand.

    Returns
    -------
    dict
        By the fact's id: ``what`` it is in words; ``parts``, each with ``frame``, ``evidence`` (ids of sources),
        ``filter``, ``rows`` (how many), ``first_at``, ``last_at`` and ``hash``.

    Notes
    -----
    A fact is looked up in the frames by its id, times and ids in the facts alone, so that whoever has the folder can
    find the same rows again (``find_basis``) and hold them against the hash.
    """
    evidence = {frame: _evidence(folder, kind) for frame, kind in _KINDS.items()}
    inputs = read_inputs(folder, facts, signed=signed)
    return {
        name: {"what": basis.what, "parts": [_describe(part, evidence[part.frame]) for part in basis.parts]}
        for name, basis in find_bases(inputs, facts, folder.metric_names).items()
    }


def describe_sources(folder: IncidentFolder) -> list[dict[str, Any]]:
    """Every source of this snapshot and the ones before it: what it was asked, how, and what came.

    Returns
    -------
    list of dict
        ``evidence_id``, ``snapshot``, ``kind``, ``source``, ``query``, ``asked_start``, ``asked_end``, ``page_limit``
        (rows asked for at a time) and ``requests``, both None where nothing is asked for in pages; ``received`` rows,
        ``kept`` of them inside the window and once each.
    """
    rows = []
    for place, manifest in zip(folder.places, folder.manifests, strict=True):
        for source in manifest["sources"]:
            coverage = Coverage.from_json(source["coverage"])
            limit, requests = coverage.details.get("query", {}).get("limit"), coverage.details.get("requests")
            rows.append(
                {
                    "evidence_id": source["evidence_id"],
                    "snapshot": place.name,
                    "kind": source["kind"],
                    "source": source["source"],
                    "query": source["query"],
                    "asked_start": time_text(coverage.asked_start),
                    "asked_end": time_text(coverage.asked_end),
                    "page_limit": None if limit is None else int(limit),
                    "requests": None if requests is None else int(requests),
                    "received": int(coverage.details.get("received", coverage.rows)),
                    "kept": coverage.rows,
                }
            )
    return rows


def find_basis(folder: IncidentFolder, facts: Facts, fact_id: str) -> tuple[Basis, Inputs]:
    """The rows behind one fact, and the frames that they were chosen from.

    Raises
    ------
    ParameterError
        If there is no such fact; the message names those that there are.
    """
    inputs = read_inputs(folder, facts)
    found = find_bases(inputs, facts, folder.metric_names)
    if fact_id not in found:
        known = ", ".join(found) or "none"
        raise ParameterError(f"There is no fact {fact_id[:80]!r} in this report.", f"Choose of: {known}.")
    return found[fact_id], inputs


def ids_of(part: Part) -> pd.Series:
    """What identifies each row.

    A record by its ``record_id``; a sample by the number of its series and its time in microseconds since 1970; a log
    line or a report by its time, its trace or key, and its text.
    """
    rows, at = part.rows, part.times.astype("int64").astype("str")
    if part.frame == "records":
        return rows["record_id"].astype("str").fillna("")
    if part.frame == "samples":
        return rows["series_id"].astype("str") + " " + at
    names = ("trace_id", "message") if part.frame == "worker_logs" else ("trace_id", "business_key", "note")
    for name in names:
        at = at + " " + rows[name].astype("str").fillna("")
    return at


def hash_rows(part: Part) -> str:
    """SHA-256 of the rows' ids, each once, sorted, a line each."""
    ids = sorted(ids_of(part).unique())
    return hashlib.sha256("".join(f"{one}\n" for one in ids).encode("utf-8", "surrogatepass")).hexdigest()


def _describe(part: Part, evidence: str) -> dict[str, Any]:
    times = part.times.dropna()
    return {
        "frame": part.frame,
        "evidence": evidence,
        "filter": part.filter,
        "rows": len(part.rows),
        "first_at": time_text(times.min()) if len(times) else None,
        "last_at": time_text(times.max()) if len(times) else None,
        "hash": hash_rows(part),
    }


def _evidence(folder: IncidentFolder, kind: str) -> str:
    """The ids of every source that the frame holds rows of, earlier snapshots' too."""
    sources = [source for manifest in folder.manifests for source in manifest["sources"]]
    return " ".join(source["evidence_id"] for source in sources if source["kind"].startswith(kind))
