"""The original messages become evidence: kept, merged, verified; and every one stays in its subscription."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from dlqkit.errors import AccessDenied, ParameterError
from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import IncidentFolder, open_incident
from dlqkit.evidence.manifest import verify
from dlqkit.evidence.store import read_raw
from dlqkit.executions.originals import match_originals
from dlqkit.settings import Settings
from tests.evidence import service as api
from tests.evidence.service import QUESTION, record
from tests.pubsub import NAME, OTHER_TOPIC, Service, serving

SECOND = "projects/tests/subscriptions/second"
DEAD = [record(number, 30 - number) for number in reversed(range(6))]
KIND = "dead-letter subscription"


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as served:
        served.subscribe()
        yield served


def settings(*names: str, **more: Any) -> Settings:
    return Settings.model_validate({"dead_letter_subscription": {"name": names, **more}})


def publish(service: Service, *numbers: int) -> list[str]:
    return service.publish([{"data": json.dumps({"n": n}).encode(), "ordering_key": "k",
                             "attributes": {"trace_id": f"t{n}", "tenant": "acme"}} for n in numbers])  # fmt: skip


def sources(folder: IncidentFolder) -> list[dict[str, Any]]:
    return [one for one in folder.manifest["sources"] if one["kind"] == KIND]


def test_what_the_records_do_not_show_is_evidence_beside_them(service: Service, tmp_path: Path) -> None:
    """Each dead record has its message, which still waits for others; the folder is whole and verified."""
    ids = publish(service, *range(6))
    with api.serving(records=DEAD) as records:
        merged = records.settings(prometheus=False, pages=False).model_copy(
            update={"dead_letter_subscription": settings(NAME).dead_letter_subscription}
        )
        folder = collect(QUESTION, merged, tmp_path / "incident")

    loaded = folder.originals()
    found = match_originals(folder.records().frame, loaded.frame)
    assert sorted(loaded.frame["message_id"]) == sorted(ids)
    assert loaded.coverage.completeness == folder.completeness == "complete"
    assert found["is_unique"].tolist() == [True] * 6
    assert set(found["matched_by"]) == {"trace"}
    assert [(one["query"], one["coverage"]["rows"]) for one in sources(folder)] == [(NAME, 6)]
    assert verify(folder.path) == ()
    assert sorted(one.message.message_id for one in service.drain()) == sorted(ids)


def test_the_messages_are_kept_as_they_came_and_a_change_is_found(service: Service, tmp_path: Path) -> None:
    service.publish([{"data": b"\xff\x00", "attributes": {"a": "\x1b[1m"}}])
    folder = collect(QUESTION, settings(NAME), tmp_path / "incident")

    (page,) = sorted((folder.places[-1] / "raw").glob("*"))
    kept = json.loads(read_raw(page))
    assert base64.b64decode(kept["data"]) == b"\xff\x00"
    assert kept["attributes"] == {"a": "\x1b[1m"}
    page.write_bytes(page.read_bytes() + b"x")
    assert [(one.path, one.what) for one in verify(folder.path)] == [(f"evidence/001/raw/{page.name}", "was changed")]


def test_a_second_look_adds_what_is_new_and_counts_no_message_twice(service: Service, tmp_path: Path) -> None:
    """Also where one was taken by somebody else in between: an earlier snapshot saw it."""
    first = publish(service, 1, 2)
    collect(QUESTION, settings(NAME), tmp_path / "incident")
    service.drain()
    second = publish(service, 3)
    folder = collect(QUESTION, settings(NAME), tmp_path / "incident")

    assert folder.snapshot == "002"
    assert sorted(folder.originals().frame["message_id"]) == sorted(first + second)
    assert sorted(open_incident(folder.path, "001").originals().frame["message_id"]) == sorted(first)


def test_two_subscriptions_of_one_topic_bring_each_message_once(service: Service, tmp_path: Path) -> None:
    service.subscribe(SECOND)
    publish(service, 1, 2, 3)
    folder = collect(QUESTION, settings(NAME, SECOND), tmp_path / "incident")

    assert [one["coverage"]["rows"] for one in sources(folder)] == [3, 3]
    assert len(folder.originals().frame) == 3
    assert len(service.drain()) == len(service.drain(SECOND)) == 3


def test_one_that_is_refused_makes_the_evidence_partial_and_the_other_is_read(service: Service, tmp_path: Path) -> None:
    service.subscribe(SECOND, dead_letter_policy={"dead_letter_topic": OTHER_TOPIC, "max_delivery_attempts": 5})
    publish(service, 1)
    folder = collect(QUESTION, settings(SECOND, NAME), tmp_path / "incident")

    refused, read = sources(folder)
    assert folder.completeness == "partial"
    assert "dead-letter policy of its own" in refused["coverage"]["missing"][0]
    assert (read["query"], read["coverage"]["rows"]) == (NAME, 1)
    assert service.pull(SECOND)[0].delivery_attempt == 1


def test_nothing_at_all_is_an_error_that_says_what_to_do(service: Service, tmp_path: Path) -> None:
    service.server.subscriptions.on_call = lambda *_: grpc.StatusCode.PERMISSION_DENIED

    with pytest.raises(AccessDenied, match=r"pubsub\.subscriptions\.get") as refused:
        collect(QUESTION, settings(NAME), tmp_path / "incident")
    assert "roles/pubsub.viewer" in refused.value.next_step


def test_what_is_not_configured_is_not_asked_and_not_missing(service: Service, tmp_path: Path) -> None:
    """As in every folder from before there was such a source."""
    with api.serving(records=DEAD) as records:
        folder = collect(QUESTION, records.settings(prometheus=False, pages=False), tmp_path / "incident")

    assert sources(folder) == []
    assert folder.completeness == "complete"
    assert folder.originals().frame.empty
    assert folder.originals().coverage.missing == ()
    assert service.server.subscriptions.calls == {"CreateSubscription": 1}


def test_only_the_workflows_own_subscription_is_read_and_it_tells_the_workflow(
    service: Service, tmp_path: Path
) -> None:
    service.subscribe(SECOND)
    service.publish([{"data": b"{}"}])
    own = Settings.model_validate(
        {"workflows": {"wf": {"dead_letter_subscription": NAME}, "other": {"dead_letter_subscription": SECOND}}}
    )
    folder = collect(QUESTION, own, tmp_path / "incident")

    assert [one["query"] for one in sources(folder)] == [NAME]
    assert folder.originals().frame["workflow_id"].tolist() == ["wf"]
    assert service.server.subscriptions.known[SECOND].waiting["10000001"].attempts == 0


def test_a_known_secret_in_a_message_is_masked_and_the_manifest_says_where(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", "k3y-of-the-tests")
    service.publish([{"data": b"k3y-of-the-tests", "attributes": {"auth": "k3y-of-the-tests"}}])
    with api.serving(records=DEAD) as records:
        plain = records.settings(prometheus=False, pages=False)
        secret = {"api_key": {"env": "THE_KEY"}, "url": plain.execution_logs.url}
        folder = collect(
            QUESTION,
            Settings.model_validate({"execution_logs": secret, "dead_letter_subscription": {"name": NAME}}),
            tmp_path / "incident",
        )

    ((masked,),) = [one["masked"] for one in sources(folder)]
    assert masked["places"] == 2
    (page,) = (folder.places[-1] / "raw").glob("*-dead-letter-subscription-*")
    assert base64.b64decode(json.loads(read_raw(page))["data"]) == b"********"
    assert b"k3y" not in read_raw(page)
    assert "masked in 2 places" in " ".join(folder.originals().coverage.missing)


def test_a_collect_that_is_killed_while_it_reads_goes_on_and_loses_nothing(service: Service, tmp_path: Path) -> None:
    """kill -9 in the middle of the reading: the same command again has every message, and so have others."""
    ids = publish(service, *range(100))
    own = service.server.subscriptions
    own.on_call = lambda name, done: time.sleep(0.3) if name == "Pull" else None
    (tmp_path / "dlqkit.toml").write_text(f'[dead_letter_subscription]\nname = "{NAME}"\n')
    command = [sys.executable, "-m", "dlqkit", "--config", "dlqkit.toml", "collect", "incident", "--since", "2h"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    api.wait_for(lambda: own.calls["Pull"] >= 2)
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    own.on_call = None
    # The server still answers the last request, to nobody.
    time.sleep(1)
    held = own.known[NAME].waiting.values()
    assert max(one.leased_until for one in held) - time.monotonic() <= 30
    for one in held:
        one.leased_until = 0.0

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    folder = open_incident(tmp_path / "incident")

    assert done.returncode == 0, done.stderr
    assert sorted(folder.originals().frame["message_id"]) == sorted(ids)
    assert own.calls["Acknowledge"] == 0
    assert sorted(one.message.message_id for one in service.drain()) == sorted(ids)


def test_a_name_that_is_none_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no name of a subscription"):
        collect(QUESTION, settings("dead-letters"), tmp_path / "incident")
    assert not (tmp_path / "incident").exists()
