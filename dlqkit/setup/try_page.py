"""A worker's own page of metrics, asked live."""

from __future__ import annotations

from dataclasses import replace

from dlqkit.errors import DlqkitError
from dlqkit.settings import Settings
from dlqkit.setup.checks import QUICK, Check, Tried, counted, refused, shown
from dlqkit.setup.try_prometheus import check_metrics
from dlqkit.sources.connect import connect_metrics_page

__all__ = ["try_metrics_page"]

NAME = "Worker's page"


def try_metrics_page(settings: Settings, url: str) -> Tried:
    """Read a worker's page once and say what was seen.

    Returns
    -------
    Tried
        ``seen``: ``values`` (how many are on the page), ``metrics``, ``similar``, ``labels`` as of Prometheus.
    """
    out = Tried("worker", NAME, shown(url), ())
    try:
        frame = connect_metrics_page(settings, url, **QUICK).load().frame
    except DlqkitError as error:
        return replace(out, checks=(refused("access", error),))
    names = frozenset(map(str, frame["metric"].unique()))
    checks, seen, _ = check_metrics(names, settings.prometheus.metrics, is_page=True)
    access = Check("access", "works", f"It answers with {counted(len(frame), 'value')}.")
    return replace(out, checks=(access, *checks), seen={**seen, "values": len(frame)})
