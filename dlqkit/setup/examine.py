"""All that the settings name, gone through again: the settings themselves, then each source live."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dlqkit.settings import Settings
from dlqkit.setup.checks import Check, Tried
from dlqkit.setup.try_page import try_metrics_page
from dlqkit.setup.try_prometheus import try_prometheus
from dlqkit.setup.try_records import try_execution_logs

__all__ = ["examine"]

_PREFIX = "DLQKIT_"


def examine(
    settings: Settings, environ: Mapping[str, str], *, on_source: Callable[[str], None] | None = None
) -> tuple[Tried, ...]:
    """Try every configured source.

    Parameters
    ----------
    settings : Settings
        As they are loaded.
    environ : mapping
        The environment; the names of its variables that are settings are told.
    on_source : callable, optional
        Gets the name of each source before it is asked.

    Returns
    -------
    tuple of Tried
        The settings first, then the sources that are configured.
    """

    def tell(name: str) -> None:
        if on_source is not None:
            on_source(name)

    out = [_settings(settings, environ)]
    if settings.execution_logs.url is not None:
        tell("the Execution Logs API")
        out.append(try_execution_logs(settings))
    if settings.prometheus.url is not None:
        tell("Prometheus")
        out.append(try_prometheus(settings))
    for url in settings.worker.metrics_urls:
        tell("the worker's page")
        out.append(try_metrics_page(settings, url))
    return tuple(out)


def _settings(settings: Settings, environ: Mapping[str, str]) -> Tried:
    """What is used, what is not, and what goes before it."""
    checks = [Check("file", "works", "This file is used.")] if settings.file is not None else []
    checks += [Check("file", "note", sentence) for sentence in settings.ignored]
    own = sorted(name for name in environ if name.startswith(_PREFIX) and "__" in name)
    if own:
        where = "go before the file" if settings.file is not None else "are used, and no file"
        checks.append(Check("variables", "note", f"{', '.join(own)} {where}."))
    if settings.execution_logs.url is None:
        step = "Run dlqkit init, or set execution_logs.url."
        checks.append(Check("sources", "note", "There is no Execution Logs API: no event can be looked at.", step))
    if settings.prometheus.url is None and not settings.worker.metrics_urls:
        step = "Run dlqkit init, or set prometheus.url."
        checks.append(Check("sources", "note", "There is no Prometheus: no counter is compared with records.", step))
    known = {
        "the republish target": settings.republish.allowed_topics or settings.republish.http,
        "dead-letter subscriptions": settings.dead_letter_subscriptions(None),
        "the ticket system": settings.tickets.kind,
    }
    untried = [name for name, value in known.items() if value]
    if untried:
        said = f"Not tried here, since asking would lease or write something: {', '.join(untried)}."
        checks.append(Check("others", "unknown", said))
    return Tried("settings", "Settings", str(settings.file or "the environment alone"), tuple(checks))
