"""§6 in words: what to validate, which timeout, what to make faster, and what each rests on."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dlqkit.executions.comparison import DurationComparison
from dlqkit.executions.durations import duration_words
from dlqkit.prevention.payload_proposal import SchemaProposal
from dlqkit.prevention.slowest_step import SlowestStep

__all__ = ["PREVENTION", "advise_prevention"]

PREVENTION: Mapping[str, str] = {"topic": "str", "sentence": "str", "evidence": "str", "unknown": "str"}
# A timeout is called safe where it would have cut no success, and the interval ends below one in a hundred.
SAFE_HIGH = 0.01


def advise_prevention(
    *,
    schema: SchemaProposal | None = None,
    effects: pd.DataFrame | None = None,
    slowest: SlowestStep | None = None,
    durations: DurationComparison | None = None,
    dependency_down: str | None = None,
) -> pd.DataFrame:
    """What would keep this from happening again, as far as the evidence says.

    Parameters
    ----------
    schema : SchemaProposal, optional
        From ``propose_schema``.
    effects : DataFrame, optional
        From ``timeout_effects``.
    slowest : SlowestStep, optional
        From ``slowest_step``.
    durations : DurationComparison, optional
        From ``compare_durations``: a timeout is spoken of only where actions were slow.
    dependency_down : str, optional
        What the errors say is unavailable: then no other timeout is advised.

    Returns
    -------
    DataFrame
        A row per topic that was looked at: ``validate``, ``timeout``, ``optimise``.

        sentence : what to do, or that nothing follows; evidence : what it rests on; unknown : what it cannot say
    """
    rows = []
    if schema is not None:
        rows.append(_validate(schema))
    if effects is not None:
        rows.append(_timeout(effects, durations, dependency_down))
    if slowest is not None:
        rows.append(_optimise(slowest))
    return pd.DataFrame(rows, columns=list(PREVENTION)).astype(dict(PREVENTION))


def _row(topic: str, sentence: str, evidence: str, unknown: str) -> dict[str, str]:
    return {"topic": topic, "sentence": sentence, "evidence": evidence, "unknown": unknown}


def _validate(schema: SchemaProposal) -> dict[str, str]:
    unknown = "Whether payloads that clients send later look like those of this window."
    if schema.verdict == "helps":
        places = ", ".join(dict.fromkeys(schema.reasons.loc[schema.reasons["dead"] > 0, "path"].head(3)))
        return _row("validate", f"Check the payload before it is queued: {places}.", schema.sentence, unknown)
    if schema.verdict == "nothing":
        return _row("validate", "A check of the payload would not have helped.", schema.sentence,
                    "Whether a value that looks right was wrong.")  # fmt: skip
    return _row("validate", "Whether a check of the payload would have helped is not known.", schema.sentence, unknown)


def _timeout(effects: pd.DataFrame, durations: DurationComparison | None, down: str | None) -> dict[str, str]:
    evidence = " ".join(effects["sentence"].astype("str"))
    hidden = "How long the actions that were cut would have taken."
    if down is not None:
        words = f"Leave the timeout as it is: a longer one only waits longer for {down}."
        return _row("timeout", words, f"The errors name {down}.", hidden)
    if durations is not None and durations.verdict in {"dead at once", "no difference"}:
        return _row("timeout", "The timeout is not what failed these events: leave it.", durations.sentence, hidden)
    if durations is not None and int(durations.groups["censored"].sum()) == 0:
        return _row("timeout", "No failing action is known to have been ended by a timeout: leave it.",
                    durations.sentence, hidden)  # fmt: skip
    longer = effects[(effects["answer"] == "estimated") & (effects["finished_low"] > 0).fillna(False)]
    if len(longer):
        best = longer.sort_values("finished_share", ascending=False, kind="stable").iloc[0]
        words = f"A timeout of {duration_words(best['timeout_ms'])} may be worth trying."
        alike = "Whether the actions that were cut are like those that the estimate rests on."
        return _row("timeout", words, str(best["sentence"]), alike)
    is_safe = (effects["cut"] == 0) & (effects["cut_high"] <= SAFE_HIGH) & (effects["saved_s"] > 0)
    shorter = effects[is_safe.fillna(False)]
    words = "These data give no reason for another timeout"
    if len(shorter):
        words = (
            f"A timeout of {duration_words(shorter['timeout_ms'].iloc[0])} would fail sooner, "
            "and cut no success that is known"
        )
    return _row("timeout", f"{words}; whether a longer one would help they do not say.", evidence, hidden)


def _optimise(slowest: SlowestStep) -> dict[str, str]:
    unknown = "What happens before a run's first line and after its last."
    if slowest.verdict == "found":
        return _row("optimise", f"Look at what follows “{slowest.step}”: most of the lost time is there.",
                    slowest.sentence, unknown)  # fmt: skip
    if slowest.verdict == "longest":
        return _row("optimise", f"Look first at what follows “{slowest.step}”.", slowest.sentence,
                    "How long it takes in events that succeed.")  # fmt: skip
    if slowest.verdict == "no step grew":
        return _row("optimise", "No part of the action stands out.", slowest.sentence, unknown)
    return _row("optimise", "The logs do not tell which part of the action is slow.", slowest.sentence,
                "Where the time goes: log a line before and after each call to something else.")  # fmt: skip
