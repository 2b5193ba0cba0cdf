"""Series that are there several times because several servers scraped the same process."""

from __future__ import annotations

import pandas as pd

from dlqkit.signals.columns import VALUE_COLUMNS

__all__ = ["without_copies"]

# Labels by which two Prometheus servers that scrape the same targets tell themselves apart; the last is also a common
# name for the worker's own replicas.
SERVER_LABELS = ("prometheus_replica", "__replica__")
EITHER_LABEL = "replica"
# A process that is named otherwise shows that ``replica`` is the server's: one instance is no two workers.
_PROCESS_LABELS = ("instance", "pod")


def without_copies(samples: pd.DataFrame) -> pd.DataFrame:
    """The samples of one server for each series, of the one that has most of it.

    Parameters
    ----------
    samples : DataFrame
        ``frames.SAMPLES`` with labels as columns.

    Notes
    -----
    A counter that two servers scraped would count every event twice. Where their samples are put together it would fall
    at every second one, since neither scrapes at the other's moments.
    """
    names = [name for name in SERVER_LABELS if name in samples.columns]
    if EITHER_LABEL in samples.columns and any(
        name in samples.columns and bool(samples[name].notna().all()) for name in _PROCESS_LABELS
    ):
        names.append(EITHER_LABEL)
    names = [name for name in names if samples[name].nunique() > 1]
    labels = [name for name in samples.columns if name not in {*VALUE_COLUMNS, *names}]
    if not names or not labels:
        return samples
    series = samples.groupby(labels, dropna=False, observed=True, sort=False).ngroup()
    server = samples.groupby(names, dropna=False, observed=True, sort=True).ngroup()
    sizes = pd.DataFrame({"series": series, "server": server}).value_counts(sort=False).reset_index()
    best = sizes.sort_values(["count", "server"], ascending=[False, True], kind="stable").drop_duplicates("series")
    return samples[(server == series.map(best.set_index("series")["server"])).to_numpy()]
