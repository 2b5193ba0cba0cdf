"""What another timeout would have done, as far as these records can say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from dlqkit.decision.timeout_proposal import believe_timeout
from dlqkit.errors import ParameterError
from dlqkit.executions.duration_basis import CUT_FROM, LONGEST_MS, Basis, duration_basis
from dlqkit.executions.durations import duration_words
from dlqkit.executions.event_history import record_outcomes
from dlqkit.executions.intervals import share_interval
from dlqkit.executions.limits import check_limit
from dlqkit.frames import RECORDS, check_frame
from dlqkit.language import say
from dlqkit.prevention.survival import are_alike, finished_between

__all__ = ["ANSWERS", "EFFECTS", "limits_in_force", "timeout_effects"]

ANSWERS = ("counted", "estimated", "not answerable")
EFFECTS: Mapping[str, str] = {
    "timeout_ms": "Float64",
    "answer": "category",
    "successes": "Int64",
    "cut": "Int64",
    "cut_share": "Float64",
    "cut_low": "Float64",
    "cut_high": "Float64",
    "saved_s": "Float64",
    "finished_share": "Float64",
    "finished_low": "Float64",
    "finished_high": "Float64",
    "sentence": "str",
}
# Without candidates: what cuts one success in twenty, in a hundred, in a thousand; and twice today's.
_SHARES_ASKED = (0.95, 0.99, 0.999, 1.0)
_LONGER = 2.0
# Nobody sets a timeout below a microsecond.
_SHORTEST_MS = 0.001
# Two timeouts are two where one is this much longer; less is a clock's doing.
_APART = 1.2
# Fewer actions beyond the timeout than this tell no share of them.
_BEYOND = 10


@dataclass(frozen=True, slots=True)
class _Actions:
    """Arrays of the same length: one action each."""

    duration: npt.NDArray[np.float64]
    attempts: npt.NDArray[np.float64]
    good: npt.NDArray[np.bool_]
    limit: npt.NDArray[np.float64]
    basis: Basis

    @property
    def measured(self) -> npt.NDArray[np.bool_]:
        """Successes whose duration is that of one action: of a sum only those of a single attempt."""
        single = self.attempts <= 1 if self.basis != "attempt" else np.ones(len(self.duration), dtype=bool)
        return self.good & single


def limits_in_force(
    records: pd.DataFrame, by: str | pd.Series, timeouts: Mapping[str, float] | None = None
) -> pd.Series:
    """The timeout that each record ran under, where several were in force.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``.
    by : str or Series
        What the timeout depends on: a column such as ``workflow_id``, or for each record a version or a period.
    timeouts : mapping, optional
        The timeout of a group, milliseconds; without it the value at which its durations pile up.

    Returns
    -------
    Series
        Float64, milliseconds, on the index of ``records``; NA where it is not known.
    """
    groups = (records[by] if isinstance(by, str) else by).astype("str")
    found = {}
    for name, part in records.groupby(groups, sort=True):
        known = (timeouts or {}).get(str(name))
        found[str(name)] = believe_timeout(part).value if known is None else known
    return groups.map(found).astype("Float64")


def timeout_effects(
    records: pd.DataFrame,
    timeout_ms: float | None = None,
    *,
    candidates: Sequence[float] | None = None,
    limits: pd.Series | None = None,
) -> pd.DataFrame:
    """What other timeouts would have cut, saved, or let finish.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS``: those of one action.
    timeout_ms : float, optional
        The timeout in force now; without it, and without ``limits``, nothing is taken to be cut.
    candidates : sequence of float, optional
        Timeouts to ask for, milliseconds; by default those that would have cut 5 %, 1 %, 0.1 % and none of the
        successes, and twice today's.
    limits : Series, optional
        The timeout of each record where several were in force (``limits_in_force``).

    Returns
    -------
    DataFrame
        A row per candidate, ascending, columns of ``EFFECTS``.

        answer : ``counted`` for a shorter one; ``estimated`` for a longer one, where records ran under one as long;
            else ``not answerable``, and numbers are NA
        successes : Int64, those that ran under at least this timeout; cut : those of them that took longer
        cut_share, cut_low, cut_high : Float64, with Wilson's 95 % interval
        saved_s : Float64, seconds that failing actions would have ended earlier; at least, as only the last attempt
            is known
        finished_share, finished_low, finished_high : Float64, of the actions that today's timeout cut, those that
            would have ended by then, with a 95 % interval
        sentence : str

    Notes
    -----
    A timeout hides how long an action would have taken, so these records cannot say what a longer one would do. Where
    several were in force the share is Kaplan and Meier's, on the assumption that actions under each take equally
    long otherwise, and that a cut one would have gone on like the others that lasted so long. Records of an incident
    are not the usual traffic: a success that a shorter timeout cuts may be one that only the incident made slow.
    """
    check_frame(records, RECORDS, ("action_duration_ms", "queued_to_dlq", "last_error", "status"))
    check_limit(timeout_ms, "timeout_ms")
    actions = _actions(records, timeout_ms, limits)
    asked = _candidates(actions, timeout_ms) if candidates is None else _as_asked(candidates)
    rows = [
        _shorter(actions, asked_ms) if timeout_ms is None or asked_ms <= timeout_ms
        else _longer(actions, timeout_ms, asked_ms, limits is not None)
        for asked_ms in asked
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(EFFECTS))
    frame["answer"] = pd.Categorical(frame["answer"], categories=list(ANSWERS))
    return frame.astype({**EFFECTS, "answer": frame["answer"].dtype})


def _actions(records: pd.DataFrame, timeout_ms: float | None, limits: pd.Series | None) -> _Actions:
    duration = records["action_duration_ms"].to_numpy(dtype=np.float64, na_value=np.nan)
    attempts = np.ones(len(records))
    if "attempts" in records.columns:
        attempts = records["attempts"].to_numpy(dtype=np.float64, na_value=1.0)
    limit = np.full(len(records), np.inf if timeout_ms is None else timeout_ms)
    if limits is not None:
        limit = limits.reindex(records.index).to_numpy(dtype=np.float64, na_value=np.nan)
    keep = (duration >= 0) & (duration <= LONGEST_MS)
    good = (record_outcomes(records) == "succeeded").to_numpy(dtype=bool)
    return _Actions(
        duration[keep], attempts[keep], good[keep], limit[keep], duration_basis(records, timeout_ms)
    )  # fmt: skip


def _candidates(actions: _Actions, timeout_ms: float | None) -> list[float]:
    good = actions.duration[actions.measured & (actions.duration >= _SHORTEST_MS)]
    found = {
        _rounded_up(float(np.quantile(good, share, method="inverted_cdf"))) for share in _SHARES_ASKED if len(good)
    }
    if timeout_ms is None:
        return sorted(found)
    return [*sorted(one for one in found if one < timeout_ms), _LONGER * timeout_ms]


def _as_asked(candidates: Sequence[float]) -> list[float]:
    if not np.iterable(candidates):
        raise ParameterError(f"candidates is {str(candidates)[:40]!r}, which is no list.", "Give a list of numbers.")
    for one in candidates:
        check_limit(one, "A candidate")
    return sorted(set(map(float, candidates)))


def _rounded_up(value: float) -> float:
    """To two digits, as timeouts are set."""
    unit = 10.0 ** (np.floor(np.log10(value)) - 1)
    return float(np.ceil(value / unit) * unit)


def _shorter(actions: _Actions, asked_ms: float) -> dict[str, object]:
    # What ran under a shorter timeout than this one could not have lasted so long.
    under = actions.measured & ~(actions.limit < CUT_FROM * asked_ms)
    successes = int(under.sum())
    cut = int((under & (actions.duration > asked_ms)).sum())
    low, high = share_interval(cut, successes)
    allowed = asked_ms * np.maximum(actions.attempts, 1) if actions.basis == "sum" else asked_ms
    saved_s = float(np.maximum(actions.duration - allowed, 0)[~actions.good].sum() / 1000)
    row = {"timeout_ms": asked_ms, "answer": "counted", "successes": successes, "cut": cut, "saved_s": saved_s}
    if not successes:
        words = say(
            "No success tells its duration, so what {timeout} would have cut is not known.",
            timeout=duration_words(asked_ms),
        )
        return {**row, "answer": "not answerable", "cut": pd.NA, "sentence": words}
    words = say(
        "A timeout of {timeout} would have cut {cut} of {successes} successes ({share:.2%}; likely {low:.2%} to "
        "{high:.2%}), and ended failing actions {saved_s:,.0f} s earlier.",
        timeout=duration_words(asked_ms), cut=cut, successes=successes, share=cut / successes, low=low, high=high,
        saved_s=saved_s,
    )  # fmt: skip
    return {**row, "cut_share": cut / successes, "cut_low": low, "cut_high": high, "sentence": words}


def _longer(actions: _Actions, timeout_ms: float, asked_ms: float, several: bool) -> dict[str, object]:
    row: dict[str, object] = {"timeout_ms": asked_ms, "answer": "not answerable"}
    told: dict[str, object] = {"longer": duration_words(asked_ms), "today": duration_words(timeout_ms)}
    if not several:
        words = say(
            "What a longer timeout of {longer} would do is not answerable from these data: nothing was let run beyond "
            "{today}.",
            **told,
        )
        return {**row, "sentence": words}
    ended = actions.measured
    was_cut = ~actions.good & (actions.duration >= CUT_FROM * actions.limit)
    if actions.basis != "attempt":
        # A sum over attempts does not tell how long the last one was watched.
        was_cut &= actions.attempts <= 1
    own = ended | was_cut
    watched = np.where(was_cut, actions.limit, actions.duration)
    longer = own & (actions.limit >= asked_ms * CUT_FROM) & (actions.limit > _APART * timeout_ms)
    today = own & (actions.limit <= _APART * timeout_ms)
    beyond = longer & (watched > timeout_ms)
    if int(beyond.sum()) < _BEYOND:
        words = say(
            "What a longer timeout of {longer} would do is not answerable from these data: only {count} actions that "
            "were allowed to ran beyond {today}.",
            **told, count=int(beyond.sum()),
        )  # fmt: skip
        return {**row, "sentence": words}
    if today.any() and not are_alike(watched[today], watched[longer], CUT_FROM * timeout_ms):
        words = say(
            "What a longer timeout of {longer} would do is not answerable from these data: actions under the longer "
            "timeout take plainly other times, so they are no measure for these.",
            longer=told["longer"],
        )
        return {**row, "sentence": words}
    # Those of a timeout in between are watched for a part of the way.
    between = own & (actions.limit > _APART * timeout_ms)
    found = finished_between(watched[between], ended[between], timeout_ms, asked_ms)
    if found is None:
        words = say(
            "What a longer timeout of {longer} would do is not answerable from these data.", longer=told["longer"]
        )
        return {**row, "sentence": words}
    words = say(
        "Of the actions that {today} cuts, {share:.0%} (likely {low:.0%} to {high:.0%}) would end within {longer}, if "
        "they are like the {actions} that ran so long under longer timeouts, and were cut without regard to how long "
        "they still needed.",
        **told, share=found.share, low=found.low, high=found.high, actions=found.actions,
    )  # fmt: skip
    return {**row, "answer": "estimated", "finished_share": found.share, "finished_low": found.low,
            "finished_high": found.high, "sentence": words}  # fmt: skip
