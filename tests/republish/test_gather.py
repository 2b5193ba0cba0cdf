from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import EvidenceError, ParameterError
from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import IncidentFolder
from dlqkit.incident import Incident
from dlqkit.republish.approval import keep_plan
from dlqkit.republish.gather import find_evidence_unknowns, find_whole_workflows, gather_known, read_schema
from dlqkit.republish.known import Known
from dlqkit.republish.plan import plan_path
from dlqkit.republish.registry import find_registry
from dlqkit.settings import Settings
from dlqkit.sources.record_decode import REPAIRED
from tests.frames import START, dead, records
from tests.republish.cases import plan_of, settings, small_plan


def _folder(
    directory: Path, payload: str = '{"a": 1}', name: str = "export.jsonl", around: str = "%s"
) -> IncidentFolder:
    row = {"id": "r", "workflow_id": "wf", "trace_id": "t", "status": "failed", "queued_to_dlq": True,
           "created_at": START.isoformat()}  # fmt: skip
    (directory / name).write_text(around % (json.dumps(row)[:-1] + f', "payload_snapshot": {payload}}}'))
    incident = Incident(START.to_pydatetime(), (START + timedelta(hours=1)).to_pydatetime())
    return collect(incident, Settings(), directory / "incident", records_files=(directory / name,))


def _schema(directory: Path, content: str, **more: Any) -> Settings:
    (directory / "orders.json").write_text(content)
    own = settings(schema=more.get("schema", "orders.json"))
    return own.model_copy(update={"file": directory / "dlqkit.toml"})


def test_the_teams_schema_is_beside_the_settings_that_name_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the command is called from."""
    monkeypatch.chdir("/")

    assert read_schema(_schema(tmp_path, '{"type": "object"}')) == {"type": "object"}
    assert read_schema(settings()) is None


@pytest.mark.parametrize(("content", "name"), [("{", "orders.json"), ("[]", "orders.json"), ("{}", "absent.json")])
def test_a_schema_that_cannot_be_read_is_not_passed_over(tmp_path: Path, content: str, name: str) -> None:
    """Events that it would refuse are never sent because of a mistyped path."""
    with pytest.raises(ParameterError, match="The schema"):
        read_schema(_schema(tmp_path, content, schema=name))


def test_a_whole_export_leaves_nothing_unknown(tmp_path: Path) -> None:
    """Text that was read as it stands is exact."""
    assert find_evidence_unknowns(_folder(tmp_path)) == ()


def test_where_only_dead_letters_were_asked_for_a_success_may_be_unseen(tmp_path: Path) -> None:
    """As of the second workflow of an alert without one; an export, or a trace, is asked for whole."""
    folder = _folder(tmp_path)
    letters = {"kind": "records: dead letters", "query": "queued_to_dlq=true"}
    own = {"kind": "records: workflow", "query": "workflow_id=wf"}

    def whole(*sources: dict[str, str]) -> frozenset[str] | None:
        return find_whole_workflows(replace(folder, manifest={**folder.manifest, "sources": sources}))

    assert (whole(letters), whole(letters, own)) == (frozenset(), frozenset({"wf"}))
    assert find_whole_workflows(folder) is whole(letters, {"kind": "records: trace", "query": "trace_id=t"}) is None

    frame = records([dead(1, workflow_id="wf", payload_snapshot="{}")])
    unseen = set(plan_of(frame, known=Known(whole_workflows=frozenset({"other"}))).unknowns)
    (said,) = unseen - set(plan_of(frame, known=Known(whole_workflows=frozenset({"wf"}))).unknowns)
    assert said.startswith("Only dead letters were asked for of this workflow")


def test_a_mended_export_is_an_unknown(tmp_path: Path) -> None:
    """Former versions read all records anew for a number beside them that is no JSON; this one leaves them alone."""
    folder = _folder(tmp_path, '{"a":  1}', around='{"total": NaN, "items": [%s]}')
    assert find_evidence_unknowns(folder) == ()
    assert folder.records().frame["payload_snapshot"].tolist() == ['{"a":  1}']

    (source,) = folder.manifest["sources"]
    coverage = {**source["coverage"], "findings": [REPAIRED]}
    former = replace(folder, manifest={**folder.manifest, "sources": [{**source, "coverage": coverage}]})
    (said,) = find_evidence_unknowns(former)

    assert said.startswith("Not known: which payloads stood in a page that was mended")


def test_payloads_that_were_objects_of_a_parquet_file_are_an_unknown(tmp_path: Path) -> None:
    """Parquet keeps values, not text: 1.10 is 1.1 there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"id": "r", "workflow_id": "wf", "trace_id": "t", "status": "failed", "queued_to_dlq": True,
             "created_at": START.isoformat(), "payload_snapshot": {"a": 1.10}}]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "export.parquet")
    incident = Incident(START.to_pydatetime(), (START + timedelta(hours=1)).to_pydatetime())
    folder = collect(incident, Settings(), tmp_path / "incident", records_files=(tmp_path / "export.parquet",))

    assert find_evidence_unknowns(folder) == (
        "Not known: the exact text of payloads that came as objects of a Parquet file.",
    )


def test_a_masked_secret_is_an_unknown(tmp_path: Path) -> None:
    """A payload that held it would be sent with zeros or stars in its place."""
    folder = _folder(tmp_path)
    sources = [{**source, "masked": [{"file": "1"}, {"file": "2"}]} if source["kind"].startswith("records") else source
               for source in folder.manifest["sources"]]  # fmt: skip
    masked = IncidentFolder(
        folder.path, folder.snapshot, {**folder.manifest, "sources": sources}, folder.question, folder.places
    )

    assert find_evidence_unknowns(masked) == (
        "Not known: which payloads held the secret that was masked in 2 pages of records.",
    )


def test_earlier_plans_are_known_and_a_changed_one_is_refused(tmp_path: Path) -> None:
    """What was planned before decides what is planned now, so it must be whole."""
    folder = _folder(tmp_path)
    keep_plan(find_registry(folder.path, None), small_plan(), {}, by="ann")

    known = gather_known(folder, settings())

    assert (known.incident, known.snapshot, [plan.plan_id for plan in known.earlier]) == (
        "incident", "001", ["plan-001"],
    )  # fmt: skip
    path = plan_path(folder.path, "plan-001")
    path.write_text(path.read_text().replace("t-a", "t-x"))
    with pytest.raises(EvidenceError, match="was changed"):
        gather_known(folder, settings())
