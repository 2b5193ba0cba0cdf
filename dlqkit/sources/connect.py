"""The sources of the settings, opened with their secrets; each masks the secrets of all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlqkit.errors import ParameterError
from dlqkit.settings import Settings
from dlqkit.sources.dead_letter_subscription import DeadLetterSubscription
from dlqkit.sources.execution_logs import ExecutionLogs
from dlqkit.sources.known_secrets import known_secrets, resolve_once
from dlqkit.sources.metrics_page import MetricsPage
from dlqkit.sources.prometheus import Prometheus
from dlqkit.sources.record_exports import RecordExports
from dlqkit.sources.record_table import RecordTable
from dlqkit.sources.support_reports import SupportReports
from dlqkit.sources.worker_logs import WorkerLogs

__all__ = [
    "check_sources",
    "connect_dead_letter_subscription",
    "connect_execution_logs",
    "connect_metrics_page",
    "connect_prometheus",
    "open_record_exports",
    "open_record_table",
    "open_support_reports",
    "open_worker_logs",
]


def connect_execution_logs(settings: Settings, **client_options: Any) -> ExecutionLogs:
    """The Execution Logs API of the settings, its key resolved; options are ``HttpClient``'s."""
    own = settings.execution_logs
    if own.url is None:
        raise ParameterError(
            "There is no address of the Execution Logs API.",
            "Set execution_logs.url in dlqkit.toml, or DLQKIT_EXECUTION_LOGS__URL.",
        )
    key = resolve_once(own.api_key) if own.api_key is not None else None
    return ExecutionLogs(own.url, key, settings=own, secrets=known_secrets(settings), **client_options)


def connect_prometheus(settings: Settings, **client_options: Any) -> Prometheus:
    """The Prometheus of the settings, its token, password and headers resolved; options are ``HttpClient``'s."""
    own = settings.prometheus
    if own.url is None:
        raise ParameterError(
            "There is no address of Prometheus.", "Set prometheus.url in dlqkit.toml, or DLQKIT_PROMETHEUS__URL."
        )
    bearer = basic = None
    if own.auth is not None and own.auth.bearer is not None:
        bearer = resolve_once(own.auth.bearer)
    if own.auth is not None and own.auth.basic is not None:
        basic = (own.auth.basic.user, resolve_once(own.auth.basic.password))
    headers = {name: resolve_once(reference) for name, reference in own.headers.items()}
    return Prometheus(
        own.url,
        bearer=bearer,
        basic=basic,
        headers=headers,
        ca_file=own.ca_file,
        settings=own,
        secrets=known_secrets(settings),
        **client_options,
    )


def connect_dead_letter_subscription(
    settings: Settings, name: str, workflow_id: str | None = None
) -> DeadLetterSubscription:
    """A subscription of ``Settings.dead_letter_subscriptions``; its credentials are Google's default ones."""
    return DeadLetterSubscription(
        name, settings=settings.dead_letter_subscription, workflow_id=workflow_id, secrets=known_secrets(settings)
    )


def connect_metrics_page(settings: Settings, url: str, **client_options: Any) -> MetricsPage:
    """A worker's page, one of ``worker.metrics_urls``; options are ``HttpClient``'s."""
    return MetricsPage(url, secrets=known_secrets(settings), **client_options)


def open_worker_logs(settings: Settings, paths: str | Path | Sequence[str | Path]) -> WorkerLogs:
    """Files of worker logs, in the zone of the settings."""
    return WorkerLogs(paths, timezone=settings.worker_logs.timezone, secrets=known_secrets(settings))


def open_support_reports(settings: Settings, path: Path | str) -> SupportReports:
    """What clients reported, in the zone of the settings."""
    return SupportReports(path, timezone=settings.support_reports.timezone, secrets=known_secrets(settings))


def open_record_exports(settings: Settings, paths: str | Path | Sequence[str | Path]) -> RecordExports:
    """Exported execution records, with the fields and zone of the API's settings."""
    return RecordExports(paths, settings=settings.execution_logs, secrets=known_secrets(settings))


def open_record_table(settings: Settings) -> RecordTable:
    """The table of the settings, with the fields and zone of the API's; nothing is read yet."""
    return RecordTable(settings=settings.execution_logs, secrets=known_secrets(settings))


def check_sources(settings: Settings) -> None:
    """Open every configured service without asking it anything.

    Raises
    ------
    ParameterError
        If an address cannot be used or a secret cannot be had: before anything is written for it.
    """
    if settings.execution_logs.url is not None:
        connect_execution_logs(settings)
    if settings.execution_logs.table is not None:
        open_record_table(settings)
    if settings.prometheus.url is not None:
        connect_prometheus(settings)
    for url in settings.worker.metrics_urls:
        connect_metrics_page(settings, url)
    for name, workflow_id in settings.dead_letter_subscriptions(None).items():
        connect_dead_letter_subscription(settings, name, workflow_id)
