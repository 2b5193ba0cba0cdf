"""An alert, runbook §1: which workflow or trace it names, and since when it fires."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from dlqkit.errors import ParameterError
from dlqkit.incident import parse_time
from dlqkit.settings import AlertsSettings, WorkflowSettings

__all__ = ["Alert", "read_alert"]

# Alertmanager sends all alerts of a group in one body; ten thousand of them are some 10 MB.
MOST_BYTES = 32 * 1024 * 1024
# An id is a label's value, and goes into an address.
LONGEST_ID = 500
# Go writes a time that is not known as the first moment of the year 1, and others as that of 1970.
_NEVER, _FIRST_YEAR = "0001-01-01T00:00:00Z", 2000


@dataclass(frozen=True, slots=True)
class Alert:
    """What an alert asks.

    Parameters
    ----------
    workflow_ids, trace_ids : tuple of str
        Each once, in the order of the alerts; empty where none is named.
    started_at : datetime, optional
        The earliest start of those that fire, aware; of all where none fires.
    alerts : int
        How many alerts these were read from.
    truncated : int
        How many more Alertmanager says it left out of the body.
    """

    workflow_ids: tuple[str, ...]
    trace_ids: tuple[str, ...]
    started_at: datetime | None
    alerts: int
    truncated: int


def read_alert(
    path: Path,
    settings: AlertsSettings | None = None,
    *,
    workflows: Mapping[str, WorkflowSettings] | None = None,
    standard_input: BinaryIO | None = None,
) -> Alert:
    """Read an alert as Alertmanager's webhook sends it (version 4), a list of alerts, or one flat JSON object.

    Parameters
    ----------
    path : Path
        The file; ``-`` reads ``standard_input``.
    settings : AlertsSettings, optional
        Which labels name the workflow and the trace.
    workflows : mapping, optional
        Of the settings; a label may name a workflow by its ``name`` there.
    standard_input : binary file, optional
        What ``-`` stands for.

    Returns
    -------
    Alert
        Alerts that are resolved are left out while others fire.

    Raises
    ------
    ParameterError
        If it cannot be read, is not JSON, holds no alert, a time in it is none, or it names nothing to look for.
    """
    labels = settings or AlertsSettings()
    value = _decode(_read(path, standard_input), path)
    alerts = _firing(list(_alerts(value, path)))
    workflow_ids = _distinct(_named(alerts, labels.workflow_labels, "workflow_id", path))
    trace_ids = _distinct(_named(alerts, labels.trace_labels, "trace_id", path))
    starts = [moment for one in alerts if (moment := _start(one, path)) is not None]
    if not (workflow_ids or trace_ids or starts):
        raise ParameterError(
            f"The alert {path} names no workflow, trace or start.",
            "Give --workflow or --trace instead, or name its label as alerts.workflow_labels in the settings.",
        )
    truncated = value.get("truncatedAlerts") if isinstance(value, dict) else None
    return Alert(
        workflow_ids=_distinct(own for one in workflow_ids for own in _ids_of(one, workflows or {})),
        trace_ids=trace_ids,
        started_at=min(starts, default=None),
        alerts=len(alerts),
        truncated=truncated if isinstance(truncated, int) and truncated > 0 else 0,
    )


def _read(path: Path, standard_input: BinaryIO | None) -> bytes:
    try:
        if str(path) == "-" and standard_input is not None:
            body = standard_input.read(MOST_BYTES + 1)
        else:
            with path.open("rb") as file:
                body = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ParameterError(f"The alert {path} does not exist.", "Check the path after --alert.") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "the name is none"
        raise ParameterError(f"The alert {path} cannot be read: {why}.", "Check the path after --alert.") from error
    if len(body) > MOST_BYTES:
        raise ParameterError(
            f"The alert {path} is larger than {MOST_BYTES // 1024 // 1024} MiB.",
            "Give --workflow and --since instead, or save one alert of it.",
        )
    return body


def _decode(body: bytes, path: Path) -> Any:
    try:
        return msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    # The decoder's words quote the place alone; those of nesting and of UTF-8 are other errors.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ParameterError(
            f"The alert {path} is not JSON.", "Save the alert's own JSON and name that file."
        ) from None


def _alerts(value: Any, path: Path) -> Iterator[dict[str, Any]]:
    """Each alert with the labels that are common to all of them."""
    common: dict[str, Any] = {}
    given = [value]
    if isinstance(value, dict) and "alerts" in value:
        common, given = _table(value.get("commonLabels")), value["alerts"]
    elif isinstance(value, list):
        given = value
    found = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    if not found:
        raise ParameterError(
            f"The alert {path} holds no alert.", "Save the body of Alertmanager's webhook, or give --workflow."
        )
    for one in found:
        yield {**one, "labels": {**common, **_table(one.get("labels"))}}


def _firing(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # Alertmanager writes the status into each alert, its own API an object around it.
    return [one for one in alerts if one.get("status") != "resolved"] or alerts


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _named(alerts: list[dict[str, Any]], labels: tuple[str, ...], key: str, path: Path) -> Iterator[str]:
    for one in alerts:
        values = [one["labels"].get(label) for label in labels] + [one.get(key)]
        text = next((value for value in map(_text, values) if value), None)
        if text is not None and len(text) > LONGEST_ID:
            raise ParameterError(
                f"The {key} in the alert {path} has {len(text):,} characters.",
                f"An id has {LONGEST_ID} at most: give the option that names it instead.",
            )
        if text is not None:
            yield text


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _start(alert: dict[str, Any], path: Path) -> datetime | None:
    text = alert.get("startsAt") or alert.get("start")
    if not isinstance(text, str) or not text.strip() or text.strip() == _NEVER:
        return None
    try:
        moment = parse_time(text)
    except ParameterError as error:
        raise ParameterError(
            f"The start “{text[:40]}” in the alert {path} is not a time with an offset.",
            "Give --start or --since, and --workflow, in place of --alert.",
        ) from error
    return moment if moment.year >= _FIRST_YEAR else None


def _ids_of(named: str, workflows: Mapping[str, WorkflowSettings]) -> tuple[str, ...]:
    if named in workflows:
        return (named,)
    return tuple(key for key, one in workflows.items() if one.name == named) or (named,)


def _distinct(values: Iterator[str] | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
