"""What to do about dead letters that were counted and that no record lists: nobody can send those again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlqkit.decision.balance import lacks_records
from dlqkit.decision.class_advice import Row, advice_row
from dlqkit.language import say, say_count

__all__ = ["advise_on_unlisted", "before_list", "count_unlisted", "then_get_list"]


def count_unlisted(facts: Mapping[str, Any]) -> int:
    """How many dead letters are in no record, by the counter or by the dead-letter subscriptions, whichever saw more.

    0 where neither knows of one.
    """
    events = facts.get("events") or {}
    listed, counted = (events.get("affected") or {}).get("value"), _counted(facts)
    held = _held(events)
    if listed is None or counted is None or not lacks_records(counted, listed + held):
        return held
    return max(held, round(float(counted) - int(listed)))


def _counted(facts: Mapping[str, Any]) -> float | None:
    grown = (facts.get("metrics") or {}).get("dead_letters_increase")
    return None if grown is None else float(grown)


def _held(events: Mapping[str, Any]) -> int:
    return int((events.get("held") or {}).get("value") or 0)


def advise_on_unlisted(facts: Mapping[str, Any], folder: str) -> list[Row]:
    """That the whole list is to be got where it was cut, and how many are missing from it.

    Parameters
    ----------
    facts : mapping
        The report's facts, as far as they are computed.
    folder : str
        The incident folder as commands are to name it.

    Returns
    -------
    list of dict
        As of ``advice.advise``; empty where the list is whole.
    """
    affected = (facts.get("events") or {}).get("affected") or {}
    if affected.get("bound") != "at_least":
        return []
    command = f"dlqkit collect {folder} --records export.jsonl"
    wrong = say("Reporting the number of events as exact.")
    missing = count_unlisted(facts)
    if not missing:
        return [advice_row(
            say("Get the whole list of dead letters: export the records, or raise the API's limit."),
            say("The source was cut, so there may be more events than are seen."),
            command, wrong=wrong, unknown=say("How many more there are."),
        )]  # fmt: skip
    get = say("Get the whole list of dead letters ({missing}): export the records, or raise the API's limit.",
              missing=_missing_text(facts))  # fmt: skip
    if held := _held(facts["events"]):
        reason = say("Messages of {count} of them are in the dead-letter subscription; what no record lists is in no "
                     "plan.", count=held)  # fmt: skip
        return [advice_row(get, reason, command, wrong=wrong, unknown=say("Of which class these events are."))]
    reason = say("The counter saw {counted:,.0f} and the records hold {held}; what no record lists is in no plan.",
                 counted=_counted(facts), held=affected["value"])  # fmt: skip
    return [advice_row(get, reason, command, wrong=wrong,
                       unknown=say("Which events these are, and of which class."))]  # fmt: skip


def then_get_list(facts: Mapping[str, Any]) -> str:
    """The same in short, to be said after another first step."""
    return say("Then get the whole list of dead letters: {missing}.", missing=_missing_text(facts))


def before_list(facts: Mapping[str, Any]) -> str:
    """The same, to be said after a first step that ends with a republish; empty where the list is whole."""
    if not advise_on_unlisted(facts, "") or not count_unlisted(facts):
        return ""
    return say("Get the whole list of dead letters before you republish: {missing}.", missing=_missing_text(facts))


def _missing_text(facts: Mapping[str, Any]) -> str:
    """How many no record lists, in the words of the first screen's sum where the subscriptions know all of them."""
    missing = count_unlisted(facts)
    if missing == _held(facts["events"]):
        return say_count("{count} is in the dead-letter subscription alone",
                         "{count} are in the dead-letter subscription alone", missing)  # fmt: skip
    return say_count("{count} is in no record", "{count} are in no record", missing)
