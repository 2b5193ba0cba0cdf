"""``dlqkit closure``: measured, said, waived, recorded; and what each does to the exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dlqkit.cli import closure as command
from dlqkit.cli.main import main
from dlqkit.evidence import audit_log
from tests.frames import START

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder; exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dlqkit", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


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
    assert "Accepted by ann: no Prometheus" in out and "--closed TICKET" in out

    code, out, _ = run("closure", folder, "--no-refresh", "--closed", "OPS-1", "--json")
    told = json.loads(out)
    assert (code, told["verdict"], told["closed"]["ticket"], told["came_back"]) == (0, "closable", "OPS-1", 0)
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
    assert "It has come back: 5 dead letters since OPS-1 was closed." in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--accept", "luck", "--reason", "x"), "There is no item"),
        (("--accept", "records", "--reason", "x"), "holds, or is not looked at"),
        (("--accept", "metrics"), "missing"),
        (("--confirmed-by", "Olga"), "missing"),
        (("--watch",), "new evidence"),
    ],
)
def test_a_word_that_says_nothing_is_refused(run: Run, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    folder = collected(run, tmp_path)

    code, _, err = run("closure", folder, "--no-refresh", *arguments)

    assert code == 2
    assert words in err
    assert not (tmp_path / folder / "judgement.yaml").exists()


@pytest.mark.parametrize(("third", "code"), [("closable", 0), ("no", 4)])
def test_watching_ends_when_it_holds_or_gets_worse(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, third: str, code: int
) -> None:
    """It looks three times here: twice it is not known yet."""
    folder = collected(run, tmp_path)
    item = {"name": "metrics", "text": "It stands still.", "state": "unknown", "why": "Too short.", "accepted": None}
    told = {"verdict": "unknown", "items": [item], "came_back": None, "closed": None, "reasons": [],
            "since": {"at": "2026-03-02T14:00:00+00:00", "basis": "the fix"}}  # fmt: skip
    last = {**told, "verdict": "closable" if code == 0 else "not closable",
            "items": [{**item, "state": "yes" if code == 0 else "no"}]}  # fmt: skip
    answers = iter([told, told, last])
    looks: list[bool] = []
    real = command._look

    def look(directory: Path, settings: Any, *, refresh: bool) -> Any:
        looks.append(refresh)
        return real(directory, settings, refresh=False)

    monkeypatch.setattr(command, "_look", look)
    monkeypatch.setattr(command, "_facts", lambda _: {"as_of": "2026-03-02T15:00:00+00:00", "closure": next(answers)})
    monkeypatch.setattr(command.time, "sleep", lambda _: None)
    monkeypatch.setenv("DLQKIT_EXECUTION_LOGS__URL", "http://127.0.0.1:9/execution-logs")

    ended, out, _ = run("closure", folder, "--watch", "--interval", "1")

    assert (ended, looks) == (code, [True] * 3)
    assert out.startswith("CLOSABLE" if code == 0 else "NOT CLOSABLE")
