"""What an alert asks: Alertmanager's webhook, its list, Grafana's body, a flat object; and what is none."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import ParameterError
from dlqkit.settings import AlertsSettings, WorkflowSettings
from dlqkit.sources import alerts
from dlqkit.sources.alerts import Alert, read_alert

STARTED = datetime(2026, 3, 2, 13, 0, 5, tzinfo=UTC)
WEBHOOK = {
    "version": "4",
    "groupKey": '{}:{alertname="DeadLetters"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "dlqkit",
    "groupLabels": {"alertname": "DeadLetters"},
    "commonLabels": {"alertname": "DeadLetters", "workflow_id": "wf-1"},
    "commonAnnotations": {"summary": "workflow_id wf-9 is quoted here and is no label"},
    "externalURL": "http://alertmanager.example:9093",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "DeadLetters", "workflow_id": "wf-1", "instance": "w1"},
            "annotations": {},
            # Go writes nine digits and any offset.
            "startsAt": "2026-03-02T16:00:05.123456789+03:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example/graph",
            "fingerprint": "c6eadffa33fcdf37",
        }
    ],
}


def read(value: Any, tmp_path: Path, settings: AlertsSettings | None = None, **more: Any) -> Alert:
    path = tmp_path / "alert.json"
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return read_alert(path, settings, **more)


def alert(**labels: str) -> dict[str, Any]:
    return {"labels": labels, "startsAt": "2026-03-02T13:00:05Z"}


def test_alertmanagers_webhook_names_the_workflow_and_when_it_began_to_fire(tmp_path: Path) -> None:
    found = read(WEBHOOK, tmp_path)

    assert found.workflow_ids == ("wf-1",)
    assert found.trace_ids == ()
    assert found.started_at == STARTED.replace(microsecond=123456)
    assert (found.alerts, found.truncated) == (1, 0)


def test_an_alert_comes_from_standard_input(tmp_path: Path) -> None:
    body = io.BytesIO(json.dumps(WEBHOOK).encode())

    assert read_alert(Path("-"), standard_input=body).workflow_ids == ("wf-1",)


@pytest.mark.parametrize("wrapped", [[alert(workflow_id="wf-1")], alert(workflow_id="wf-1"),
                                     {"workflow_id": "wf-1", "start": "2026-03-02T13:00:05Z"},
                                     {"version": "1", "alerts": [alert(workflow_id="wf-1")]}])  # fmt: skip
def test_a_list_one_alert_a_flat_object_and_grafanas_body_say_the_same(wrapped: Any, tmp_path: Path) -> None:
    found = read(wrapped, tmp_path)

    assert (found.workflow_ids, found.started_at) == (("wf-1",), STARTED)


def test_a_byte_order_mark_before_the_alert_is_no_fault(tmp_path: Path) -> None:
    assert read(b"\xef\xbb\xbf" + json.dumps(WEBHOOK).encode(), tmp_path).workflow_ids == ("wf-1",)


def test_the_settings_say_which_labels_name_a_workflow_and_by_which_names(tmp_path: Path) -> None:
    """The first label that an alert has counts; a name of the settings stands for its id."""
    settings = AlertsSettings(workflow_labels=("flow", "queue"), trace_labels=("request",))
    workflows = {"wf-1": WorkflowSettings(name="orders-sync")}
    body = {"alerts": [alert(flow="orders-sync", queue="q", workflow_id="wf-9", request="t-7")]}

    found = read(body, tmp_path, settings, workflows=workflows)

    assert found.workflow_ids == ("wf-1",)
    assert found.trace_ids == ("t-7",)
    assert read({"alerts": [alert(queue="wf-2")]}, tmp_path, settings).workflow_ids == ("wf-2",)


def test_what_is_resolved_is_left_out_while_others_fire(tmp_path: Path) -> None:
    """Of a group, half of which is over, the other half is asked about, from its own start."""
    over = {**alert(workflow_id="wf-1"), "status": "resolved", "startsAt": "2026-03-01T00:00:00Z"}
    fires = {**alert(workflow_id="wf-2"), "status": "firing"}

    both = read({"alerts": [over, fires]}, tmp_path)
    ended = read({"alerts": [over]}, tmp_path)

    assert (both.workflow_ids, both.started_at, both.alerts) == (("wf-2",), STARTED, 1)
    assert ended.workflow_ids == ("wf-1",)


def test_several_workflows_are_named_once_each_and_the_earliest_start_counts(tmp_path: Path) -> None:
    body = {"truncatedAlerts": 3, "alerts": [
        alert(workflow_id="b"), {**alert(workflow_id="a"), "startsAt": "2026-03-02T12:00:00Z"}, alert(workflow_id="b"),
    ]}  # fmt: skip

    found = read(body, tmp_path)

    assert found.workflow_ids == ("b", "a")
    assert found.started_at == STARTED.replace(hour=12, second=0)
    assert found.truncated == 3


def test_a_start_that_go_does_not_know_is_none(tmp_path: Path) -> None:
    """It is the first moment of the year 1, and a window from there would be no window."""
    found = read({"alerts": [{"labels": {"workflow_id": "wf"}, "startsAt": "0001-01-01T00:00:00Z"}]}, tmp_path)

    assert found.started_at is None


def test_null_in_place_of_labels_is_no_labels(tmp_path: Path) -> None:
    found = read({"commonLabels": None, "alerts": [{"labels": None, "startsAt": "2026-03-02T13:00:05Z"}]}, tmp_path)

    assert (found.workflow_ids, found.started_at) == ((), STARTED)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 200_000, "is not JSON"),
        (b'{"alerts": [{"labels": {"workflow_id": "\\ud800"}}]}', "is not JSON"),
        (b"null", "holds no alert"),
        (b'"firing"', "holds no alert"),
        (b'{"alerts": {}}', "holds no alert"),
        (b'{"alerts": [1, null, []]}', "holds no alert"),
        (b'{"alerts": [{"labels": {"workflow_id": {"a": 1}}}]}', "names no workflow"),
        (b'{"alerts": [{"labels": {"workflow_id": "  "}}]}', "names no workflow"),
        (b'{"alerts": [{"labels": {"workflow_id": "' + b"w" * 501 + b'"}}]}', "has 501 characters"),
        (b'{"alerts": [{"startsAt": "yesterday"}]}', "is not a time with an offset"),
        (b'{"alerts": [{"startsAt": "2026-03-02T13:00:05"}]}', "is not a time with an offset"),
        (b'{"alerts": [{"startsAt": "0001-01-01T00:00:00+14:00"}]}', "is not a time with an offset"),
    ],
)
def test_what_is_no_alert_is_refused_in_words(body: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=said) as refused:
        read(body, tmp_path)

    assert refused.value.next_step.endswith(".")
    assert len(str(refused.value)) < 400 + len(str(tmp_path))


def test_an_alert_without_an_end_is_not_read_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "MOST_BYTES", 1024 * 1024)

    with pytest.raises(ParameterError, match="is larger than 1 MiB"):
        read_alert(Path("/dev/zero"))


def test_a_file_that_is_not_there_or_is_a_folder_is_told_from_one_that_is_no_json(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="does not exist"):
        read_alert(tmp_path / "none.json")
    with pytest.raises(ParameterError, match="cannot be read: Is a directory"):
        read_alert(tmp_path)
