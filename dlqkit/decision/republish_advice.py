"""What to do next once something was planned or sent again, by the plans, the journal and the proof."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from typing import Any

__all__ = ["advise_on_republish"]

_DIED_AGAIN = ("failed_same", "failed_new")
_Row = dict[str, str]


def advise_on_republish(republish: Mapping[str, Any], still_open: int | None, *, directory: str) -> list[_Row]:
    """What a republish leaves to be done, most urgent first; nothing where none was planned.

    Parameters
    ----------
    republish : mapping
        The facts' part, of ``report.republished.describe_republish``.
    still_open : int or None
        Open events of the incident; None where that is not known.
    directory : str
        The incident folder, as commands are to name it.

    Returns
    -------
    list of dict
        As of ``advice.advise``.
    """
    folder = shlex.quote(directory)
    rows: list[_Row] = []
    totals: Counter[str] = Counter()
    late: list[str] = []
    for plan in republish["plans"]:
        name, fates = plan["plan_id"], Counter(plan["totals"] or {})
        totals += fates
        late += [name] if fates["not_seen"] + fates["running"] else []
        if fates["in_doubt"]:
            rows.append(_row(f"Settle the {_events(fates['in_doubt'])} of {name} in doubt.",
                             "Nobody knows whether they were stored; they are never sent again by themselves.",
                             f"dlqkit republish resolve {folder} {name}",
                             wrong="Taking it that what is not seen was not sent."))  # fmt: skip
        if plan["is_cancelled"]:
            continue
        left = fates["not_sent"] if plan["totals"] is not None else plan["events"]
        if left and plan["totals"] is not None:
            rows.append(_row(f"Go on with {name} or cancel it: {_events(left)} of it are not sent.",
                             plan["last_run"] or "Its last run did not end.",
                             f"dlqkit republish run {folder} {name} --execute",
                             wrong="Going on before the reason of the stop is removed."))  # fmt: skip
        elif left:
            state = "approved and not run" if plan["approved"] else "not approved"
            rows.append(_row(f"Decide about {name}: it is {state}.", f"{_events(left)} wait in it.",
                             f"dlqkit republish status {folder}"))  # fmt: skip
    again = sum(totals[name] for name in _DIED_AGAIN)
    if again:
        rows.insert(0, _row(f"Find why {_events(again)} died again after the send: the cause is not removed.",
                            "Each has a dead letter of after its send.", f"dlqkit lab {folder}",
                            wrong="Sending them a third time as they are."))  # fmt: skip
    unseen = totals["not_seen"] + totals["running"]
    if unseen:
        rows.append(
            _row(f"Prove {' and '.join(late)} again: of {_events(unseen)} that were sent nothing final is seen yet.",
                 "A record may be late, or the API may not show it.", f"dlqkit republish prove {folder} {late[0]}",
                 wrong="Taking an event that is not seen for one that passed, or for one that was lost.")
        )  # fmt: skip
    if totals["passed"] and not again and still_open:
        rest = still_open - totals["not_sent"] - totals["in_doubt"] - unseen
        if rest > 0:
            rows.append(_row(f"Decide about the {_events(rest)} still open that no plan has sent.",
                             f"{_events(totals['passed'])} passed after they were sent again.", f"dlqkit lab {folder}",
                             wrong="Closing the incident while nobody has decided about them."))  # fmt: skip
    return rows


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count:,} events"


def _row(action: str, reason: str, command: str, *, wrong: str = "", unknown: str = "") -> _Row:
    return {"action": action, "reason": reason, "command": command, "wrong": wrong, "unknown": unknown}
