"""The whole way against a real Prometheus server and an Execution Logs API over real sockets."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from dlqkit.errors import ParameterError
from dlqkit.evidence.folder import open_incident
from dlqkit.frames import with_labels
from dlqkit.settings import PrometheusSettings
from dlqkit.signals.counters import increase
from dlqkit.sources import prometheus as module
from dlqkit.sources.prometheus import Prometheus, RawSamples
from tests.platform import BUCKETS, DEAD, HIT, KEY, OTHER, Platform, execution_logs, make_platform
from tests.real import prometheus
from tests.whole.accuracy import run_dlqkit

pytestmark = pytest.mark.real
# What `collect` asks for: ask_counters and ask_other_metrics.
COUNTERS = (
    '{__name__=~"worker_dlq|worker_dlq_total|worker_failure|worker_failure_total|worker_success|worker_success_total"}'
)
OTHERS = (
    '{__name__=~"worker_action_duration_seconds(_sum|_count|_bucket)?|process_start_time_seconds|.+_info",'
    'job=~"worker"}'
)
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


@pytest.fixture(scope="module")
def served(platform: Platform) -> dict[tuple[str, str, float], float]:
    """Every sample that was served: by metric, its labels and its time."""
    out = {}
    for line in platform.openmetrics.splitlines():
        if not line.startswith("#"):
            name, value, stamp = line.rsplit(" ", 2)
            metric, _, labels = name.partition("{")
            out[(metric, ",".join(sorted(labels.rstrip("}").split(","))), round(float(stamp), 3))] = float(value)
    return out


def read(raw: RawSamples) -> dict[tuple[str, str, float], float]:
    """The same of what came; a sample that comes twice fails."""
    frame = with_labels(raw.samples, raw.series)
    labels = sorted(set(frame.columns) - {"series_id", "sampled_at", "value", "metric"})
    out: dict[tuple[str, str, float], float] = {}
    for row in frame.to_dict("records"):
        own = ",".join(f'{name}="{row[name]}"' for name in labels if isinstance(row[name], str))
        key = (row["metric"], own, round(row["sampled_at"].timestamp(), 3))
        assert key not in out
        out[key] = row["value"]
    return out


@pytest.mark.parametrize("selector", [COUNTERS, OTHERS])
@pytest.mark.parametrize("piece", [1_000_000, 5000, 500])
def test_both_questions_of_collect_bring_what_was_served(
    selector: str,
    piece: int,
    platform: Platform,
    server: str,
    served: dict[tuple[str, str, float], float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whole or in pieces: no sample twice, none lost; pieces are as many as the number of samples asks for."""
    monkeypatch.setattr(module, "PIECE_SAMPLES", piece)
    end = platform.end + timedelta(seconds=1)
    raw = Prometheus(server).raw_samples(selector, platform.start, end)

    counters = ("worker_dlq", "worker_failure", "worker_success")
    expected = {key: value for key, value in served.items() if key[0].startswith(counters) == (selector == COUNTERS)}
    assert read(raw) == expected
    assert raw.coverage.details["requests"] == pytest.approx(len(expected) / piece, abs=1.5)


@pytest.mark.parametrize("selector", [COUNTERS, OTHERS])
def test_both_questions_of_collect_keep_to_the_budget_of_samples(
    selector: str, platform: Platform, server: str
) -> None:
    """Past the budget steps stand in, no more of them than the budget, and the coverage says so."""
    raw = Prometheus(server, settings=PrometheusSettings(max_samples=1000)).raw_samples(
        selector, platform.start, platform.end
    )

    assert raw.coverage.details["aggregated"] is True
    assert 300 < len(raw.samples) <= 1000
    assert not raw.samples.duplicated(["series_id", "sampled_at"]).any()
    assert set(raw.samples["sampled_at"].diff().dt.total_seconds().loc[lambda gap: gap > 0]) >= {
        raw.coverage.details["step_s"]
    }


def test_a_body_that_is_too_long_is_asked_for_in_pieces(
    platform: Platform, server: str, served: dict[tuple[str, str, float], float]
) -> None:
    """As with 64 MiB, here with 100 kB: what is too long at once comes in pieces."""
    end = platform.end + timedelta(seconds=1)
    raw = Prometheus(server, max_bytes=100_000).raw_samples(OTHERS, platform.start, end)

    assert raw.coverage.details["requests"] > 3
    assert read(raw) == {key: value for key, value in served.items() if key[0].startswith(("worker_action", "process"))}


def test_what_the_server_computes(platform: Platform, server: str) -> None:
    """``range`` over more steps than one answer may have, ``instant``, ``metadata``; a typo is said to be one."""
    client = Prometheus(server)

    loaded = client.range("worker_success_total", platform.start, platform.end, step=1)
    frame = loaded.frame[loaded.frame["workflow_id"] == HIT]
    assert len(loaded.frame) > 2 * 11_000
    assert frame["sampled_at"].is_unique
    assert frame["sampled_at"].diff().dropna().dt.total_seconds().min() == 1
    at = platform.end - timedelta(hours=3)
    count = client.instant("count(worker_success_total)", at)
    assert (count.frame["value"].tolist(), count.coverage.rows) == ([2], 1)
    # Nothing is scraped by this server, so it has no metadata to tell.
    assert client.metadata() == {}
    with pytest.raises(ParameterError, match="parse error"):
        client.instant("sum(")
    with pytest.raises(ParameterError, match="parse error"):
        client.samples("worker_dlq_total{", platform.start, platform.end)


def test_durations_grew_as_they_were_served(platform: Platform, server: str) -> None:
    """Over the window every bucket of both workflows grew by what was served, across two restarts and a gap."""
    start = platform.end - timedelta(hours=5)

    raw = Prometheus(server).raw_samples(OTHERS, start, platform.end)

    grown = _grown_buckets(with_labels(raw.samples, raw.series), platform)
    assert 0 < grown[(HIT, "0.1")] < grown[(HIT, "0.5")] == grown[(HIT, "+Inf")]


def _grown_buckets(samples: pd.DataFrame, platform: Platform) -> dict[tuple[str, str], float]:
    """By how much each bucket of the durations grew, which must be what was served."""
    buckets = samples[samples["metric"] == "worker_action_duration_seconds_bucket"]
    buckets = buckets.astype({"workflow_id": "str", "le": "str"})
    grown: dict[tuple[str, str], float] = (
        increase(buckets).groupby(["workflow_id", "le"], observed=True)["increase"].sum().to_dict()
    )
    first = buckets["sampled_at"].min().to_pydatetime()
    assert grown == {
        (name, bound): platform.bucket_increase(name, bound, first) for name in (HIT, OTHER) for bound in BUCKETS
    }
    return grown


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
    low, until = (datetime.fromisoformat(facts["metrics"][name]) for name in ("since", "until"))
    for metric, key in (("dlq", "dead_letters"), ("failure", "failures"), ("success", "successes")):
        true = platform.increase(f"worker_{metric}_total", HIT, low, until)
        assert facts["metrics"][f"{key}_increase"] == true, metric
    folder = open_incident(tmp_path / "incident")
    assert _grown_buckets(with_labels(folder.samples().frame, folder.series().frame), platform)
    said = f"{'≥ ' if style == 'none' else ''}{affected['value']:,}"
    head = "\n".join(markdown.read_text().splitlines()[:60]).replace("\\", "")
    assert f"{said}; open" in head
    assert f"{said}; open" in html.read_text()
    # Papermill's notebook shows the same tables, so the same numbers.
    assert f"{said}; open" in (report / "postmortem.ipynb").read_text()
