"""Silence: of the whole worker, or of a workflow; of records, log lines and scrapes, told apart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.signals.onset import Gap, find_gap
from dlqkit.signals.points import Found, by_workflow, grown_points, times_s, usual_spacing_s

__all__ = ["find_silences"]

# −log of the probability of a pause by chance; one in a million, and for one workflow alone one in a hundred million.
SILENCE_ALL, SILENCE_ONE = 14.0, 18.0
SILENCE_S = 300.0


def find_silences(
    steps: Mapping[str, pd.DataFrame],
    samples: pd.DataFrame,
    records: pd.DataFrame | None,
    logs: pd.DataFrame | None,
    end_s: float,
) -> list[Found]:
    """Silence of the whole worker, else of single workflows; every source that is there must agree."""
    signs = _signs_of_life(steps, records, logs)
    spacing = usual_spacing_s(steps["success"])
    gaps: dict[str, Gap] = {}
    for name, (at, weight) in signs.items():
        gap = find_gap(at, weight, float(at[0]), end_s, unlikely=SILENCE_ALL)
        if gap is None or end_s - gap.last_s < SILENCE_S:
            gaps.clear()
            break
        gaps[name] = gap
    if gaps:
        last = max(gap.last_s for gap in gaps.values())
        exact = [gap.last_s for name, gap in gaps.items() if name != "counters" and last - gap.last_s <= 2 * spacing]
        onset = max(exact) if exact else last
        low = onset if exact else onset - spacing
        sources = " and ".join(gaps)
        scraped_to = float(times_s(samples["sampled_at"]).max()) if len(samples) else None
        text = f"No sign of life in the {sources}; {_scrape_words(scraped_to, onset, end_s, spacing)}."
        expected = max(gap.expected for gap in gaps.values())
        return [
            Found(
                None, "silence", onset, low, onset, None, spacing, expected, np.nan,
                float(1 - np.exp(-expected / SILENCE_ALL)), text,
            )
        ]  # fmt: skip
    return _silent_workflows(steps, records, logs, end_s, spacing)


def _scrape_words(scraped_to: float | None, onset: float, end_s: float, spacing: float) -> str:
    if scraped_to is None:
        return "there are no scrapes"
    if end_s - scraped_to <= 4 * spacing:
        return "the worker's page still answers, so its process lives and gets or takes no events"
    return f"scrapes stop {max(scraped_to - onset, 0):,.0f} s after it, so its process or the scraping is gone"


def _signs_of_life(
    steps: Mapping[str, pd.DataFrame], records: pd.DataFrame | None, logs: pd.DataFrame | None
) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    out = {}
    everything = [part for part in steps.values() if len(part)]
    if everything:
        points = grown_points(pd.concat(everything, ignore_index=True))
        if len(points):
            out["counters"] = points["at_s"].to_numpy(), points["weight"].to_numpy()
    # Dead letters alone are no sign of life: a healthy worker has none.
    if records is not None and (~records["queued_to_dlq"].fillna(False).astype(bool)).any():
        at = np.sort(times_s(records["recorded_at"].dropna()))
        if len(at) and records["workflow_id"].nunique() > 1:
            out["execution records"] = at, np.ones(len(at))
    if logs is not None:
        at = np.sort(times_s(logs["logged_at"].dropna()))
        if len(at):
            out["worker logs"] = at, np.ones(len(at))
    return out


def _silent_workflows(
    steps: Mapping[str, pd.DataFrame],
    records: pd.DataFrame | None,
    logs: pd.DataFrame | None,
    end_s: float,
    spacing: float,
) -> list[Found]:
    everything = [part for part in steps.values() if len(part)]
    if not everything or "workflow_id" not in everything[0].columns:
        return []
    out = []
    for workflow_id, part in by_workflow(pd.concat(everything, ignore_index=True)).items():
        points = grown_points(part)
        if points.empty:
            continue
        at, weight = points["at_s"].to_numpy(), points["weight"].to_numpy()
        gap = find_gap(at, weight, float(at[0]), end_s, unlikely=SILENCE_ONE)
        if gap is None or end_s - gap.last_s < 2 * SILENCE_S:
            continue
        if _is_alive(workflow_id, records, logs, gap.last_s, spacing):
            continue
        text = "Its counters no longer grow while those of other workflows do."
        low = gap.last_s - spacing
        sure = float(1 - np.exp(-gap.expected / SILENCE_ONE))
        out.append(
            Found(workflow_id, "silence", gap.last_s, low, gap.last_s, None, spacing, gap.expected, np.nan, sure, text)
        )
    return out


def _is_alive(
    workflow_id: str | None,
    records: pd.DataFrame | None,
    logs: pd.DataFrame | None,
    since_s: float,
    spacing: float,
) -> bool:
    for frame, column in ((records, "recorded_at"), (logs, "logged_at")):
        if frame is not None and len(frame):
            own = times_s(frame.loc[frame["workflow_id"] == workflow_id, column].dropna())
            if len(own) and own.max() > since_s + 2 * spacing:
                return True
    return False
