"""§6 in words: what to validate, which timeout, what to make faster, and what each rests on."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dlqkit.executions.comparison import DurationComparison
from dlqkit.executions.durations import duration_words
from dlqkit.language import say
from dlqkit.prevention.payload_proposal import SchemaProposal
from dlqkit.prevention.slowest_step import SlowestStep

__all__ = ["PREVENTION", "advise_prevention"]

PREVENTION: Mapping[str, str] = {"topic": "str", "sentence": "str", "evidence": "str", "unknown": "str"}
# A timeout is called safe where it would have cut no success, and the interval ends below one in a hundred.
SAFE_HIGH = 0.01
# Verdicts of compare_durations by which failing actions took no longer than healthy ones.
_NOT_SLOW = {"dead at once", "no difference"}


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
        The error, as it is worded, that says that something else is unavailable: then no other timeout is advised.

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
        rows.append(_optimise(slowest, durations))
    return pd.DataFrame(rows, columns=list(PREVENTION)).astype(dict(PREVENTION))


def _row(topic: str, sentence: str, evidence: str, unknown: str) -> dict[str, str]:
    return {"topic": topic, "sentence": sentence, "evidence": evidence, "unknown": unknown}


def _validate(schema: SchemaProposal) -> dict[str, str]:
    unknown = say("Whether payloads that clients send later look like those of this window.")
    if schema.verdict == "helps":
        places = ", ".join(dict.fromkeys(schema.reasons.loc[schema.reasons["dead"] > 0, "path"].head(3)))
        return _row("validate", say("Check the payload before it is queued: {places}.", places=places),
                    schema.sentence, unknown)  # fmt: skip
    if schema.verdict == "nothing":
        return _row("validate", say("A check of the payload would not have helped."), schema.sentence,
                    say("Whether a value that looks right was wrong."))  # fmt: skip
    return _row("validate", say("Whether a check of the payload would have helped is not known."), schema.sentence,
                unknown)  # fmt: skip


def _timeout(effects: pd.DataFrame, durations: DurationComparison | None, down: str | None) -> dict[str, str]:
    hidden = say("How long the actions that were cut would have taken.")
    cut_none = durations is not None and int(durations.groups["censored"].sum()) == 0
    inner = say("Whether a timeout of a call inside the action failed it: no duration of the whole shows that.")
    if down is not None:
        words = say("Leave the timeout as it is: a longer one only waits longer for what is down.")
        return _row("timeout", words, say("What is down, by the errors: “{text}”.", text=down),
                    inner if cut_none else hidden)  # fmt: skip
    if durations is not None and durations.verdict in _NOT_SLOW:
        return _row("timeout", say("The timeout is not what failed these events: leave it."), durations.sentence,
                    inner if cut_none else hidden)  # fmt: skip
    if durations is not None and cut_none:
        return _row("timeout", say("No failing action is known to have been ended by a timeout: leave it."),
                    durations.sentence, inner)  # fmt: skip
    # What shorter timeouts would have cut is no evidence for any but the one that is advised.
    asked = effects[effects["answer"] != "counted"]
    longer = effects[(effects["answer"] == "estimated") & (effects["finished_low"] > 0).fillna(False)]
    if len(longer):
        best = longer.sort_values("finished_share", ascending=False, kind="stable").iloc[0]
        words = say("A timeout of {timeout} may be worth trying.", timeout=duration_words(best["timeout_ms"]))
        alike = say("Whether the actions that were cut are like those that the estimate rests on.")
        return _row("timeout", words, str(best["sentence"]), alike)
    if durations is not None and _mostly_cut(durations):
        words = say("The timeout ended most of the failing actions: make the action faster, or raise the timeout; how "
                    "long it would have to be these data do not say.")  # fmt: skip
        return _row("timeout", words, " ".join(asked["sentence"].astype("str")) or durations.sentence, hidden)
    is_safe = (effects["cut"] == 0) & (effects["cut_high"] <= SAFE_HIGH) & (effects["saved_s"] > 0)
    shorter = effects[is_safe.fillna(False)].head(1)
    if len(shorter):
        asked = pd.concat([shorter, asked])
        words = say(
            "A timeout of {timeout} would fail sooner, and cut no success that is known; whether a longer one would "
            "help they do not say.",
            timeout=duration_words(shorter["timeout_ms"].iloc[0]),
        )
    else:
        words = say("These data give no reason for another timeout; whether a longer one would help they do not say.")
    shown = asked if len(asked) else effects
    return _row("timeout", words, " ".join(shown["sentence"].astype("str")), hidden)


def _mostly_cut(durations: DurationComparison) -> bool:
    failing = durations.groups.set_index("group").loc["failing"]
    return bool(2 * failing["censored"] > failing["durations"])


def _optimise(slowest: SlowestStep, durations: DurationComparison | None) -> dict[str, str]:
    unknown = say("What happens before a run's first line and after its last.")
    if slowest.verdict == "found":
        words = say("Look at what follows “{step}”: most of the lost time is there.", step=slowest.step)
        return _row("optimise", words, slowest.sentence, unknown)
    if slowest.verdict == "longest":
        return _row("optimise", say("Look first at what follows “{step}”.", step=slowest.step), slowest.sentence,
                    say("How long it takes in events that succeed."))  # fmt: skip
    if slowest.verdict == "no step grew":
        return _row("optimise", say("No part of the action stands out."), slowest.sentence, unknown)
    if durations is not None and durations.verdict in _NOT_SLOW:
        words = say("Failing actions were not slow; which part of them takes longest the logs do not tell.")
    else:
        words = say("The logs do not tell which part of the action is slow.")
    return _row("optimise", words, slowest.sentence,
                say("Where the time goes: log a line before and after each call to something else."))  # fmt: skip
