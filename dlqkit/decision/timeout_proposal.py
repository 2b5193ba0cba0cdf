"""Whether a duration at which failed records pile up is a timeout, by what their errors say."""

from __future__ import annotations

import pandas as pd

from dlqkit.decision.errors.error_text import read_error
from dlqkit.executions.durations import Proposal
from dlqkit.executions.timeout_pile import piled_records, propose_timeout
from dlqkit.language import say

__all__ = ["believe_timeout"]

# Plain words on another cause in so many of the pile's errors: they took as long as it takes to be refused, not as long
# as they were let.
OTHERWISE_SHARE = 0.8
_PLAIN = ("fault", "kind")


def believe_timeout(records: pd.DataFrame) -> Proposal:
    """The action's timeout where nobody has set it, as durations and errors show it.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` of one workflow.

    Returns
    -------
    Proposal
        As ``executions.timeout_pile.propose_timeout``; ``value`` is None also where the errors of the records in
        the pile plainly name another cause: what is refused after three back-offs always takes the same time, too.
    """
    proposal = propose_timeout(records)
    if proposal.value is None:
        return proposal
    texts = piled_records(records)["last_error"].astype("str").fillna("")
    known = {text: read_error(text) for text in texts.unique()}
    classes = texts.map({text: reading.failure_class for text, reading in known.items()})
    is_plain = texts.map({text: reading.strength in _PLAIN for text, reading in known.items()}).astype(bool)
    otherwise = is_plain & classes.isin(["business", "infrastructure"])
    if float(otherwise.mean()) < OTHERWISE_SHARE:
        return proposal
    words = texts[otherwise].map({text: reading.words for text, reading in known.items()}).mode().iloc[0]
    basis = say(
        "failed records pile up at {limit:,.0f} ms, but their errors say: {words}", limit=proposal.value, words=words
    )
    return Proposal(None, basis)
