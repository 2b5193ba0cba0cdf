"""The words for what the facts name by an id: classes, sources, counts, and what became of an event."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dlqkit.language import mark, say

__all__ = ["condition_value", "count_name", "term"]

# Facts and frames hold these ids in English in every language, because code compares them; only what is shown is
# translated.
_TERMS = frozenset(
    {
        # failure classes
        mark("business"),
        mark("infrastructure"),
        mark("timeout"),
        mark("unknown"),
        # completeness of a source
        mark("complete"),
        mark("partial"),
        mark("unverified"),
        # kinds of sources, as manifests have them, and what comes before their colon
        mark("records"),
        mark("worker page"),
        mark("worker logs"),
        mark("support reports"),
        mark("dead-letter subscription"),
        # what of a silence is that of a source alone
        mark("scrapes"),
        mark("log lines"),
        # what was counted, by what, and between which counts there is a difference
        mark("dead letters by the records"),
        mark("dead letters by the counter"),
        mark("events without a record"),
        mark("republished"),
        mark("set aside"),
        mark("counter"),
        mark("journal"),
        mark("judgement"),
        mark("payloads"),
        mark("counter and records"),
        mark("records and events"),
        mark("handled and affected"),
        # answers to what differs
        mark("nothing"),
        mark("not comparable"),
        # rows of an event's history
        mark("record"),
        mark("log"),
        # values of conditions
        mark("(missing)"),
        mark("(present)"),
        mark("(null)"),
        mark("(number)"),
        mark("(text)"),
        mark("(true or false)"),
        mark("(object)"),
        mark("(list)"),
        mark("<value>"),
    }
)
# Kinds of sources whose names in manifests are ids rather than words.
_SOURCES: Mapping[str, str] = {
    "records: dead letters": mark("records of dead letters"),
    "records: workflow": mark("records of the workflow"),
    "records: trace": mark("records of the trace"),
    "records: reported": mark("records of reported events"),
    "records: export": mark("exported records"),
    "prometheus": mark("Prometheus"),
    "prometheus: counters": mark("counters of Prometheus"),
    "prometheus: durations, starts, versions": mark("durations, starts and versions of Prometheus"),
}
_ENTITIES: Mapping[str, str] = {"affected": mark("{path} affected"), "open": mark("{path} open")}
_BOUNDS = re.compile(r"(?P<length>length )?(?P<first>(?:>|<=) [0-9.e+-]+)(?: and (?P<last><= [0-9.e+-]+))?")


def term(word: str) -> str:
    """The word for an id in the current language; what is none, such as a foreign name, stays as it is."""
    shown = _SOURCES.get(word, word)
    return say(shown) if word in _TERMS or word in _SOURCES else word


def count_name(name: str) -> str:
    """What a row of ``impact.COUNTS`` counts: a term, or the values of an entity's path."""
    path, _, what = name.rpartition(" ")
    return say(_ENTITIES[what], path=path) if path and what in _ENTITIES and name not in _TERMS else term(name)


def condition_value(value: str) -> str:
    """The value of a condition as it is shown: bounds of a number, a type, or the value itself."""
    bounds = _BOUNDS.fullmatch(value)
    if bounds is None:
        return term(value)
    first, last = bounds["first"], bounds["last"]
    text = say("{above} and {up_to}", above=first, up_to=last) if last else first
    return say("length {bounds}", bounds=text) if bounds["length"] else text
