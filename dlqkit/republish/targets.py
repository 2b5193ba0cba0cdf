"""Where a republish goes, how fast and in which steps, as the settings allow."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus, urlsplit

import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.republish.outcome_deadline import find_outcome_deadline
from dlqkit.republish.plan import Target
from dlqkit.republish.words import exact
from dlqkit.settings import Settings
from dlqkit.sources.http import check_url

__all__ = ["choose_rate", "choose_steps", "choose_target", "find_deadline"]

_TOPIC = re.compile(r"projects/[^/\s]+/topics/[^/\s]+")
# What a parameter of an address is called that lets somebody in: general words, and those of signed addresses (Azure's
# sig and code, Amazon's and Google's X-…-Signature and -Credential).
_SECRET = re.compile(
    r"token|secret|signature|passw|passphrase|pwd|credential|authori[sz]ation|bearer|jwt|hmac|key$"
    r"|^(?:sig|sign|code|pass)$|(?:^|[-_])o?auth(?:$|[-_])",
    re.IGNORECASE,
)
# Keys that tell where an event belongs and open nothing.
_NO_SECRET = re.compile(
    r"(?:partition|ordering|routing|sort|shard|group|queue|tenant|customer|entity|event|message|dedupe|idempotency)"
    r"[-_]?key",
    re.IGNORECASE,
)
_BETWEEN = re.compile("[&;]")
# After the steps that are set each one is so many times the one before.
GROWTH = 4
# A record comes a scrape or a poll later than what it tells of; less than a minute would stop a run for that alone.
LEAST_DEADLINE_S = 60.0


def choose_target(
    workflow_id: str,
    settings: Settings,
    *,
    topic: str | None = None,
    confirmed_topic: str | None = None,
    use_http: bool = False,
    server: str | None = None,
) -> Target:
    """Where the events of a workflow are sent.

    Parameters
    ----------
    workflow_id : str
    settings : Settings
    topic, confirmed_topic : str, optional
        Another topic than the workflow's own, given twice.
    use_http : bool
        Send to the team's own endpoint, ``republish.http``, in place of a topic.
    server : str, optional
        Host and port of the topic's Pub/Sub, as ``publisher.find_server`` tells.

    Returns
    -------
    Target

    Raises
    ------
    ParameterError
        If no topic is known, it is not allowed, or another one was not confirmed; if the endpoint's address holds a
        password, or would get a secret unencrypted.
    """
    if use_http:
        if settings.republish.http is None:
            raise ParameterError("No endpoint is set.", "Set republish.http.url.")
        own_url = settings.republish.http
        # The address stands in the plan and in the audit log.
        address = check_url(own_url.url, setting="republish.http.url", has_secret=own_url.bearer is not None)
        secret = _find_secret(address)
        if secret is not None:
            raise ParameterError(
                f"republish.http.url holds a secret in its query ({secret[:40]}), and would be shown with it.",
                "Take it out of the address and set republish.http.bearer, a reference to the secret.",
            )
        return Target("http", address, own_url.idempotency_header)
    own = settings.workflows[workflow_id].topic if workflow_id in settings.workflows else None
    chosen = topic or own
    name = workflow_id[:60] or "…"
    if chosen is None:
        raise ParameterError(
            f"The topic of the workflow {name} is not known.",
            f'Set topic = "projects/P/topics/T" under [workflows."{name}"], or give --topic and --confirm-topic.',
        )
    if not _TOPIC.fullmatch(chosen):
        raise ParameterError(f"{chosen[:80]!r} is no topic's whole name.", "Write it as projects/P/topics/T.")
    if chosen not in settings.republish.allowed_topics:
        raise ParameterError(
            f"The topic {chosen[:120]} is not on the list of allowed topics.",
            "If it is right, add it to republish.allowed_topics in the settings.",
        )
    if chosen != own and confirmed_topic != chosen:
        raise ParameterError(
            f"{chosen[:120]} is not the workflow's own topic, {own[:120] if own else 'which is not set'}.",
            f"If it is meant, say it twice: --topic {chosen[:120]} --confirm-topic {chosen[:120]}",
        )
    return Target("pubsub", chosen, settings.republish.dedupe_name, server)


def _find_secret(address: str) -> str | None:
    """The name of a parameter of the address that looks like it lets somebody in."""
    parts = urlsplit(address)
    given = _BETWEEN.split(f"{parts.query}&{parts.fragment}")
    names = (unquote_plus(pair.partition("=")[0]) for pair in given)
    return next((name for name in names if _SECRET.search(name) and not _NO_SECRET.fullmatch(name)), None)


def choose_rate(settings: Settings, max_rate: float | None) -> float:
    """Events per second: what is asked for, never more than what is set.

    Raises
    ------
    ParameterError
        If neither is given, or more is asked for than the settings allow.
    """
    ceiling = settings.republish.max_rate
    if max_rate is not None and not 0 < max_rate < float("inf"):
        raise ParameterError("The rate is no positive number.", "Write it as --max-rate 5.")
    if ceiling is None and max_rate is None:
        raise ParameterError(
            "How fast events may be sent is not known.", "Set republish.max_rate, or give --max-rate (events a second)."
        )
    if ceiling is not None and max_rate is not None and max_rate > ceiling:
        raise ParameterError(
            f"{exact(max_rate)} events a second are more than the settings allow, {exact(ceiling)}.",
            "Give a lower --max-rate.",
        )
    return float(max_rate if max_rate is not None else ceiling or 0.0)


def choose_steps(events: int, first: tuple[int, ...]) -> tuple[int, ...]:
    """The size of each step, together as many as there are events: 1, 5, 20, 80, and the rest."""
    steps: list[int] = []
    while sum(steps) < events:
        size = first[len(steps)] if len(steps) < len(first) else steps[-1] * GROWTH
        steps.append(min(size, events - sum(steps)))
    return tuple(steps)


def find_deadline(records: pd.DataFrame, settings: Settings, worker_logs: pd.DataFrame | None = None) -> float | None:
    """How long to wait for the outcome of a sent event, seconds.

    Parameters
    ----------
    records : DataFrame
        ``frames.RECORDS`` of the workflow.
    settings : Settings
    worker_logs : DataFrame, optional
        ``frames.WORKER_LOGS``.

    Returns
    -------
    float or None
        As set, else as the evidence shows it (``outcome_deadline.find_outcome_deadline``), a minute at least;
        None where neither tells.
    """
    if settings.republish.outcome_deadline_s is not None:
        return settings.republish.outcome_deadline_s
    found = find_outcome_deadline(records, worker_logs)
    # A microsecond less or more says nothing, and would change the plan's hash.
    return None if found is None or found <= 0 else max(round(found, 3), LEAST_DEADLINE_S)
