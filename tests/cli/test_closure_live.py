"""``dlqkit closure`` against a platform over loopback: the verdict of a new snapshot, beside what is true."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dlqkit.cli.main import main
from dlqkit.closure.checklist import ITEMS
from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import open_incident
from dlqkit.evidence.manifest import verify
from dlqkit.incident import Incident
from dlqkit.report.closure_check import check_closure
from dlqkit.settings import load_settings
from dlqkit.simulator.platform import Platform
from dlqkit.simulator.server import Server
from dlqkit.simulator.truth import tell_truth

# With these seeds the last dead letter is of 42 minutes before the platform's clock begins, or the outage goes on.
OVER, GOING_ON = 26, 5


@pytest.fixture
def served(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A platform, and a snapshot of half an hour before its clock begins in ``incident``."""
    server = Server(Platform(seed=request.param, scenario="infrastructure", events=20_000, pagination="cursor"))
    server.start()
    environment = server.describe()["environment"]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    now = datetime.now(UTC)
    question = Incident(now - timedelta(hours=4), now - timedelta(minutes=30))
    collect(question, load_settings(environ=environment, start=tmp_path), tmp_path / "incident")
    yield server
    server.stop()


def closure(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *more: str) -> tuple[Any, Any]:
    monkeypatch.setattr(sys, "argv", ["dlqkit", "closure", "incident", "--json", *more])
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, json.loads(capsys.readouterr().out)


def died_since(server: Server, told: dict[str, Any]) -> list[datetime]:
    """What is true: dead letters of the workflow from the moment that is named to the end of the evidence."""
    truth = tell_truth(server.platform, time.time())
    since, until = (datetime.fromisoformat(text) for text in (told["since"]["at"], told["as_of"]))
    times = [
        datetime.fromisoformat(one["at"]) for one in truth["losses"] if one["workflow_id"] == told["workflow"]["id"]
    ]
    # Times are rounded to a millisecond by some platforms; what dies while the sources are asked may be seen or not.
    return [at for at in times if since + timedelta(seconds=1) < at < until - timedelta(seconds=1)]


@pytest.mark.parametrize("served", [OVER], indirect=True)
def test_an_incident_that_is_over_holds_by_a_new_snapshot(
    served: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first snapshot ends too soon after the last dead letter; the new one has seen enough quiet."""
    before = {item.name: item.state for item in check_closure(open_incident(Path("incident"))).items}
    code, told = closure(capsys, monkeypatch)

    assert before["metrics"] == before["records"] == "unknown"
    assert (code, told["snapshot"], told["verdict"]) == (4, "002", "not closable")
    assert [one["state"] for one in told["items"]] == ["yes", "yes", "person", "person"]
    assert [one["name"] for one in told["items"]] == list(ITEMS[:4])
    assert died_since(served, told) == []
    assert told["age_s"] < 60


@pytest.mark.parametrize("served", [GOING_ON], indirect=True)
def test_an_incident_that_goes_on_is_counted_as_it_is(
    served: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, told = closure(capsys, monkeypatch)

    counter, records = told["items"][:2]
    true = len(died_since(served, told))
    assert (counter["state"], records["state"]) == ("no", "no")
    assert true <= records["count"] <= true + 1
    # The counter is read every 15 seconds, and not at the moment that is named.
    assert true - 3 <= counter["count"] <= true + 1


@pytest.mark.parametrize("served", [OVER], indirect=True)
def test_a_prometheus_that_is_down_now_leaves_the_counter_unknown(
    served: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The records alone hold; the scrapes of the first snapshot end half an hour ago."""
    monkeypatch.setenv("DLQKIT_PROMETHEUS__URL", "http://127.0.0.1:9")

    _, told = closure(capsys, monkeypatch)

    assert [one["state"] for one in told["items"][:2]] == ["unknown", "yes"]


@pytest.mark.parametrize("moment", ["between two looks", "while it looks"])
@pytest.mark.parametrize("served", [GOING_ON], indirect=True)
def test_a_watch_that_is_interrupted_leaves_whole_snapshots_and_no_verdict(served: Server, moment: str) -> None:
    """Ctrl-C ends with 130 at once; what was collected stays, and the next look goes on from it."""
    folder = Path("incident")
    # Whoever starts the tests in the background has SIGINT ignored, and so has what they start; a handler is not kept.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        watching = subprocess.Popen(
            [sys.executable, "-m", "dlqkit", "closure", "incident", "--watch", "--interval", "10", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)
    begun = "002" if moment == "between two looks" else "002.part"
    deadline = time.monotonic() + 60
    while not (folder / "evidence" / begun).is_dir() and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(2 if begun == "002" else 0)
    stopped = time.monotonic()
    watching.send_signal(signal.SIGINT)
    try:
        out, err = watching.communicate(timeout=60)
    finally:
        watching.kill()

    assert watching.returncode == 130, err
    assert "Interrupted; what was collected is kept." in err
    assert "Traceback" not in err
    assert out == ""
    assert time.monotonic() - stopped < 30
    assert verify(folder) == ()
    command = [sys.executable, "-m", "dlqkit", "closure", "incident", "--json"]
    again = subprocess.run(command, capture_output=True, check=False)
    told = json.loads(again.stdout)
    assert (again.returncode, told["verdict"]) == (4, "not closable")
    assert told["snapshot"] == ("003" if begun == "002" else "002")
