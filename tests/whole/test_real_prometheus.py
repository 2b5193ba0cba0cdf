"""The whole way against a real Prometheus server and an Execution Logs API over real sockets."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dlqkit.frames import with_labels
from dlqkit.sources.prometheus import Prometheus
from tests.platform import DEAD, HIT, KEY, Platform, execution_logs, make_platform
from tests.real import prometheus
from tests.whole.accuracy import run_dlqkit

pytestmark = pytest.mark.real
STYLES = ("none", "offset", "page", "cursor", "link")


@pytest.fixture(scope="module")
def platform() -> Platform:
    return make_platform()


@pytest.fixture(scope="module")
def server(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus(platform.openmetrics, tmp_path_factory.mktemp("prometheus")) as url:
        yield url


def test_raw_samples_are_those_that_were_scraped(platform: Platform, server: str) -> None:
    """Every sample comes once, the one at the window's start too, and the one at its end not."""
    written = [line.rsplit(" ", 2) for line in platform.openmetrics.splitlines() if line.startswith("worker_dlq")]
    times = sorted(float(line[2]) for line in written)
    start = datetime.fromtimestamp(times[3], platform.end.tzinfo)
    end = datetime.fromtimestamp(times[-2], platform.end.tzinfo)

    raw = Prometheus(server).raw_samples("worker_dlq_total", start, end)

    frame = with_labels(raw.samples, raw.series)
    expected = [(float(stamp), float(value)) for _, value, stamp in written if times[3] <= float(stamp) < times[-2]]
    assert sorted(
        zip(frame["sampled_at"].map(lambda at: round(at.timestamp(), 3)), frame["value"], strict=True)
    ) == sorted((round(at, 3), value) for at, value in expected)
    assert set(frame["workflow_id"]) == {HIT}


def test_pieces_join_without_a_seam(platform: Platform, server: str) -> None:
    """A window that is asked in pieces gives the samples of one question, each once."""
    from dlqkit.sources import prometheus as module

    whole = Prometheus(server).raw_samples("worker_success_total", platform.start, platform.end)
    few = module.PIECE_SAMPLES
    try:
        module.PIECE_SAMPLES = 500
        pieces = Prometheus(server).raw_samples("worker_success_total", platform.start, platform.end)
    finally:
        module.PIECE_SAMPLES = few

    assert pieces.coverage.details["requests"] > 3
    left, right = (with_labels(one.samples, one.series) for one in (whole, pieces))
    keys = ["workflow_id", "sampled_at", "value"]
    order = left.astype({"workflow_id": "str"}).sort_values(keys)[keys].reset_index(drop=True)
    assert order.equals(right.astype({"workflow_id": "str"}).sort_values(keys)[keys].reset_index(drop=True))


def test_a_window_before_retention_is_partial(platform: Platform, server: str) -> None:
    """What the server no longer keeps is missing, and said to be."""
    long_ago = platform.end - timedelta(days=4000)

    raw = Prometheus(server).raw_samples("worker_dlq_total", long_ago, long_ago + timedelta(hours=2))

    assert raw.coverage.completeness == "partial"
    assert "keeps 10y" in raw.coverage.missing[0]


@pytest.mark.parametrize("style", STYLES)
def test_the_report_has_the_numbers_that_were_served(
    style: str, platform: Platform, server: str, tmp_path: Path
) -> None:
    """Onset, counts and increases in facts, HTML and Markdown are those of the platform."""
    with execution_logs(platform, style) as url:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DLQKIT_")} | {
            "DLQKIT_EXECUTION_LOGS__URL": url,
            "DLQKIT_EXECUTION_LOGS__API_KEY": '{ env = "THE_KEY" }',
            "THE_KEY": KEY,
            "DLQKIT_PROMETHEUS__URL": server,
        }
        start = (platform.end - timedelta(hours=4)).isoformat()
        window = ("--start", start, "--end", platform.end.isoformat())
        collected = run_dlqkit(environment, "collect", "incident", *window, cwd=tmp_path)
        assert collected.returncode == 0, collected.stderr
    made = run_dlqkit(environment, "postmortem", "incident", cwd=tmp_path)
    assert made.returncode == 0, made.stderr

    report = tmp_path / "incident" / "report"
    facts = json.loads((report / "facts.json").read_text())
    html, markdown = (report / f"postmortem.{name}" for name in ("html", "md"))
    assert facts["workflow"]["id"] == HIT
    assert facts["state"]["value"] == "ended"
    assert facts["class"]["value"] == "infrastructure"
    onset = datetime.fromisoformat(facts["onset"]["at"])
    affected = facts["events"]["affected"]
    if style == "none":
        assert affected["bound"] == "at_least"
        assert 0 < affected["value"] <= 100
        assert abs(onset - platform.onset) <= timedelta(seconds=30)
    else:
        assert affected == {"value": DEAD, "bound": "exact"}
        assert onset == platform.onset
        assert facts["end"]["at"] == platform.dead_at[-1].isoformat()
    low = datetime.fromisoformat(facts["metrics"]["since"])
    for metric, key in (("dlq", "dead_letters"), ("failure", "failures"), ("success", "successes")):
        true = platform.increase(f"worker_{metric}_total", HIT, low)
        assert facts["metrics"][f"{key}_increase"] == true, metric
    said = f"{'≥ ' if style == 'none' else ''}{affected['value']:,}"
    head = "\n".join(markdown.read_text().splitlines()[:60]).replace("\\", "")
    assert f"{said}; open" in head
    assert f"{said}; open" in html.read_text()
    # Papermill's notebook shows the same tables, so the same numbers.
    assert f"{said}; open" in (report / "postmortem.ipynb").read_text()
