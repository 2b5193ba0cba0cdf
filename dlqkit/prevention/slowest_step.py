"""What takes longest in an action, as far as its log lines tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from dlqkit.decision.signatures import sign_errors
from dlqkit.executions.durations import duration_words
from dlqkit.executions.intervals import MEDIAN_NEEDS, median_interval
from dlqkit.frames import WORKER_LOGS, check_frame
from dlqkit.language import say

__all__ = ["STEPS", "SlowestStep", "slowest_step"]

STEPS: Mapping[str, str] = {
    "step": "str",
    "next_failing": "str",
    "next_healthy": "str",
    "failing_runs": "Int64",
    "failing_ms": "Float64",
    "failing_low_ms": "Float64",
    "failing_high_ms": "Float64",
    "healthy_runs": "Int64",
    "healthy_ms": "Float64",
    "healthy_low_ms": "Float64",
    "healthy_high_ms": "Float64",
    "growth_ms": "Float64",
    "share": "Float64",
}
# With fewer of the runs than this having two lines the logs are silent about most of what happened.
SPEAKING_SHARE = 0.5
# A step whose growth is less of the failing runs' time than this is not what made them slow.
WORTH_SHARE = 0.1
WORTH_MS = 1.0


@dataclass(frozen=True, slots=True)
class SlowestStep:
    """The part of the action that grew most.

    ``verdict``: ``found``, ``longest`` (nothing to hold it against), ``no step grew`` or ``the logs do not tell``.
    ``step`` is the message after which the time passes, None where none is named. ``steps`` has a row per message,
    that which lost most time first, columns of ``STEPS``: the median time from it to the next line of the same run,
    with its 95 % interval, in failing and in healthy runs, and which message came next; ``growth_ms`` between the two;
    ``share`` of the failing runs' time that is spent there. Where healthy runs speak and none has the line, they spend
    nothing on it.
    """

    verdict: Literal["found", "longest", "no step grew", "the logs do not tell"]
    sentence: str
    step: str | None
    steps: pd.DataFrame


def slowest_step(
    worker_logs: pd.DataFrame, failing_traces: Collection[str], healthy_traces: Collection[str]
) -> SlowestStep:
    """Which part of the action takes longer in failing events than in healthy ones.

    Parameters
    ----------
    worker_logs : DataFrame
        ``frames.WORKER_LOGS``.
    failing_traces, healthy_traces : collection of str
        Trace ids; a trace in both is left out.

    Returns
    -------
    SlowestStep

    Notes
    -----
    Runbook §6. A run is one attempt of one workflow in one trace; the wait between two attempts belongs to none. A
    step is what passes from a message (ids and numbers masked) to whatever comes next, so that a call that never
    returned is still a step. Time before the first line and after the last is in no log.
    """
    check_frame(worker_logs, WORKER_LOGS, ("logged_at", "trace_id", "workflow_id", "attempts", "message"))
    failing, healthy = set(failing_traces) - set(healthy_traces), set(healthy_traces) - set(failing_traces)
    lines = _lines(worker_logs, failing, healthy)
    runs = lines.groupby("run", sort=False).agg(lines=("step", "size"), failing=("failing", "first"))
    empty = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in STEPS.items()})
    own = runs[runs["failing"]] if len(runs) else runs
    if not len(own):
        return _silent(say("No log line belongs to a failing event."), empty)
    if float((own["lines"] >= 2).mean()) < SPEAKING_SHARE:
        words = say(
            "{share:.0%} of the failing runs have a single line, so no step can be timed.",
            share=float((own["lines"] < 2).mean()),
        )
        return _silent(words, empty)
    steps = _steps(lines)
    compared = steps[(steps["failing_runs"] >= MEDIAN_NEEDS) & steps["growth_ms"].notna()]
    is_new = compared["healthy_runs"] == 0
    is_grown = is_new | (compared["failing_low_ms"] > compared["healthy_high_ms"]).fillna(False)
    # Growth over all failing runs, so that a step of a few of them must have grown by more.
    total_ms = float(lines.loc[lines["failing"], "spent_ms"].sum())
    is_worth = compared["growth_ms"] * compared["failing_runs"] >= WORTH_SHARE * total_ms
    grown = compared[is_grown & is_worth.fillna(False) & (compared["growth_ms"] >= WORTH_MS).fillna(False)]
    if len(grown):
        first = grown.iloc[0]
        told: dict[str, object] = {
            "step": first["step"], "spent": duration_words(first["failing_ms"]), "next": first["next_failing"],
            "share": first["share"],
        }  # fmt: skip
        if first["healthy_runs"] == 0:
            words = say(
                "After “{step}” failing runs spend {spent}, healthy ones have no such line; then comes “{next}”. That "
                "is {share:.0%} of the failing runs' time between their first and last line.",
                **told,
            )
        else:
            words = say(
                "After “{step}” failing runs spend {spent}, healthy ones {usual}; then comes “{next}”. That is "
                "{share:.0%} of the failing runs' time between their first and last line.",
                **told, usual=duration_words(first["healthy_ms"]),
            )  # fmt: skip
        return SlowestStep("found", words, str(first["step"]), steps)
    if len(compared):
        return SlowestStep("no step grew", say("No step takes plainly longer in failing runs than in healthy ones."),
                           None, steps)  # fmt: skip
    longest = steps[steps["failing_runs"] >= MEDIAN_NEEDS].sort_values("failing_ms", ascending=False, kind="stable")
    if not len(longest):
        return _silent(say("Too few runs have the same two messages in a row."), steps)
    first = longest.iloc[0]
    words = say(
        "Failing runs spend longest after “{step}”: {spent}. No healthy run has that line, so whether that is usual is "
        "not known.",
        step=first["step"], spent=duration_words(first["failing_ms"]),
    )  # fmt: skip
    return SlowestStep("longest", words, str(first["step"]), steps)


def _silent(reason: str, steps: pd.DataFrame) -> SlowestStep:
    return SlowestStep("the logs do not tell", reason, None, steps)


def _lines(logs: pd.DataFrame, failing: set[str], healthy: set[str]) -> pd.DataFrame:
    own = logs[logs["trace_id"].isin(failing | healthy) & logs["logged_at"].notna() & logs["message"].notna()]
    own = own.sort_values(["logged_at"], kind="stable").reset_index(drop=True)
    names = ["trace_id", "workflow_id", "attempts"]
    run = own.groupby(names, dropna=False, sort=False, observed=True).ngroup()
    signed = sign_errors(pd.DataFrame({"last_error": own["message"].astype("str")}))
    frame = pd.DataFrame(
        {
            "run": run,
            "failing": own["trace_id"].isin(failing),
            "at_ms": own["logged_at"].astype("datetime64[us, UTC]").astype("int64") / 1000,
            "step": signed["signature"].astype("str"),
        }
    )
    frame = frame.sort_values(["run", "at_ms"], kind="stable").reset_index(drop=True)
    same = frame["run"].eq(frame["run"].shift(-1))
    frame["spent_ms"] = (frame["at_ms"].shift(-1) - frame["at_ms"]).where(same)
    frame["next"] = frame["step"].shift(-1).where(same)
    return frame


def _steps(lines: pd.DataFrame) -> pd.DataFrame:
    timed = lines[lines["spent_ms"].notna()]
    # A step that a run comes to several times took their sum.
    spent = timed.groupby(["failing", "step", "run"], sort=True).agg(ms=("spent_ms", "sum"), next=("next", "last"))
    total = float(timed.loc[timed["failing"], "spent_ms"].sum())
    sides = {side: part.droplevel("failing") for side, part in spent.groupby(level="failing")}
    rows = []
    for step in sorted(set(timed["step"])):
        row: dict[str, object] = {"step": step}
        for side, name in ((True, "failing"), (False, "healthy")):
            part = _of_step(sides.get(side), step)
            values = part["ms"].to_numpy(dtype=np.float64) if part is not None else np.empty(0)
            middle, low, high = median_interval(values)
            row |= {f"{name}_runs": len(values), f"{name}_ms": middle, f"{name}_low_ms": low, f"{name}_high_ms": high}
            row[f"next_{name}"] = part["next"].mode().iloc[0] if part is not None else pd.NA
            if side and total > 0:
                row["share"] = float(values.sum()) / total
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(STEPS))
    healthy = frame["healthy_ms"].astype("float64")
    if int(lines.loc[lines["spent_ms"].notna() & ~lines["failing"], "run"].nunique()) >= MEDIAN_NEEDS:
        # Healthy runs speak, and never of this step: they spend nothing on it.
        healthy = healthy.mask(frame["healthy_runs"] == 0, 0.0)
    frame["growth_ms"] = frame["failing_ms"].astype("float64") - healthy
    frame = frame.astype(dict(STEPS))
    for name in [name for name, dtype in STEPS.items() if dtype == "Float64"]:
        # NaN of the arithmetic is a number that is not known.
        frame[name] = frame[name].mask(frame[name].isna().to_numpy(dtype=bool, na_value=True), pd.NA)
    frame["weight"] = frame["growth_ms"] * frame["failing_runs"]
    ordered = frame.sort_values(["weight", "step"], ascending=[False, True], kind="stable")
    return ordered[list(STEPS)].reset_index(drop=True)


def _of_step(side: pd.DataFrame | None, step: str) -> pd.DataFrame | None:
    if side is None or step not in side.index.get_level_values("step"):
        return None
    return side.xs(step, level="step")
