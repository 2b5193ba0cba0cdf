"""What a command prints fits the terminal, whatever letters the events are written in."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from dlqkit.cells import cell_width
from tests.cli.running import Run
from tests.frames import START

WORKFLOW = "订单同步-数据库-🚀"
# A name of two cells a letter, one that is longer than any screen, and a usual one.
TRACES = ("追踪" * 20, "t" * 140, "0af7651916cd43dd8448eb211c80319c")


@pytest.fixture
def incident(tmp_path: Path, run: Run) -> str:
    """Thirty dead letters whose traces, errors and payloads are of wide letters, and a success a minute."""
    rows = [{"id": f"d{n}", "workflow_id": WORKFLOW, "trace_id": f"{TRACES[n % 3]}-{n}", "status": "failed",
             "retryable": True, "queued_to_dlq": True, "attempts": 5,
             "created_at": (START + timedelta(minutes=120, seconds=20 * n)).isoformat(),
             "last_error": "数据库连接失败：无法连接到主机 🚀 no route to host " * 3,
             "payload_snapshot": {"客户": "王小明", "note": "長い説明文" * 10, "mark": '"\u200d\\u0041'}}
            for n in range(30)]  # fmt: skip
    rows += [{"id": f"s{n}", "workflow_id": WORKFLOW, "trace_id": f"s{n}", "status": "success", "attempts": 1,
              "queued_to_dlq": False, "created_at": (START + timedelta(minutes=n)).isoformat()}
             for n in range(240)]  # fmt: skip
    (tmp_path / "export.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "dlqkit.toml").write_text(
        '[republish]\nallowed_topics = ["projects/p/topics/t"]\nmax_rate = 5\noutcome_deadline_s = 60\n'
        f'[workflows."{WORKFLOW}"]\nname = "订单同步 🚀"\ntopic = "projects/p/topics/t"\n'
    )
    code, _, err = run("collect", "事件", "--start", START.isoformat(), "--end",
                       (START + timedelta(hours=4)).isoformat(), "--records", "export.jsonl")  # fmt: skip
    assert code == 0, err
    return "事件"


def too_wide(out: str, width: int) -> list[str]:
    """Lines that are wider than the screen; a command, a key and a hash are to be copied, so they are whole."""
    return [line for line in out.splitlines() if cell_width(line) > width and "dlqkit " not in line
            and not line.strip().isalnum() and not line.startswith(("Hash ", TRACES[2]))]  # fmt: skip


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_screen_fits_a_terminal_of_that_width(
    run: Run, incident: str, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """Also the long traces of a plan and of a proof, which were wider than any of them."""
    monkeypatch.setenv("COLUMNS", str(width))
    screens = {
        command: run(*command.split())
        for command in (
            f"collect {incident} --records export.jsonl",
            f"triage {incident}",
            f"event {incident} {TRACES[2]}-2",
            f"event {incident} --fact events.affected",
            f"republish plan {incident} --class infrastructure --by ann",
            f"republish status {incident}",
            f"republish diff {incident} plan-001",
            f"republish prove {incident} plan-001 --no-refresh",
            f"closure {incident} --no-refresh",
            f"history {incident}",
            "republish plan nowhere",
        )
    }

    for command, (_, out, err) in screens.items():
        assert out + err, command
        assert too_wide(out + err, width) == [], command
    triage = screens[f"triage {incident}"][1]
    assert "─" * width in triage
    assert len(triage.splitlines()) <= 40


def test_a_trace_is_whole_where_a_line_holds_it(run: Run, incident: str) -> None:
    """82 cells beside its item, and 76 in a line of its own: it can be copied."""
    run("republish", "plan", incident, "--class", "infrastructure", "--by", "ann")

    _, out, _ = run("republish", "prove", incident, "plan-001", "--no-refresh")

    lines = out.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("  item    1  not sent"))
    assert lines[place : place + 3] == ["  item    1  not sent", "    " + "追踪" * 19, "    追踪-0"]
    assert f"  item    3  not sent        {TRACES[2]}-2" in lines


def test_a_payload_is_read_in_its_own_letters_and_is_still_json(
    run: Run, incident: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Services write letters as \\u5ba2; what ends a string, hides, or was typed with a backslash stays as it was."""
    monkeypatch.setenv("COLUMNS", "120")
    _, out, _ = run("event", incident, f"{TRACES[2]}-2")

    payload = out[out.index("    {") :]
    assert '"客户": "王小明"' in payload
    assert json.loads(payload)["mark"] == '"\u200d\\u0041'
    assert "\\u200d\\\\u0041" in payload
