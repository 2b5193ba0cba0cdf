"""What each fact rests on: snapshot, source, query, window, what came, the filter, and a hash of the rows' ids."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

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
    "originals": "dead-letter subscription",
}
_OF_EACH = ["record_id", "trace_id", "attempts", "retryable", "action_duration_ms"]
_TEXTS = ["payload_snapshot", "extra_json", "template", "signature", "error_type", "error_code"]


def describe_provenance(
    folder: IncidentFolder, facts: Facts, *, signed: pd.DataFrame | None = None, classes: pd.DataFrame | None = None,
    states: pd.DataFrame | None = None,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """What each fact of a report rests on.

    Parameters
    ----------
    folder : IncidentFolder
        Opened at the facts' snapshot.
    facts : mapping
        From ``report.facts.facts``, but for this part of them.
    signed : DataFrame, optional
        The folder's records by ``sign_dead_letters``, if they are at hand.
    classes : DataFrame, optional
        The incident's events by ``diagnose``, if they are at hand.
    states : DataFrame, optional
        ``event_states`` of the report's own records, if they are at hand.

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
    if signed is not None and classes is not None:
        signed = _without_texts(signed)
    inputs = read_inputs(folder, facts, signed=signed, classes=classes)
    inputs = replace(
        inputs, states=states, **{name: _without_texts(getattr(inputs, name)) for name in ("records", "own", "dead")}
    )
    if states is not None and inputs.originals.empty:
        # Rows keep their labels, so that the frame of all records alone has to tell their ids.
        own, dead = (frame.drop(columns=_OF_EACH, errors="ignore") for frame in (inputs.own, inputs.dead))
        inputs = replace(inputs, own=own, dead=dead)
    bases = find_bases(inputs, facts, folder.metric_names, times_alone=True)
    # The rows of a part keep the labels that they have in its frame.
    ids = {
        frame: _IdLines.of(Part(frame, getattr(inputs, frame), ""))
        for frame in {part.frame for basis in bases.values() for part in basis.parts}
    }
    return {
        name: {
            "what": basis.what,
            "parts": [_describe(part, evidence[part.frame], ids[part.frame]) for part in basis.parts],
        }
        for name, basis in bases.items()
    }


def _without_texts(records: pd.DataFrame) -> pd.DataFrame:
    """The same rows without what no condition and no id asks for: payloads are most of what would be copied."""
    return records.drop(columns=_TEXTS, errors="ignore")


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

    A record by its ``record_id``, a message by its ``message_id``; a sample by the number of its series and its time in
    microseconds since 1970; a log line or a report by its time, its trace or key, and its text.
    """
    rows, at = part.rows, part.times.astype("int64").astype("str")
    if part.frame == "records":
        return rows["record_id"].astype("str").fillna("")
    if part.frame == "originals":
        return rows["message_id"].astype("str").fillna("")
    if part.frame == "samples":
        return rows["series_id"].astype("str") + " " + at
    names = ("trace_id", "message") if part.frame == "worker_logs" else ("trace_id", "business_key", "note")
    for name in names:
        at = at + " " + rows[name].astype("str").fillna("")
    return at


def hash_rows(part: Part) -> str:
    """SHA-256 of the rows' ids, each once, sorted, a line each."""
    return _IdLines.of(part).digest(part)


@dataclass(frozen=True)
class _IdLines:
    """The ids of a frame's rows, sorted once for every part of it that is hashed."""

    lines: pa.Array
    places: pd.Series
    """By the row's label, the place of its id among the lines."""

    @classmethod
    def of(cls, part: Part) -> _IdLines:
        ids = ids_of(part)
        places, keys = pd.factorize(ids, sort=True)
        nothing, end = (pa.scalar(text, pa.large_string()) for text in ("", "\n"))
        texts = pa.array(keys, type=pa.large_string())
        texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
        lines = pc.binary_join_element_wise(texts, nothing, end).cast(pa.large_binary())
        return cls(lines, pd.Series(places, index=ids.index))

    def digest(self, part: Part) -> str:
        present = np.zeros(len(self.lines), dtype=bool)
        present[self.places.loc[part.rows.index].to_numpy()] = True
        kept = self.lines.filter(pa.array(present))
        # Arrow keeps the texts one after the other, without anything between them.
        offsets, data = kept.buffers()[1:]
        ends = np.frombuffer(offsets, dtype=np.int64)[kept.offset : kept.offset + len(kept) + 1]
        return hashlib.sha256(memoryview(data)[ends[0] : ends[-1]] if len(kept) else b"").hexdigest()


def _describe(part: Part, evidence: str, ids: _IdLines) -> dict[str, Any]:
    times = part.times.dropna()
    return {
        "frame": part.frame,
        "evidence": evidence,
        "filter": part.filter,
        "rows": len(part.rows),
        "first_at": time_text(times.min()) if len(times) else None,
        "last_at": time_text(times.max()) if len(times) else None,
        "hash": ids.digest(part),
    }


def _evidence(folder: IncidentFolder, kind: str) -> str:
    """The ids of every source that the frame holds rows of, earlier snapshots' too."""
    sources = [source for manifest in folder.manifests for source in manifest["sources"]]
    return " ".join(source["evidence_id"] for source in sources if source["kind"].startswith(kind))
