"""Prometheus, asked live: which of the runbook's metrics it has, with which labels, and how far back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from dlqkit.errors import AccessDenied, DlqkitError
from dlqkit.frames import SAMPLES
from dlqkit.settings import Settings
from dlqkit.setup.checks import QUICK, Check, Tried, amount, counted, refused, shown
from dlqkit.setup.clocks import Asked, check_clock
from dlqkit.setup.metric_names import find_metrics, series_names, similar_names
from dlqkit.signals.counters import metric_names
from dlqkit.sources.connect import connect_prometheus
from dlqkit.sources.prometheus import Prometheus
from dlqkit.untrusted import for_promql_regex, shorten

__all__ = ["check_metrics", "try_prometheus"]

NAME = "Prometheus"
# Whoever keeps longer is not asked further: an incident of last year is investigated from its folder.
LONGEST = timedelta(days=400)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
# So far an instant query looks back.
RECENT_S = 300.0
# Two days before now are enough to compare an incident with the day before.
SHORT = timedelta(days=2)


def try_prometheus(settings: Settings) -> Tried:
    """Ask for names, labels, newest and oldest samples of the runbook's metrics, and say what was seen.

    Parameters
    ----------
    settings : Settings
        With ``prometheus.url``.

    Returns
    -------
    Tried
        ``seen``: ``version``, ``metrics`` (key → names there), ``labels`` (name → labels), ``similar`` (key → names),
        ``retention``, ``oldest_at``. ``proposed``: ``metrics`` where a single other name fits.
    """
    url = shown(str(settings.prometheus.url))
    out = Tried("prometheus", NAME, url, ())
    asked_at = datetime.now(UTC)
    try:
        client = connect_prometheus(settings, **QUICK)
        known, date = client.lookup("label/__name__/values")
    except AccessDenied as error:
        return replace(out, checks=(refused("access", error),), is_refused=True)
    except DlqkitError as error:
        return replace(out, checks=(refused("access", error),))
    clock = Asked(asked_at, datetime.now(UTC), date)
    version = _text(client, "status/buildinfo", "version")
    said = f"It answers{f', version {version}' if version else ''}."
    checks = [Check("access", "works", said), check_clock(clock)]
    names = frozenset(str(name) for name in known) if isinstance(known, list) else frozenset()
    more, seen, proposed = check_metrics(names, settings.prometheus.metrics)
    checks += more
    there = seen["metrics"]
    if there:
        checks += _check_samples(client, there, seen)
        checks.append(_check_retention(client, there, seen))
    return replace(out, checks=tuple(checks), seen={**seen, "version": version}, proposed=proposed)


def check_metrics(
    names: frozenset[str], given: Mapping[str, str], *, is_page: bool = False
) -> tuple[list[Check], dict[str, Any], dict[str, Any]]:
    """Which of the runbook's metrics are among the names; what was seen; settings that would name another one.

    ``is_page`` is a worker's own page: a process that has just started may have counted nothing.
    """
    wanted = metric_names(given)
    there = find_metrics(names, wanted)
    checks, similar, proposed = [], {}, {}
    if there:
        said = f"Found: {', '.join(wanted[key] for key in wanted if key in there)}."
        checks.append(Check("metrics", "works", said))
    for key, own in wanted.items():
        if key in there:
            continue
        similar[key] = similar_names(names, key, taken=[one for found in there.values() for one in found])
        if len(similar[key]) == 1:
            proposed[key] = similar[key][0]
        # A counter that has counted nothing yet is not exported by most clients: no dead letter is no fault.
        is_young = key in {"dlq", "failure"} and "success" in there and key not in given and not similar[key]
        if is_page and not similar[key]:
            checks.append(Check("metrics", "note", f"There is no {own} on it; it may come with the first event."))
            continue
        if is_young:
            said = f"There is no {own} yet; it may come with the first {'dead letter' if key == 'dlq' else 'failure'}."
            checks.append(Check("metrics", "note", said))
            continue
        like = f"; alike: {', '.join(similar[key])}" if similar[key] else ""
        step = f'Set prometheus.metrics = {{ {key} = "{(similar[key] or ["…"])[0]}" }}, or have it scraped.'
        checks.append(Check("metrics", "fails", f"There is no metric {own}{like}.", step))
    seen = {"metrics": there, "similar": similar, "labels": {}}
    return checks, seen, {"metrics": proposed} if proposed else {}


def _check_samples(client: Prometheus, there: Mapping[str, tuple[str, ...]], seen: dict[str, Any]) -> list[Check]:
    """Labels of each metric, and whether it is scraped now."""
    every = [name for names in there.values() for name in names]
    selector = '{__name__=~"' + "|".join(map(for_promql_regex, every)) + '"}'
    try:
        frame = client.instant(selector).frame
    except DlqkitError as error:
        return [refused("samples", error)]
    if not len(frame):
        said = "No sample of them is of the last five minutes, so the worker is not scraped now."
        return [Check("samples", "fails", said, "See that the worker runs, and look at its target in Prometheus.")]
    checks = []
    for key, names in there.items():
        rows = frame[frame["metric"].isin(names)]
        series, labels = len(rows), _labels(rows)
        count = rows["workflow_id"].nunique() if "workflow_id" in labels else 0
        kind = f" ({_kind(names, labels)})" if key == "duration" else ""
        if not series and key == "duration":
            series, labels, count = _native(client, names[0])
            kind = " (native histogram)"
        if not series:
            checks.append(Check("samples", "note", f"{names[0]} has no sample of the last five minutes."))
            continue
        seen["labels"][names[0]] = labels
        if "workflow_id" not in labels:
            said = f"{names[0]} has no label workflow_id ({_listed(labels) or 'it has none'})."
            step = "Have the worker export it; until then its counts are of all workflows together."
            checks.append(Check("labels", "fails" if key == "dlq" else "note", said, step))
            continue
        said = f"{names[0]}{kind}: {series:,} series, {counted(count, 'workflow')}; by {_listed(labels)}."
        checks.append(Check("labels", "works", said))
    return checks


def _native(client: Prometheus, name: str) -> tuple[int, list[str], int]:
    """Series, labels and workflows of a metric whose samples are histograms, and so no numbers."""
    now = datetime.now(UTC).timestamp()
    found, _ = client.lookup("series", {"match[]": name, "start": f"{now - RECENT_S:.3f}", "end": f"{now:.3f}"})
    series = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    labels = sorted({label for one in series for label in one} - {"__name__"})
    return len(series), labels, len({one["workflow_id"] for one in series if "workflow_id" in one})


def _labels(rows: pd.DataFrame) -> list[str]:
    return [name for name in rows.columns if name not in {*SAMPLES, "metric"} and rows[name].notna().any()]


def _listed(labels: list[str]) -> str:
    return ", ".join(shorten(name, 40) for name in labels[:12]) + (", …" if len(labels) > 12 else "")


def _kind(names: tuple[str, ...], labels: list[str]) -> str:
    if any(name.endswith("_bucket") for name in names):
        return "histogram"
    return "summary" if "quantile" in labels or any(name.endswith("_count") for name in names) else "gauge"


def _check_retention(client: Prometheus, there: Mapping[str, tuple[str, ...]], seen: dict[str, Any]) -> Check:
    """How long samples are kept, in the server's words and by the oldest that there is."""
    seen["retention"] = _text(client, "status/runtimeinfo", "storageRetention")
    # Successes are counted from the first day on, dead letters perhaps not.
    key = next((name for name in ("success", "failure", "dlq", "duration") if name in there), "duration")
    try:
        oldest = _oldest(client, series_names(there[key])[0])
    except DlqkitError as error:
        return refused("retention", error)
    seen["oldest_at"] = None if oldest is None else oldest.isoformat()
    kept = f"It keeps {seen['retention']}; the" if seen["retention"] else "The"
    if oldest is None:
        return Check("retention", "unknown", f"{kept} worker's samples are too new to tell since when they are there.")
    age = datetime.now(UTC) - oldest
    longest = "at least " if age >= LONGEST - DAY else ""
    said = f"{kept} oldest sample of the worker is of {oldest:%Y-%m-%d}, {longest}{amount(age.total_seconds())} ago."
    if age < SHORT:
        return Check("retention", "note", said, "Collect soon after an incident: what is older is lost.")
    return Check("retention", "works", said)


def _oldest(client: Prometheus, name: str) -> datetime | None:
    """The oldest sample to within an hour: first the day, then the hour in the day before it."""
    now = datetime.now(UTC)
    # Whole days of a range may meet a pause in the scrapes each time, hours hardly.
    days = client.range(name, now - LONGEST, now, DAY).frame["sampled_at"].min()
    first = now if pd.isna(days) else days.to_pydatetime()
    hours = client.range(name, first - DAY, first, HOUR).frame["sampled_at"].min()
    return None if pd.isna(hours) else hours.to_pydatetime()


def _text(client: Prometheus, path: str, key: str) -> str | None:
    """A word that the server says of itself; services that only speak its language know no such page."""
    try:
        value, _ = client.lookup(path)
    except DlqkitError:
        return None
    text = value.get(key) if isinstance(value, dict) else None
    return text[:60] if isinstance(text, str) and text else None
