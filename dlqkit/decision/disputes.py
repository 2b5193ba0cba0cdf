"""Where an event's own fields and its error text speak against each other, and what that means for a republish."""

from __future__ import annotations

import pandas as pd

from dlqkit.language import mark, say

__all__ = ["REPUBLISH", "find_disputes", "say_republish"]

REPUBLISH = ("no", "after_repair", "look_first")
# What may become of an event of a class, as it is.
_BY_CLASS = {
    "business": ("no", mark("the same payload would fail again; it may be created anew, corrected")),
    "infrastructure": ("after_repair", mark("its payload is not at fault; first the root must be removed")),
    "timeout": ("after_repair", mark("first the action must be made faster, or its timeout be raised")),
    "unknown": ("look_first", mark("nothing says whether the same payload would fail again")),
}
_DEPENDENCY_DOWN = (
    "after_repair",
    mark("first what it waited for must be back; a longer timeout would not help"),
)
_DISPUTED = (
    "look_first",
    mark("its fields and its text contradict each other, so a person must look at it first"),
)
# Pairs of the fields' class and the text's that answer "would the same payload fail again?" differently. Infrastructure
# and timeout both say no, so between them there is nothing to dispute about a republish.
_CONTRADICTIONS = {
    ("business", "infrastructure"): mark(
        "what was down would heal it, so retryable may be wrongly false in the worker"
    ),
    ("business", "timeout"): mark("another run could be faster, so retryable may be wrongly false in the worker"),
    ("infrastructure", "business"): mark(
        "the same payload would fail again, so retryable may be wrongly true in the worker"
    ),
    ("timeout", "business"): mark("the same payload would fail again, however long the action may take"),
}
# A worker is right not to try again where it is refused access, and yet the same payload passes once it is let in.
_ACCESS = mark("the worker itself was refused access; once that is restored, the same payload may pass")
_DIFFERENCES = {
    ("infrastructure", "timeout"): mark("something was too slow, though not the action as a whole"),
    ("timeout", "infrastructure"): mark("what it waited for was down, so a longer timeout would not help"),
}


def find_disputes(events: pd.DataFrame) -> pd.DataFrame:
    """What speaks against each event's class, and whether that is a dispute.

    Parameters
    ----------
    events : DataFrame
        ``rule``, ``failure_class``, ``retryable``, ``attempts``, ``max_attempts``, ``is_late``, ``suggested_class``,
        ``text_says``, ``text_is_plain`` and ``about_access`` of each event; see ``classes.classify_failures``.

    Returns
    -------
    DataFrame
        A row per event, in the same order and with the same index.

        counter_evidence : str, sentences; empty where nothing speaks against the class
        disputed : boolean, True where a plain text says the opposite about another run; being refused access is none
        names_dependency : boolean, True where a plain text says that something else is down
        republish, republish_reason : see ``say_republish``
    """
    plain = events["text_is_plain"].astype(bool)
    pairs = pd.Series(
        list(zip(events["failure_class"].tolist(), events["suggested_class"].tolist(), strict=True)),
        index=events.index,
        dtype="object",
    )
    access = events["about_access"].astype(bool)
    refused = access & pairs.isin([("business", "infrastructure")])
    disputed = pairs.isin(list(_CONTRADICTIONS)) & plain & ~refused
    said = {**_CONTRADICTIONS, **_DIFFERENCES}
    means = pairs.map(said).astype("str").mask(refused, _ACCESS)
    speaks = pairs.isin(list(said))
    words = events["text_says"].astype("str")
    told = list(zip(words[speaks].tolist(), means[speaks].tolist(), strict=True))
    known = {
        one: say('The text says "{words}": {meaning}.', words=one[0], meaning=say(one[1])) + " " for one in set(told)
    }
    by_text = pd.Series("", index=events.index, dtype="str")
    by_text[speaks] = [known[one] for one in told]
    names_dependency = plain & ~access & (events["suggested_class"].astype("str") == "infrastructure")
    out = pd.DataFrame(
        {
            "counter_evidence": (by_text + _by_fields(events)).str.strip().astype("str"),
            "disputed": disputed.astype("boolean"),
            "names_dependency": names_dependency.astype("boolean"),
        },
        index=events.index,
    )
    return out.join(say_republish(events["failure_class"], disputed, names_dependency))


def _by_fields(events: pd.DataFrame) -> pd.Series:
    """What the attempts and the duration say against the class."""
    attempts, limit = events["attempts"], events["max_attempts"]
    sentences = pd.Series("", index=events.index, dtype="str")
    is_business = events["rule"].astype("str") == "not_retryable"
    used_up = events["rule"].astype("str").isin(["attempts_used_up", "ran_into_timeout"])
    once, often = (
        attempts.map({n: say(text, attempts=int(n)) for n in attempts.dropna().unique()}).astype("str").fillna("")
        for text in (
            mark("It was tried {attempts:d} times, and a failure that is not retryable is usually tried once."),
            mark("It was tried {attempts:d} times, more often than MAX_ATTEMPTS allows."),
        )
    )
    for mask, sentence in (
        (is_business & (attempts > 1), once),
        (is_business & events["is_late"], say("It ran as long as the timeout allows.")),
        (used_up & limit.isna(), say("MAX_ATTEMPTS is not known, so its attempts may not be used up.")),
        (used_up & limit.notna() & attempts.isna(), say("The record does not tell its attempts.")),
        (used_up & (attempts > limit), often),
    ):
        told = pd.Series(sentence, index=events.index) + " "
        sentences = sentences + told.where(mask.fillna(False).astype(bool), "")
    return sentences


def say_republish(failure_class: pd.Series, disputed: pd.Series, names_dependency: pd.Series) -> pd.DataFrame:
    """Whether each event may be run again as it is.

    Parameters
    ----------
    failure_class, disputed, names_dependency : Series
        Of the same index.

    Returns
    -------
    DataFrame
        republish : category, ``no``, ``after_repair``, or ``look_first``: never without a person's look
        republish_reason : str, why
    """
    classes = failure_class.astype("str")
    answer = classes.map({name: value for name, (value, _) in _BY_CLASS.items()})
    reason = classes.map({name: say(why) for name, (_, why) in _BY_CLASS.items()})
    down = (classes == "timeout") & names_dependency.astype(bool)
    for mask, (value, why) in ((down, _DEPENDENCY_DOWN), (disputed.astype(bool), _DISPUTED)):
        answer, reason = answer.mask(mask, value), reason.mask(mask, say(why))
    return pd.DataFrame(
        {
            "republish": pd.Series(pd.Categorical(answer, categories=list(REPUBLISH)), index=classes.index),
            "republish_reason": reason.astype("str"),
        }
    )
