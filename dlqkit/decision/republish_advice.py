"""What to do next once something was planned or sent again, by the plans, the journal and the proof."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from dlqkit.decision.cause_steps import who_text
from dlqkit.language import listing, number, say, say_count

__all__ = ["advise_on_republish", "warn_of_sent"]

_DIED_AGAIN = ("failed_same", "failed_new")
_Row = dict[str, str]


def advise_on_republish(
    republish: Mapping[str, Any],
    still_open: int | None,
    *,
    directory: str,
    shared: Mapping[str, Any] | None = None,
) -> list[_Row]:
    """What a republish leaves to be done, most urgent first; nothing where none was planned.

    Parameters
    ----------
    republish : mapping
        The facts' part, of ``report.republished.describe_republish``.
    still_open : int or None
        Open events of the incident; None where that is not known.
    directory : str
        The incident folder, as commands are to name it.
    shared : mapping, optional
        What its business errors have in common, of ``causes`` of the facts.

    Returns
    -------
    list of dict
        As of ``advice.advise``.
    """
    folder = shlex.quote(directory)
    rows: list[_Row] = []
    totals: Counter[str] = Counter()
    late: list[str] = []
    waiting = 0
    for plan in republish["plans"]:
        name, fates = plan["plan_id"], Counter(plan["totals"] or {})
        totals += fates
        late += [name] if fates["not_seen"] + fates["running"] else []
        if fates["in_doubt"]:
            settle = say_count(
                "Settle the {count} event of {plan} in doubt.",
                "Settle the {count} events of {plan} in doubt.",
                fates["in_doubt"],
                plan=name,
            )
            rows.append(_row(settle,
                             say("Nobody knows whether they were stored; they are never sent again by themselves."),
                             f"dlqkit republish resolve {folder} {name}",
                             wrong=say("Taking it that what is not seen was not sent.")))  # fmt: skip
        if plan["is_cancelled"]:
            continue
        waiting += fates["not_sent"] + fates["failed_to_send"] if plan["totals"] is not None else plan["events"]
        left = fates["not_sent"] if plan["totals"] is not None else plan["events"]
        if left:
            rows.append(_of_unsent(plan, left, folder))
    again = sum(totals[name] for name in _DIED_AGAIN)
    if again:
        find = say_count(
            "Find why {count} event died again after the send: the cause is not removed.",
            "Find why {count} events died again after the send: the cause is not removed.",
            again,
        )
        rows.insert(0, _row(find, say("Each has a dead letter of after its send."), f"dlqkit lab {folder}",
                            wrong=say("Sending them a third time as they are.")))  # fmt: skip
    unseen = totals["not_seen"] + totals["running"]
    if unseen:
        prove = say_count(
            "Before anything else is sent, see what became of the {count} event sent again (dlqkit republish prove … "
            "{plans}).",
            "Before anything else is sent, see what became of the {count} events sent again (dlqkit republish prove … "
            "{plans}).",
            unseen, plans=_chained(late),
        )  # fmt: skip
        rows.append(
            _row(prove, say("A record may be late, or the API may not show it."),
                 f"dlqkit republish prove {folder} {late[0]}",
                 wrong=say("Taking an event that is not seen for one that passed, or for one that was lost."))
        )  # fmt: skip
    if totals["passed"] and not again and still_open:
        # What a cancelled plan did not send is in no plan.
        rest = still_open - waiting - totals["in_doubt"] - unseen
        if rest > 0:
            rows.append(_of_rest(rest, republish.get("unsent") or [], totals["passed"], shared, folder))
    return rows


def _of_rest(
    rest: int, unsent: Sequence[Mapping[str, Any]], passed: int, shared: Mapping[str, Any] | None, folder: str
) -> _Row:
    """Open events that no plan has sent: of which class they are, what is to be done, and which one where it is one."""
    because = say_count("{count} event passed after it was sent again.",
                        "{count} events passed after they were sent again.", passed)  # fmt: skip
    decide = say_count("Decide about the {count} event still open and in no plan.",
                       "Decide about the {count} events still open and in no plan.", rest)  # fmt: skip
    command = f"dlqkit lab {folder}"
    # Where records are cut the two may differ; then the classes are not those of all of them.
    if sum(row["events"] for row in unsent) == rest:
        is_one = rest == 1 and bool(unsent[0]["traces"])
        classes = ", ".join(f"{say(row['failure_class'])}: {number(row['events'])}" for row in unsent)
        if is_one:
            classes = say("{classes}, trace {trace}", classes=classes, trace=unsent[0]["traces"][0])
            command = f"dlqkit event {folder} {shlex.quote(unsent[0]['traces'][0])}"
        decide = say_count("Decide about the {count} event still open and in no plan ({classes}): {steps}",
                           "Decide about the {count} events still open and in no plan ({classes}): {steps}",
                           rest, classes=classes, steps=_steps(unsent, shared))  # fmt: skip
        if any(row["failure_class"] == "business" for row in unsent):
            anew = say("§4: what failed by a business error is created anew, corrected, and not sent as it is.")
            because = f"{because} {anew}"
    return _row(decide, because, command, wrong=say("Closing the incident while nobody has decided about them."))


def _steps(unsent: Sequence[Mapping[str, Any]], shared: Mapping[str, Any] | None) -> str:
    """What is done with open events of these classes that are in no plan."""
    classes = {row["failure_class"] for row in unsent}
    who = who_text(shared)
    if classes == {"business"}:
        return say("correct the input {who}, and have it created anew; never republish it as it is.", who=who)
    if "business" in classes:
        return say("correct the input of the business errors {who}, and have it created anew; of the others plan "
                   "only what may be sent again.", who=who)  # fmt: skip
    return say("plan only what may be sent again.")


def warn_of_sent(republish: Mapping[str, Any]) -> str:
    """That what was sent and has no outcome yet is not to be sent again, in a sentence; empty where there is none."""
    unseen: Counter[str] = Counter()
    doubtful = 0
    for plan in republish["plans"]:
        fates = Counter(plan["totals"] or {})
        unseen[plan["plan_id"]] += fates["not_seen"] + fates["running"]
        doubtful += fates["in_doubt"]
    said = []
    if count := unseen.total():
        said.append(say_count(
            "{count} event was sent again and has no outcome yet: see what became of it before anything else is sent "
            "(dlqkit republish prove … {plans}).",
            "{count} events were sent again and have no outcome yet: see what became of them before anything else is "
            "sent (dlqkit republish prove … {plans}).",
            count, plans=_chained([name for name, known in unseen.items() if known]),
        ))  # fmt: skip
    if doubtful:
        said.append(say_count("Of {count} event it is in doubt whether it was sent.",
                              "Of {count} events it is in doubt whether they were sent.", doubtful))  # fmt: skip
    return " ".join(said)


def _of_unsent(plan: Mapping[str, Any], left: int, folder: str) -> _Row:
    """A plan that was not run, or not to its end."""
    name = plan["plan_id"]
    if plan["totals"] is not None:
        go_on = say_count(
            "Go on with {plan} or cancel it: {count} event of it are not sent.",
            "Go on with {plan} or cancel it: {count} events of it are not sent.",
            left,
            plan=name,
        )
        return _row(go_on, plan["last_run"] or say("Its last run did not end."),
                    f"dlqkit republish run {folder} {name} --execute",
                    wrong=say("Going on before the reason of the stop is removed."))  # fmt: skip
    decide = (
        say("Decide about {plan}: it is approved and not run.", plan=name) if plan["approved"]
        else say("Decide about {plan}: it is not approved.", plan=name)
    )  # fmt: skip
    wait = say_count("{count} event wait in it.", "{count} events wait in it.", left)
    return _row(decide, wait, f"dlqkit republish status {folder}")


def _chained(names: Sequence[str]) -> str:
    return reduce(lambda before, last: listing([before, last]), names)


def _row(action: str, reason: str, command: str, *, wrong: str = "", unknown: str = "") -> _Row:
    return {"action": action, "reason": reason, "command": command, "wrong": wrong, "unknown": unknown}
