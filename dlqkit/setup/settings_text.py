"""``dlqkit.toml`` as text: each setting with a word on what it is, those that were found or given in force."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from typing import Any

from dlqkit.errors import ParameterError

__all__ = ["write_profile", "write_settings"]

_Values = Mapping[str, Mapping[str, Any]]
_BARE = re.compile(r"[A-Za-z0-9_-]+")
# Table, its explanation, and its keys: explanation, and an example that is out of force.
_TABLES: tuple[tuple[str, str, tuple[tuple[str, str, str], ...]], ...] = (
    ("execution_logs", "The API that tells what became of each event (GET, runbook §3).", (
        ("url", "", '"https://api.host/execution-logs"'),
        ("api_key", "Where the key is, never the key itself.",
         '{ env = "DLQKIT_API_KEY" }   # or { file = "/…" }, { keyring = "…" }, { command = ["pass", "show", "dlq"] }'),
        ("api_key_header", "The header in which it is sent.", '"X-API-Key"'),
        ("ca_file", "The authority of its certificate, where the company has its own.", '"/etc/ssl/company.pem"'),
        ("pagination", "How its pages follow each other: none, offset, page, cursor, link; auto finds it out.",
         '"auto"'),
        ("page_limit", "Records asked for at once.", "100"),
        ("fields", "Fields that are not found by their names.", '{ recorded_at = "created_at" }'),
        ("records_path", "The list of records in the answer, where it is not found.", '"data.items"'),
        ("timezone", "The zone of times that state none; without it such times are not used.", '"UTC"'),
        ("event_key", "What tells one event from another.", '["trace_id"]'),
        ("start_parameter", "The API's own parameters for a window, where it has them.", '"from"'),
        ("end_parameter", "", '"to"'),
    )),
    ("prometheus", "A server that speaks Prometheus's API; the address before /api/v1/.", (
        ("url", "", '"https://prometheus.host"'),
        ("auth", "Where the token or password is.",
         '{ bearer = { env = "PROMETHEUS_TOKEN" } }   # or { basic = { user = "…", password = { env = "…" } } }'),
        ("ca_file", "The authority of its certificate, where the company has its own.", '"/etc/ssl/company.pem"'),
        ("metrics", "Names that are not the runbook's: dlq, success, failure, duration.",
         '{ dlq = "worker_dlq_total" }'),
    )),
    ("worker", "What is known of the worker; nothing is assumed.", (
        ("metrics_urls", "Its own pages: the newest values, before any scrape.", '["http://worker-host:8000/metrics"]'),
        ("max_attempts", "MAX_ATTEMPTS: after so many an event is dead-lettered.", "5"),
        ("action_timeout_ms", "The timeout of an action, milliseconds.", "30000"),
    )),
)  # fmt: skip
_HEAD = """\
# Settings of dlqkit, written by "dlqkit init" on {day}. Every setting: docs/settings.md.
# A secret never stands here, only where it is. "dlqkit doctor" says what of this no longer works.
# A line that begins with "# name =" is out of force.
"""
_PROFILES = """
# What differs elsewhere, such as in a test environment; used by: dlqkit --profile staging COMMAND
# "dlqkit --profile staging init" asks for it and adds it here.
# [profiles.staging.execution_logs]
# url = "https://api.staging.host/execution-logs"
# api_key = { env = "STAGING_API_KEY" }
"""


def write_settings(values: _Values, *, day: date, found: Mapping[str, str] | None = None) -> str:
    """A whole file.

    Parameters
    ----------
    values : mapping
        Of each table, as ``Settings`` has them.
    day : date
        When it is written.
    found : mapping, optional
        By ``table.key`` a word on what was found out live and stays out of force, such as the pagination.
    """
    lines = [_HEAD.format(day=day.isoformat())]
    for table, explanation, keys in _TABLES:
        lines += [f"# {explanation}", f"[{table}]"]
        own = values.get(table, {})
        for key, word, example in keys:
            seen = (found or {}).get(f"{table}.{key}")
            told = " ".join(part for part in (word, f"Found: {_one_line(seen)}." if seen else "") if part)
            lines += [f"# {told}"] if told else []
            lines.append(f"{key} = {_toml(own[key])}" if key in own else f"# {key} = {example}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n" + _PROFILES


def write_profile(before: str, profile: str, values: _Values) -> str:
    """The text of a file with a profile more at its end; what stood there stays as it is, to the letter.

    Raises
    ------
    ParameterError
        If the file has that profile, or is written so that none can be added.
    """
    known = tomllib.loads(before).get("profiles")
    if isinstance(known, dict) and profile in known:
        raise ParameterError(
            f"The settings have a profile {profile!r}.", "Name another one, or take that one out of the file first."
        )
    lines = [f"# Used by: dlqkit --profile {_one_line(profile)} COMMAND"]
    for table, own in values.items():
        lines += [f"[profiles.{_key(profile)}.{table}]", *(f"{key} = {_toml(value)}" for key, value in own.items()), ""]
    text = before.rstrip("\n") + "\n\n" + "\n".join(lines).rstrip() + "\n"
    try:
        tomllib.loads(text)
    except ValueError:
        raise ParameterError(
            "A profile cannot be added to the settings as they are written.",
            f"Write their profiles as tables, [profiles.{_key(profile)}.execution_logs], and not in one line.",
        ) from None
    return text


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    # A basic string of TOML is one of JSON, but for DEL, which has to be spelled out.
    whole = text.encode("utf-8", "replace").decode()
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(str(name))} = {_toml(inner)}" for name, inner in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return repr(value)


def _one_line(text: str) -> str:
    """A comment's text: no foreign text may end the line that it stands in."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
