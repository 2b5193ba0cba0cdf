"""``dlqkit event`` shows the original message, and none of what a client wrote into it moves the cursor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dlqkit.evidence.collect import collect
from dlqkit.settings import Settings
from tests.cli.running import Run
from tests.cli.test_commands import HOSTILE
from tests.evidence import service as api
from tests.evidence.service import QUESTION, record
from tests.pubsub import NAME, serving


@pytest.fixture
def incident(tmp_path: Path) -> str:
    """Three dead letters; of one the message is known, of one there are two that differ, of one there is none."""
    with serving() as service, api.serving(records=[record(n, 10 - n) for n in range(3)]) as records:
        service.subscribe()
        attributes = {
            "trace_id": "t0",
            "tenant": "acme",
            "note": HOSTILE,
            "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        }
        service.publish([
            {"data": b'{"n": 0}', "attributes": attributes, "ordering_key": "C-17"},
            *({"data": b'{"n": 1}', "attributes": {"trace_id": "t1", "tenant": one}} for one in ("acme", "globex")),
        ])  # fmt: skip
        url = records.settings().execution_logs.url
        values = {"execution_logs": {"url": url}, "dead_letter_subscription": {"name": NAME}}
        collect(QUESTION, Settings.model_validate(values), tmp_path / "incident")
    return "incident"


def test_the_original_message_of_an_event_is_shown_with_its_attributes(run: Run, incident: str) -> None:
    code, out, _ = run("event", incident, "t0")

    assert code == 0
    lines = " ".join(out.split())
    assert "Original message 10000001" in lines
    assert "5 deliveries found by its trace" in lines
    assert "    ordering key C-17" in out.splitlines()
    assert "    tenant: acme" in out.splitlines()
    assert "\x1b" not in out
    assert "⟨001B⟩[31mred" in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_of_an_event_that_several_messages_fit_none_is_shown(run: Run, incident: str) -> None:
    out = " ".join(run("event", incident, "t1")[1].split())

    assert "Original message: not known; by its trace several fit" in out
    assert "globex" not in out


def test_an_event_without_a_message_says_nothing_of_one(run: Run, incident: str) -> None:
    assert "Original" not in run("event", incident, "t2")[1]


def test_without_the_payload_there_are_no_attributes_either(run: Run, incident: str) -> None:
    """Both are a client's words and may hold personal data."""
    shown = json.loads(run("event", incident, "t0", "--json")[1])["originals"]
    hidden = json.loads(run("event", incident, "t0", "--json", "--no-payload")[1])["originals"]

    assert [one["attributes"]["tenant"] for one in shown] == ["acme"]
    assert [one["message_id"] for one in hidden] == ["10000001"]
    assert "acme" not in json.dumps(hidden)
    assert "acme" not in run("event", incident, "t0", "--no-payload")[1]
