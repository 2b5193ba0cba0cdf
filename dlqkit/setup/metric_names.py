"""The runbook's metrics among a server's names: as they are called, with a client's suffixes, or otherwise."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

__all__ = ["find_metrics", "series_names", "similar_names"]

# What a client adds to a counter, and to a histogram or summary.
_COUNTER, _PARTS = ("", "_total"), ("", "_bucket", "_count", "_sum")
# Of servers, exporters and language runtimes, never of a worker's actions.
_FOREIGN = re.compile(
    r"^(?:go|process|python|jvm|node|nodejs|kube|container|prometheus|promhttp|scrape|net|apiserver|etcd|grpc|http|otelcol"
    r"|alertmanager|grafana|up$)(?:_|$)"
)
_LIKE: Mapping[str, re.Pattern[str]] = {
    "dlq": re.compile(r"dlq|dead_?letter"),
    "success": re.compile(r"success|succeed|completed|_ok_"),
    "failure": re.compile(r"fail"),
    # The unit is in the name, and durations are read as seconds.
    "duration": re.compile(r"(?:duration|latency|elapsed|processing_time)\w*_seconds$"),
}
MOST = 5


def find_metrics(names: Collection[str], wanted: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """For each key whose metric is there, the names under which it is."""
    out = {}
    for key, own in wanted.items():
        forms = [own + part for part in _PARTS] if key == "duration" else [own, own.removesuffix("_total")]
        found = tuple(name for name in dict.fromkeys(forms) if name in names)
        if found:
            out[key] = found
    return out


def series_names(names: Sequence[str]) -> list[str]:
    """Those of a metric's names with few series first: one bucket is a series each."""
    return sorted(names, key=lambda name: name.endswith("_bucket"))


def similar_names(names: Collection[str], key: str, *, taken: Collection[str] = ()) -> list[str]:
    """Names that may be the metric's under another name, those of the same family as the metrics found first.

    Parameters
    ----------
    names : collection of str
        All that the server has.
    key : str
        ``dlq``, ``success``, ``failure`` or ``duration``.
    taken : collection of str
        Metrics that are found already; what shares their first word stands alone where there is any.
    """
    counted = [name for name in names if name.endswith("_total")] if key != "duration" else list(names)
    bases = {re.sub(r"_(?:bucket|count|sum|created)$", "", name) for name in counted} if key == "duration" else counted
    like = sorted(name for name in bases if _LIKE[key].search(name) and not _FOREIGN.match(name))
    # A count of dead letters may be called a failure, too.
    like = [name for name in like if key == "dlq" or not _LIKE["dlq"].search(name)]
    like = [name for name in like if name not in taken]
    families = {name.split("_")[0] for name in taken}
    own = [name for name in like if name.split("_")[0] in families]
    return (own or like)[:MOST]
