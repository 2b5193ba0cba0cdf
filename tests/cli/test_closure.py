"""``dlqkit closure``: measured, said, waived, recorded; and what each does to the exit code."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dlqkit.cli import closure as command
from dlqkit.closure import watching
from dlqkit.evidence import audit_log
from dlqkit.evidence.collect import collect
from dlqkit.evidence.folder import open_incident
from dlqkit.incident import Incident
from dlqkit.settings import Settings
from tests.cli.running import Run
from tests.frames import START


def rows(*, late: int = 0) -> list[dict[str, Any]]:
    """Forty dead letters within twenty minutes, a success a minute for five hours; and some that died at the end."""

    def row(name: str, minutes: float, **more: Any) -> dict[str, Any]:
        at = (START + timedelta(minutes=minutes)).isoformat()
        return {"id": name, "workflow_id": "wf", "trace_id": name, "created_at": at, "attempts": 5, **more}

    dead = {
        "status": "failed",
        "retryable": True,
        "queued_to_dlq": True,
        "last_error": "no route",
        "payload_snapshot": {},
    }
    good = {"status": "success", "queued_to_dlq": False}
    out = [row(f"d{n}", 120 + n / 2, **dead) for n in range(40)] + [row(f"s{n}", n, **good) for n in range(300)]
    return out + [row(f"l{n}", 290 + n, **dead) for n in range(late)]


def collected(run: Run, tmp_path: Path, *, late: int = 0) -> str:
    (tmp_path / "export.jsonl").write_text("\n".join(map(json.dumps, rows(late=late))))
    code, _, err = run("collect", "incident", "--start", START.isoformat(), "--end",
                       (START + timedelta(hours=5)).isoformat(), "--records", "export.jsonl")  # fmt: skip
    assert code == 0, err
    return "incident"


def test_from_not_closable_to_closed(run: Run, tmp_path: Path) -> None:
    """The records hold; there are no metrics, nobody has spoken, and nothing is attached: each is answered for."""
    folder = collected(run, tmp_path)

    code, out, _ = run("closure", folder, "--no-refresh")
    assert (code, out.startswith("NOT CLOSABLE")) == (4, True)
    assert "not known Metrics" in out and "yes       The execution logs" in out and out.count("ask ") == 2
    assert max(map(len, out.splitlines())) <= 80

    assert run("closure", folder, "--no-refresh", "--closed", "OPS-1")[0] == 2
    run("closure", folder, "--no-refresh", "--confirmed-by", "Olga", "--how", "by phone")
    run("closure", folder, "--no-refresh", "--accept", "metrics", "--reason", "no Prometheus", "--by", "ann")
    code, out, _ = run("closure", folder, "--no-refresh", "--accept", "ticket", "--reason", "none", "--by", "ann")
    assert (code, out.startswith("CLOSABLE")) == (0, True)
    assert re.search(r"Accepted by ann, .* UTC:\s+no Prometheus", out) and "--closed TICKET" in out
    assert "as of 2026-03-02 16:59:00 UTC" in out.splitlines()[0] and out.splitlines()[0].endswith(" ago")
    assert "events still open: 40" in out

    code, out, _ = run("closure", folder, "--no-refresh", "--closed", "OPS-1", "--json")
    told = json.loads(out)
    assert (code, told["verdict"], told["closed"]["ticket"]) == (0, "closable", "OPS-1")
    assert (told["came_back"]["state"], "no evidence of after it yet" in told["came_back"]["why"]) == ("unknown", True)
    actions = [line["action"] for line in audit_log.read(tmp_path / folder)]
    assert [one for one in actions if one.startswith("closure")] == [
        "closure confirmation", "closure acceptance", "closure acceptance", "closure closing",
    ]  # fmt: skip


def test_it_comes_back_after_it_was_closed(run: Run, tmp_path: Path) -> None:
    folder = collected(run, tmp_path, late=5)
    (tmp_path / folder / "judgement.yaml").write_text(
        "closure: {closed: {by: ann, ticket: OPS-1, at: '2026-03-02T16:40:00+00:00'}}"
    )

    code, out, _ = run("closure", folder, "--no-refresh")

    assert code == 4
    told = " ".join(out.split())
    assert "It has come back: 5 dead letters since the evidence of 2026-03-02 16:40:00 UTC" in told
    assert "5 of them with an error that was there before; the newest is of 2026-03-02 16:54:00 UTC." in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--accept", "luck", "--reason", "x"), "There is no item"),
        (("--accept", "records", "--reason", "x"), "holds, or is not looked at"),
        (("--accept", "metrics"), "missing"),
        (("--confirmed-by", "Olga"), "missing"),
        (("--attached", "…"), "missing"),
        (("--watch",), "new evidence"),
    ],
)
def test_a_word_that_says_nothing_is_refused(run: Run, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    folder = collected(run, tmp_path)

    code, _, err = run("closure", folder, "--no-refresh", *arguments)

    assert code == 2
    assert words in err
    assert not (tmp_path / folder / "judgement.yaml").exists()


def test_the_post_mortem_that_somebody_attached_by_hand_is_named(run: Run, tmp_path: Path) -> None:
    """As long as the judgement is empty it is a draft, and does not hold."""
    folder = collected(run, tmp_path)

    _, out, _ = run("closure", folder, "--no-refresh", "--attached", "OPS-7", "--by", "ann")
    assert "It is attached to OPS-7" in out and "judgement.yaml lacks cause, contributing_factors, done" in " ".join(
        out.split()
    )

    path = tmp_path / folder / "judgement.yaml"
    written = "cause: disk\ncontributing_factors: []\ndone: replaced\nsolution_remaining: nothing\nowner: ann\n"
    written += "prevention: alert\nlessons: {well: the alert}\nfollow_ups: []\n\n"
    path.write_text(written + path.read_text())
    _, out, _ = run("closure", folder, "--no-refresh", "--json")
    item = next(one for one in json.loads(out)["items"] if one["name"] == "ticket")
    assert (item["state"], "OPS-7" in item["why"]) == ("yes", True)


def test_an_acceptance_does_not_hold_for_what_died_after_it(run: Run, tmp_path: Path) -> None:
    """Two late ones were accepted; the next snapshot has five, and says whose word it was."""
    folder = collected(run, tmp_path, late=2)
    (tmp_path / folder / "judgement.yaml").write_text("closure:\n  fixed_at: 2026-03-02T16:00:00Z\n")
    run("closure", folder, "--no-refresh", "--accept", "records", "--reason", "known", "--by", "ann")
    told = json.loads(run("closure", folder, "--no-refresh", "--json")[1])
    assert next(one for one in told["items"] if one["name"] == "records")["accepted"]["count"] == 2

    collected(run, tmp_path, late=5)
    code, out, _ = run("closure", folder, "--no-refresh")

    assert code == 4
    assert "No longer accepted: ann answered for less" in out


def test_what_was_said_of_one_workflow_does_not_close_another(run: Run, tmp_path: Path) -> None:
    """Nobody named a workflow. Later another one is in worse trouble: the checklist stays with the one spoken of."""
    folder = collected(run, tmp_path)
    run("closure", folder, "--no-refresh", "--confirmed-by", "Olga", "--how", "by phone")
    worse = [{**one, "id": f"{one['id']}-{n}", "trace_id": f"{one['id']}-{n}", "workflow_id": "worse"}
             for one in rows() if one["queued_to_dlq"] for n in range(9)]  # fmt: skip
    fine = [{**one, "id": f"{one['id']}-w", "trace_id": f"{one['id']}-w", "workflow_id": "worse"}
            for one in rows() if not one["queued_to_dlq"]]  # fmt: skip
    (tmp_path / "export.jsonl").write_text("\n".join(map(json.dumps, [*rows(), *worse, *fine])))
    run("collect", folder, "--start", START.isoformat(), "--end", (START + timedelta(hours=5)).isoformat(),
        "--records", "export.jsonl")  # fmt: skip

    told = json.loads(run("closure", folder, "--no-refresh", "--json")[1])
    assert told["workflow"]["id"] == "wf"

    (tmp_path / folder / "judgement.yaml").unlink()
    assert json.loads(run("closure", folder, "--no-refresh", "--json")[1])["workflow"]["id"] == "worse"


def test_changed_evidence_closes_nothing(run: Run, tmp_path: Path) -> None:
    """Somebody took the records away."""
    folder = collected(run, tmp_path)
    next((tmp_path / folder / "evidence" / "001").glob("records.parquet")).unlink()

    code, _, err = run("closure", folder, "--no-refresh")

    assert code == 4
    assert "The evidence was changed" in err and f"dlqkit verify {tmp_path / folder}" in err.replace("\n", "")


@pytest.mark.parametrize(("late", "ended"), [(0, "holds"), (1, "regression")])
def test_watching_ends_when_it_holds_or_gets_worse(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: int, ended: str
) -> None:
    """Ten minutes of quiet, twelve, and an hour; or an hour in which one more died."""
    looks = iter([150, 152, 300])

    def look(directory: Path, settings: Any, *, refresh: bool) -> Any:
        until = next(looks)
        every = [one for one in rows(late=late) if one["created_at"] <= (START + timedelta(minutes=until)).isoformat()]
        (tmp_path / "export.jsonl").write_text("\n".join(map(json.dumps, every)))
        question = Incident(START.to_pydatetime(), (START + timedelta(minutes=until)).to_pydatetime())
        return collect(question, Settings(), directory, records_files=(tmp_path / "export.jsonl",))

    slept: list[float] = []
    monkeypatch.setattr(command, "_look", look)
    monkeypatch.setattr(watching, "watch", partial(watching.watch, sleep=slept.append))
    monkeypatch.setenv("DLQKIT_EXECUTION_LOGS__URL", "http://127.0.0.1:9/execution-logs")

    code, out, _ = run("closure", "incident", "--watch", "--interval", "10", "--accept", "metrics", "--reason",
                       "no Prometheus", "--json")  # fmt: skip

    told = json.loads(out)
    assert told["watched"] == {"ended": ended, "looks": 3, "failed": 0}
    # People have not spoken yet.
    assert (code, told["verdict"], slept) == (4, "not closable", [10, 10])
    assert told["items"][1]["state"] == ("yes" if ended == "holds" else "no")


@pytest.mark.parametrize("options", [("--interval", "1"), ("--interval", "7200"), ("--timeout", "0")])
def test_times_of_watching_are_bounded(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    folder = collected(run, tmp_path)
    monkeypatch.setattr(command, "_look", lambda directory, settings, refresh: open_incident(directory))
    monkeypatch.setenv("DLQKIT_EXECUTION_LOGS__URL", "http://127.0.0.1:9/execution-logs")

    code, _, err = run("closure", folder, "--watch", *options)

    assert (code, "Give --interval from 10 to 3600" in err) == (2, True)
