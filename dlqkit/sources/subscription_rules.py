"""Which subscriptions may be read without doing harm, and what is to be said of those that may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dlqkit.errors import SourceError
from dlqkit.language import in_english, mark
from dlqkit.untrusted import for_terminal, shorten

__all__ = ["findings_of", "refuse"]


def refuse(name: str, about: Any) -> None:
    """Raise where reading could lose a message, or cannot be done.

    Parameters
    ----------
    name : str
        Full name of the subscription.
    about : google.pubsub_v1.types.Subscription
        Its settings.

    Raises
    ------
    SourceError
        If it has a dead-letter policy of its own, is detached, or hands its messages elsewhere.
    """
    if about.dead_letter_policy.dead_letter_topic:
        attempts = about.dead_letter_policy.max_delivery_attempts
        raise SourceError(
            in_english(
                mark(
                    "The dead-letter subscription {name} is not read: it has a dead-letter policy of its own, and each "
                    "reading counts as one of its {attempts:d} deliveries."
                ),
                name=name,
                attempts=attempts,
            ),
            mark("Make a second subscription of the dead-letter topic, without that policy, for messages from now on."),
        )
    if about.detached:
        raise SourceError(
            in_english(mark("The dead-letter subscription {name} is detached from its topic."), name=name),
            mark("Name one that is not."),
        )
    elsewhere = (
        about.push_config.push_endpoint or about.bigquery_config.table or about.cloud_storage_config.bucket
    )  # fmt: skip
    if elsewhere:
        raise SourceError(
            in_english(
                mark(
                    "The dead-letter subscription {name} hands its messages elsewhere (push, BigQuery or Cloud "
                    "Storage)."
                ),
                name=name,
            ),
            mark("Name a pull subscription of the dead-letter topic."),
        )


def findings_of(about: Any) -> Iterator[str]:
    """One sentence for each setting that an analyst should know of."""
    if about.enable_exactly_once_delivery:
        yield mark("It delivers exactly once: nobody else had these messages while they were read here.")
    if about.filter:
        text = mark("It has a filter, {filter}, so its topic may hold more.")
        yield in_english(text, filter=repr(shorten(for_terminal(about.filter), 80)))
    if "retry_policy" in about:
        wait_s = about.retry_policy.minimum_backoff.total_seconds()
        text = mark("Its retry policy keeps what was read here from other readers for another {seconds:g} s or more.")
        yield in_english(text, seconds=wait_s)
