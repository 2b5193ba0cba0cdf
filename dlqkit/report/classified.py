"""Class and signature of every dead event of a folder, as its facts have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dlqkit.decision.classes import CLASSIFIED, classify_failures, propose_max_attempts
from dlqkit.decision.overrides import OVERRIDDEN, apply_overrides
from dlqkit.decision.timeout_proposal import believe_timeout
from dlqkit.report.diagnosis import sign_dead_letters
from dlqkit.report.judgement import read_judgement

if TYPE_CHECKING:
    from dlqkit.evidence.folder import IncidentFolder

__all__ = ["classify_events"]


def classify_events(folder: IncidentFolder) -> pd.DataFrame:
    """Every event that has a dead letter, with the analyst's word where there is one.

    Parameters
    ----------
    folder : IncidentFolder

    Returns
    -------
    DataFrame
        A row per event, columns of ``decision.overrides.OVERRIDDEN``; each workflow by its own MAX_ATTEMPTS and
        timeout, set or taken from its records.

    Raises
    ------
    ParameterError
        If ``judgement.yaml`` cannot be read.
    """
    judgement = read_judgement(folder)
    records = folder.records().frame.sort_values(["recorded_at", "record_id"], kind="stable").reset_index(drop=True)
    dead = records["queued_to_dlq"].fillna(False).astype(bool)
    parts = []
    for workflow_id, own in records.groupby(records["workflow_id"].fillna(""), sort=True):
        if not dead[own.index].any():
            continue
        name = str(workflow_id) or None
        attempts, timeout = folder.max_attempts(name), folder.action_timeout_ms(name)
        most = propose_max_attempts(own).value if attempts is None else attempts
        classified = classify_failures(
            sign_dead_letters(own, judgement.signatures),
            max_attempts=None if most is None else int(most),
            timeout_ms=believe_timeout(own).value if timeout is None else timeout,
        )
        parts.append(apply_overrides(classified, judgement.class_overrides))
    if not parts:
        empty = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in CLASSIFIED.items()})
        return apply_overrides(empty, judgement.class_overrides)
    return pd.concat(parts, ignore_index=True).astype(dict(OVERRIDDEN))
