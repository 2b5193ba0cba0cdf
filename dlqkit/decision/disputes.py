"""Where an event's own fields and its error text speak against each other, and what that means for a republish."""

from __future__ import annotations

import pandas as pd

__all__ = ["REPUBLISH", "find_disputes", "say_republish"]

REPUBLISH = ("no", "after_repair", "look_first")
# What may become of an event of a class, as it is.
_BY_CLASS = {
    "business": ("no", "the same payload would fail again; it may be created anew, corrected"),
    "infrastructure": ("after_repair", "its payload is not at fault; first the root must be removed"),
    "timeout": ("after_repair", "first the action must be made faster, or its timeout be raised"),
    "unknown": ("look_first", "nothing says whether the same payload would fail again"),
}
_DEPENDENCY_DOWN = ("after_repair", "first what it waited for must be back; a longer timeout would not help")
_DISPUTED = ("look_first", "its fields and its text contradict each other, so a person must look at it first")
# Pairs of the fields' class and the text's that answer "would the same payload fail again?" differently. Infrastructure
# and timeout both say no, so between them there is nothing to dispute about a republish.
_CONTRADICTIONS = {
    ("business", "infrastructure"): "what was down would heal it, so retryable may be wrongly false in the worker",
    ("business", "timeout"): "another run could be faster, so retryable may be wrongly false in the worker",
    ("infrastructure", "business"): "the same payload would fail again, so retryable may be wrongly true in the worker",
    ("timeout", "business"): "the same payload would fail again, however long the action may take",
}
# A worker is right not to try again where it is refused access, and yet the same payload passes once it is let in.
_ACCESS = "the worker itself was refused access; once that is restored, the same payload may pass"
_DIFFERENCES = {
    (
        "infrastructure",
        "timeout",
    ): "something was too slow, though not the action as a whole",
    ("timeout", "infrastructure"): "what it waited for was down, so a longer timeout would not help",
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
        list(zip(events["failure_class"].astype("str"), events["suggested_class"].astype("str"), strict=True)),
        index=events.index,
        dtype="object",
    )
    access = events["about_access"].astype(bool)
    refused = access & pairs.isin([("business", "infrastructure")])
    disputed = pairs.isin(list(_CONTRADICTIONS)) & plain & ~refused
    said = {**_CONTRADICTIONS, **_DIFFERENCES}
    means = pairs.map(said).astype("str").mask(refused, _ACCESS)
    by_text = ('The text says "' + events["text_says"].astype("str") + '": ' + means + ". ").where(
        pairs.isin(list(said)), ""
    )
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
    tried = attempts.astype("str").fillna("")
    for mask, sentence in (
        (
            is_business & (attempts > 1),
            "It was tried " + tried + " times, and a failure that is not retryable is usually tried once. ",
        ),
        (is_business & events["is_late"], "It ran as long as the timeout allows. "),
        (used_up & limit.isna(), "MAX_ATTEMPTS is not known, so its attempts may not be used up. "),
        (used_up & limit.notna() & attempts.isna(), "The record does not tell its attempts. "),
        (
            used_up & (attempts > limit),
            "It was tried " + tried + " times, more often than MAX_ATTEMPTS allows. ",
        ),
    ):
        sentences = sentences + pd.Series(sentence, index=events.index).where(mask.fillna(False).astype(bool), "")
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
    answer, reason = (classes.map({name: pair[n] for name, pair in _BY_CLASS.items()}) for n in (0, 1))
    down = (classes == "timeout") & names_dependency.astype(bool)
    for mask, (value, why) in ((down, _DEPENDENCY_DOWN), (disputed.astype(bool), _DISPUTED)):
        answer, reason = answer.mask(mask, value), reason.mask(mask, why)
    return pd.DataFrame(
        {
            "republish": pd.Series(pd.Categorical(answer, categories=list(REPUBLISH)), index=classes.index),
            "republish_reason": reason.astype("str"),
        }
    )
