"""What to do about dead letters that were counted and that no record lists: nobody can send those again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlqkit.decision.balance import lacks_records
from dlqkit.decision.class_advice import Row, advice_row
from dlqkit.language import say, say_count

__all__ = ["advise_on_unlisted", "count_unlisted"]


def count_unlisted(facts: Mapping[str, Any]) -> int:
    """How many dead letters the counter saw beyond those of the records; 0 where the two agree, or one is not known."""
    affected = (facts.get("events") or {}).get("affected") or {}
    listed, counted = affected.get("value"), (facts.get("metrics") or {}).get("dead_letters_increase")
    if listed is None or counted is None or not lacks_records(counted, listed):
        return 0
    return round(float(counted) - int(listed))


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
    get = say_count("Get the whole list of dead letters, {count} is in no record: export the records, or raise the "
                    "API's limit.",
                    "Get the whole list of dead letters, {count} are in no record: export the records, or raise the "
                    "API's limit.", missing)  # fmt: skip
    reason = say("The counter saw {counted:,.0f} and the records hold {held}; what no record lists is in no plan.",
                 counted=facts["metrics"]["dead_letters_increase"], held=affected["value"])  # fmt: skip
    return [advice_row(get, reason, command, wrong=wrong,
                       unknown=say("Which events these are, and of which class."))]  # fmt: skip
