"""The services of the settings, opened with their secrets."""

from __future__ import annotations

from typing import Any

from dlqkit.errors import ParameterError
from dlqkit.settings import Settings
from dlqkit.sources.execution_logs import ExecutionLogs
from dlqkit.sources.prometheus import Prometheus
from dlqkit.sources.secrets import resolve_secret

__all__ = ["connect_execution_logs", "connect_prometheus"]


def connect_execution_logs(settings: Settings) -> ExecutionLogs:
    """The Execution Logs API of the settings, its key resolved."""
    own = settings.execution_logs
    if own.url is None:
        raise ParameterError(
            "There is no address of the Execution Logs API.",
            "Set execution_logs.url in dlqkit.toml, or DLQKIT_EXECUTION_LOGS__URL.",
        )
    key = resolve_secret(own.api_key) if own.api_key is not None else None
    return ExecutionLogs(own.url, key, settings=own)


def connect_prometheus(settings: Settings, **client_options: Any) -> Prometheus:
    """The Prometheus of the settings, its token, password and headers resolved; options are ``HttpClient``'s."""
    own = settings.prometheus
    if own.url is None:
        raise ParameterError(
            "There is no address of Prometheus.", "Set prometheus.url in dlqkit.toml, or DLQKIT_PROMETHEUS__URL."
        )
    bearer = basic = None
    if own.auth is not None and own.auth.bearer is not None:
        bearer = resolve_secret(own.auth.bearer)
    if own.auth is not None and own.auth.basic is not None:
        basic = (own.auth.basic.user, resolve_secret(own.auth.basic.password))
    headers = {name: resolve_secret(reference) for name, reference in own.headers.items()}
    return Prometheus(
        own.url, bearer=bearer, basic=basic, headers=headers, ca_file=own.ca_file, settings=own, **client_options
    )
