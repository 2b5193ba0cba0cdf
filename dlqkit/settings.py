"""Settings: ``dlqkit.toml`` and the environment; a secret is a reference and is never held here.

Order, the later wins: defaults, the user's file, a found file, ``[profiles.NAME]``, ``DLQKIT_…`` variables.
"""

from __future__ import annotations

import itertools
import os
import tomllib
from pathlib import Path
from types import NoneType
from typing import Any, Literal, Self, get_args

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from dlqkit.errors import ParameterError
from dlqkit.incident import parse_duration
from dlqkit.language import SOURCE, known_languages
from dlqkit.suggestions import did_you_mean

__all__ = [
    "AlertsSettings",
    "DeadLetterSubscriptionSettings",
    "ExecutionLogsSettings",
    "HttpSinkSettings",
    "PrometheusSettings",
    "RepublishSettings",
    "SecretReference",
    "Settings",
    "SupportReportsSettings",
    "WorkerLogsSettings",
    "WorkerSettings",
    "WorkflowSettings",
    "load_settings",
    "user_settings_file",
]

_PREFIX = "DLQKIT_"
# Read by other parts, or by the tests, and not a setting.
_NOT_SETTINGS = {"REQUIRE_REAL", "CONFIG", "PROFILE"}
# A file of settings has some hundred lines.
_MOST_LETTERS = 1 << 20


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _whole_path(value: Path | None) -> Path | None:
    whole = None if value is None else value.expanduser()
    if whole is not None and not whole.is_absolute():
        raise ValueError("write the whole path, from / on")
    return whole


def _duration(value: str) -> str:
    try:
        parse_duration(value)
    except ParameterError as error:
        raise ValueError(error.problem) from error
    return value


class SecretReference(_Table):
    """Where a secret is: exactly one of an environment variable, a file, a command, or a keyring entry."""

    env: str | None = None
    """The name of an environment variable."""
    file: Path | None = None
    """A file that holds the secret alone."""
    command: tuple[str, ...] | None = None
    """A program with its arguments that prints the secret, such as `["pass", "show", "dlq"]`."""
    keyring: str | None = None
    """An entry of the keyring's service `dlqkit`; needs the extra `[keyring]`."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(value is not None for value in (self.env, self.file, self.command, self.keyring)) != 1:
            raise ValueError("name exactly one of env, file, command, keyring")
        return self


class BasicAuth(_Table):
    """User name, and where the password is."""

    user: str
    """The user's name."""
    password: SecretReference
    """Where the password is."""


class Auth(_Table):
    """How to authenticate: a bearer token or basic."""

    bearer: SecretReference | None = None
    """Where the token is."""
    basic: BasicAuth | None = None
    """A user's name, and where the password is: `{ user = "…", password = { env = "…" } }`."""


class ExecutionLogsSettings(_Table):
    """The Execution Logs API, runbook §3."""

    url: str | None = None
    """The API's address."""
    table: str | None = None
    """Parquet files, a folder or a pattern of them, or with ``spark`` whatever that reads."""
    spark: str | None = None
    """The address of a Spark Connect server or of a cluster's master, which reads ``table``."""
    api_key: SecretReference | None = None
    """Where the key is."""
    api_key_header: str = "X-API-Key"
    """The header in which the key is sent."""
    ca_file: Path | None = None
    """The authority of its certificate, where the company has its own."""
    pagination: Literal["auto", "none", "offset", "page", "cursor", "link"] = "auto"
    """How pages follow each other; `auto` finds it out and checks it each time."""
    page_limit: int = Field(default=100, ge=1, le=100_000)
    """Records asked for at once."""
    max_requests: int = Field(default=200, ge=1)
    """After so many requests reading ends, and the evidence is partial."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Of a column the field that it is read from, where its name does not tell: `{ recorded_at = "created_at" }`."""
    records_path: str | None = None
    """Where in the answer the list of records is, such as `data.items`, where it is not found."""
    timezone: str | None = None
    """The zone of times that state none; without it such times are not used."""
    event_key: tuple[str, ...] = ()
    """What tells one event from another, such as `payload.order_id`; else workflow, trace and payload together."""
    start_parameter: str | None = None
    """The API's own parameter for the beginning of a window, where it has one."""
    end_parameter: str | None = None
    """The same for its end."""


class PrometheusSettings(_Table):
    """A Prometheus-compatible server."""

    url: str | None = None
    """The server's address, before `/api/v1/`."""
    auth: Auth | None = None
    """Where the token or password is."""
    headers: dict[str, SecretReference] = Field(default_factory=dict)
    """Further headers, and where the value of each is: a tenant's id, for example."""
    ca_file: Path | None = None
    """The authority of its certificate, where the company has its own."""
    metrics: dict[str, str] = Field(default_factory=dict)
    """Names that are not the runbook's, by what they count: `{ dlq = "jobs_dead_total" }`."""
    max_samples: int = Field(default=10_000_000, ge=1000)
    """Past so many raw samples the server's own values at steps stand in."""


class WorkerSettings(_Table):
    """Facts about the worker; none is assumed."""

    metrics_urls: tuple[str, ...] = ()
    """The workers' own `/metrics` pages: the newest values, before any scrape."""
    max_attempts: int | None = Field(default=None, ge=1)
    """MAX_ATTEMPTS: after so many attempts an event is dead-lettered."""
    action_timeout_ms: float | None = Field(default=None, gt=0)
    """The timeout of an action, milliseconds."""


class WorkerLogsSettings(_Table):
    """Files of worker logs."""

    timezone: str | None = None
    """The zone of times that state none."""


class SupportReportsSettings(_Table):
    """What clients reported."""

    timezone: str | None = None
    """The zone of times that state none."""


class AlertsSettings(_Table):
    """How an alert is read that `investigate --alert` is given."""

    workflow_labels: tuple[str, ...] = ("workflow_id",)
    """Labels that may name the workflow, by its id or by its name in the settings; the first that is there counts."""
    trace_labels: tuple[str, ...] = ("trace_id",)
    """Labels that may name the trace; the first that is there counts."""
    margin: str = "1h"
    """How long before the alert's own start the window begins: an alert fires after the trouble began."""

    @field_validator("margin")
    @classmethod
    def _is_a_duration(cls, value: str) -> str:
        return _duration(value)


class DeadLetterSubscriptionSettings(_Table):
    """Subscriptions of dead-letter topics, in which the original messages wait."""

    name: str | tuple[str, ...] = ()
    """`projects/…/subscriptions/…`, one or several."""
    endpoint: str | None = None
    """Where Pub/Sub is, if not at Google's default."""
    max_messages: int = Field(default=10_000, ge=1, le=100_000)
    """After so many messages reading ends."""
    max_bytes: int = Field(default=100_000_000, ge=1)
    """After so many bytes reading ends."""
    deadline_s: float = Field(default=60.0, gt=0, le=600)
    """After so many seconds reading ends."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Where in a message a column is, if it is not found: `attributes.NAME` or `payload.NAME`."""


class WorkflowSettings(_Table):
    """What differs for one workflow."""

    name: str | None = None
    """The name people use."""
    topic: str | None = None
    """The topic its events are sent to again."""
    dead_letter_subscription: str | None = None
    """A dead-letter subscription of its own."""
    max_attempts: int | None = Field(default=None, ge=1)
    """MAX_ATTEMPTS of this workflow."""
    action_timeout_ms: float | None = Field(default=None, gt=0)
    """The timeout of its action, milliseconds."""
    entity_key: tuple[str, ...] = ()
    """Fields that say whom an event is about, such as `payload.customer_id`."""
    envelope: str | None = None
    """What is sent, with ``{payload}`` where the payload stands; without it the payload alone is sent."""
    attributes: dict[str, str] = Field(default_factory=dict)
    """Of each attribute where its value is, such as ``payload.tenant``, or the value itself."""
    ordering_key: str | None = None
    """Where the ordering key is, such as ``payload.customer_id``; empty: there is none."""
    superseded: Literal["leave_out", "warn"] = "warn"
    """What becomes of a dead letter where a newer event of the same `entity_key` succeeded."""
    max_age: str | None = None
    """Such as ``24h``: a dead letter that is older is too old."""
    too_old: Literal["leave_out", "warn"] = "warn"
    """What becomes of a dead letter that is older than `max_age`."""

    @field_validator("envelope")
    @classmethod
    def _has_a_place_for_the_payload(cls, value: str | None) -> str | None:
        if value is not None and "{payload}" not in value and "{payload_text}" not in value:
            raise ValueError("write {payload} where the payload stands")
        return value

    @field_validator("max_age")
    @classmethod
    def _is_a_duration(cls, value: str | None) -> str | None:
        return value if value is None else _duration(value)


class HttpSinkSettings(_Table):
    """A re-ingest endpoint of the team's own, instead of Pub/Sub."""

    url: str
    """The endpoint's address."""
    idempotency_header: str = "Idempotency-Key"
    """The header with the event's own id, by which the endpoint knows it again."""
    bearer: SecretReference | None = None
    """Where the token is."""
    ca_file: Path | None = None
    """The authority of its certificate, where the company has its own."""


class RepublishSettings(_Table):
    """What may be sent again, how fast, and who must agree, runbook §5."""

    allowed_topics: tuple[str, ...] = ()
    """Topics that may be sent to; none else."""
    max_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Events per second; without it ``plan`` asks."""
    steps: tuple[int, ...] = (1, 5, 20)
    """Events of the first steps; each one after them is four times the one before."""
    dedupe_attribute: str | Literal[False] = "dlqkit-dedupe-id"
    """The attribute with the event's own id; `false`: none is added."""
    outcome_deadline_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """How long an outcome is waited for, seconds; else it is taken from the data."""
    clock_tolerance_s: float = Field(default=5.0, ge=0, allow_inf_nan=False)
    """How far the clock of the Execution Logs API may be behind that of the sender."""
    max_replays: int = Field(default=2, ge=1)
    """An event that died again after so many replays is poison."""
    registry: Path | None = None
    """A folder that the team shares; without it only the incident folder itself is looked at."""
    second_approver: bool = False
    """Whether a plan is approved by another person than the one who made it."""
    schema_file: Path | None = Field(default=None, alias="schema")
    """A JSON Schema that each payload has to fit."""
    locked_fields: tuple[str, ...] = ()
    """Fields of the payload that no edit may touch, such as ``payload.customer_id``."""
    endpoint: str | None = None
    """Where Pub/Sub is, if not at Google's default."""
    http: HttpSinkSettings | None = None
    """An endpoint of the team's own, used with `--http`."""
    verification_subscription: str | None = None
    """A subscription that a run makes to see each message arrive; a day unused ends it."""

    @property
    def dedupe_name(self) -> str | None:
        """The dedupe attribute's name; None where it is switched off."""
        name = str(self.dedupe_attribute or "")
        # A variable of the environment is a text.
        return None if name.lower() in {"", "false"} else name

    @field_validator("locked_fields")
    @classmethod
    def _are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # A pointer or a query would be the name of a field that no payload has, and lock nothing.
        if any(name != name.strip() or not name or name[0] in "/$" for name in value):
            raise ValueError("write each as payload.customer_id, without / or $ at its beginning and without spaces")
        return value

    @field_validator("registry")
    @classmethod
    def _is_one_place(cls, value: Path | None) -> Path | None:
        # Relative to wherever a command is called it would be another folder each time, and shared with nobody.
        return _whole_path(value)

    @field_validator("steps")
    @classmethod
    def _grow(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or value[0] < 1 or any(one > two for one, two in itertools.pairwise(value)):
            raise ValueError("write whole numbers from 1 on, none smaller than the one before")
        return value


class ReportSettings(_Table):
    """What a report leaves out, and who may review it."""

    personal_fields: tuple[str, ...] = ()
    """Names of fields whose values are personal, beside those that are known."""
    earlier: Path | None = None
    """A folder; earlier incidents below it with the same error are in the report."""
    language: str = SOURCE
    """Of what people read: reports, status texts, and the commands' output about an incident."""
    second_reviewer: bool = False
    """Whether a report is reviewed by another person than the one who asked for it."""

    @field_validator("language")
    @classmethod
    def _is_spoken(cls, value: str) -> str:
        if value not in known_languages():
            raise ValueError(f"there is no language {value[:20]!r}; choose of {', '.join(known_languages())}")
        return value

    @field_validator("earlier")
    @classmethod
    def _is_whole(cls, value: Path | None) -> Path | None:
        return _whole_path(value)


class TicketsSettings(_Table):
    """Where reports are attached."""

    kind: Literal["jira", "directory"] | None = None
    """A ticket system, or a folder."""
    url: str | None = None
    """The ticket system's address."""
    user: str | None = None
    """The user of the token, where it needs one."""
    token: SecretReference | None = None
    """Where the token is."""
    ca_file: Path | None = None
    """The authority of its certificate, where the company has its own."""
    internal: bool = True
    """Whether customers of a service project may not see the comment."""
    path: Path | None = None
    """The folder, for `directory`."""

    @field_validator("path")
    @classmethod
    def _is_whole(cls, value: Path | None) -> Path | None:
        return _whole_path(value)


class Settings(_Table):
    """Everything that dlqkit may be told, none of it secret."""

    execution_logs: ExecutionLogsSettings = ExecutionLogsSettings()
    prometheus: PrometheusSettings = PrometheusSettings()
    worker: WorkerSettings = WorkerSettings()
    worker_logs: WorkerLogsSettings = WorkerLogsSettings()
    support_reports: SupportReportsSettings = SupportReportsSettings()
    dead_letter_subscription: DeadLetterSubscriptionSettings = DeadLetterSubscriptionSettings()
    alerts: AlertsSettings = AlertsSettings()
    workflows: dict[str, WorkflowSettings] = Field(default_factory=dict)
    republish: RepublishSettings = RepublishSettings()
    report: ReportSettings = ReportSettings()
    tickets: TicketsSettings = TicketsSettings()
    file: Path | None = Field(default=None, exclude=True)
    trusted: bool = Field(default=True, exclude=True)
    ignored: tuple[str, ...] = Field(default=(), exclude=True)

    def max_attempts(self, workflow_id: str | None) -> int | None:
        """MAX_ATTEMPTS of a workflow where it is set."""
        own = self.workflows.get(workflow_id or "")
        return own.max_attempts if own and own.max_attempts is not None else self.worker.max_attempts

    def action_timeout_ms(self, workflow_id: str | None) -> float | None:
        """The action's timeout of a workflow, milliseconds, where it is set."""
        own = self.workflows.get(workflow_id or "")
        return own.action_timeout_ms if own and own.action_timeout_ms is not None else self.worker.action_timeout_ms

    def dead_letter_subscriptions(self, workflow_id: str | None) -> dict[str, str | None]:
        """Names of the subscriptions to read for a workflow, or for all; with the workflow that has one for itself."""
        named = self.dead_letter_subscription.name
        every: dict[str, str | None] = dict.fromkeys((named,) if isinstance(named, str) else named)
        own = {key: one.dead_letter_subscription for key, one in self.workflows.items()}
        if workflow_id is not None and own.get(workflow_id) is not None:
            own, every = {workflow_id: own[workflow_id]}, {}
        elif workflow_id is not None:
            own = {}
        return every | {name: key for key, name in own.items() if name is not None}

    def workflow_name(self, workflow_id: str | None) -> str | None:
        """The name people use for a workflow, where it is set."""
        own = self.workflows.get(workflow_id or "")
        return own.name if own else None


def _user_file() -> Path:
    return platformdirs.user_config_path("dlqkit", appauthor=False) / "dlqkit.toml"


def user_settings_file() -> Path:
    """Where the user's own settings are, whether there are any or not."""
    return _user_file()


def _is_inside_incident(folder: Path) -> bool:
    return any((place / "incident.toml").is_file() for place in (folder, *folder.parents))


def _find_file(start: Path) -> tuple[Path | None, list[str]]:
    """The nearest ``dlqkit.toml`` that may be used, and a sentence for each that was ignored."""
    ignored = []
    for folder in (start, *start.parents):
        path = folder / "dlqkit.toml"
        if not path.is_file():
            continue
        if _is_inside_incident(folder):
            ignored.append(f"{path} is ignored: it lies inside an incident folder.")
        elif path.stat().st_uid != os.getuid():
            ignored.append(f"{path} is ignored: it belongs to another user.")
        else:
            return path, ignored
    return None, ignored


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MOST_LETTERS + 1)
        if len(text) > _MOST_LETTERS:
            raise ParameterError(f"The settings file {path} is longer than anybody writes.", "Name another one.")
        return tomllib.loads(text)
    except FileNotFoundError:
        raise ParameterError(f"The settings file {path} does not exist.", "Check the path after --config.") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ParameterError(
            f"The settings file {path} cannot be read: {reason}.", "Check the path and its permissions."
        ) from error
    except RecursionError as error:
        raise ParameterError(f"The settings file {path} is nested too deep.", "Mend it.") from error
    except ValueError as error:  # of a number of thousands of digits, too
        raise ParameterError(f"The settings file {path} is not TOML: {error}.", "Mend that line.") from error


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in over.items():
        # A reference or an auth table is one value: a profile that says { file } must not keep the { env } below it.
        whole = key in {"api_key", "auth", "bearer", "password", "token"}
        if isinstance(value, dict) and isinstance(out.get(key), dict) and not whole:
            out[key] = _merge(out[key], value)
        else:
            out[key] = value
    return out


def _from_environment(environ: dict[str, str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, text in environ.items():
        rest = name.removeprefix(_PREFIX)
        if rest == name or rest in _NOT_SETTINGS or "__" not in rest:
            continue
        if any("\ud800" <= sign <= "\udfff" for sign in text):
            raise ParameterError(f"The variable {name} has bytes that are no text in UTF-8.", "Set it anew.")
        *tables, key = rest.split("__")
        place = out
        for depth, table in enumerate(tables):
            # A workflow's id is a key of the user's, not of ours: its letters stay as they are.
            place = place.setdefault(table if depth and tables[0] == "WORKFLOWS" else table.lower(), {})
        value: Any = text
        if text[:1] in {"{", "["}:
            try:
                value = tomllib.loads(f"value = {text}")["value"]
            except ValueError:
                raise ParameterError(
                    f"The variable {name} is not a TOML value.", "Write it as in dlqkit.toml."
                ) from None
        place[key.lower()] = value
    return out


def _has_command(value: Any) -> bool:
    if isinstance(value, dict):
        return "command" in value or any(_has_command(inner) for inner in value.values())
    return False


def _misfit(error: ValidationError, file: Path | None, environment: dict[str, str]) -> ParameterError:
    """Which setting does not fit and why, what may have been meant, and where it stands."""
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    variable = _PREFIX + "__".join(where)
    named = next((name for name in environment if name.upper() == variable.upper()), None)
    step = f"Mend {named}." if named else f"Mend it in {file}." if file else f"Mend the {_PREFIX}… variable."
    reason = first["msg"]
    if first["type"] == "extra_forbidden":
        reason, step = "there is no such key", did_you_mean(where[-1], _keys_at(where[:-1]), step)
    return ParameterError(f"A setting is not usable: {'.'.join(where)}: {reason}.", step)


def _keys_at(where: list[str]) -> list[str]:
    """The keys of a table; none where it is not one of ours."""
    table: Any = Settings
    for name in where:
        if isinstance(table, type) and issubclass(table, _Table):
            table = table.model_fields[name].annotation if name in table.model_fields else None
        else:
            table = (get_args(table) or (None,))[-1]
        # An optional one: what it is where it is there.
        table = get_args(table)[0] if NoneType in get_args(table) else table
    return [field.alias or name for name, field in getattr(table, "model_fields", {}).items() if not field.exclude]


def load_settings(
    config: Path | None = None,
    *,
    profile: str | None = None,
    start: Path | None = None,
    environ: dict[str, str] | None = None,
) -> Settings:
    """Read the settings from where the design allows.

    Parameters
    ----------
    config : Path, optional
        The file to use, and no other.
    profile : str, optional
        The ``[profiles.NAME]`` table whose values override the rest.
    start : Path, optional
        Where the search begins; the working directory by default.
    environ : dict, optional
        The environment; the process's own by default.

    Returns
    -------
    Settings
        With ``file`` (what was used), ``trusted`` (False if it was merely found) and ``ignored`` (why others were not).

    Raises
    ------
    ParameterError
        If a file cannot be read, a key is unknown, a value does not fit, or a found file names a secret together
        with a URL or a command: a stranger's file could send a secret to a stranger.
    """
    environment = dict(os.environ) if environ is None else environ
    values: dict[str, Any] = {}
    ignored: list[str] = []
    file, trusted = config, True
    found_values: dict[str, Any] = {}
    user_file = _user_file()
    if config is not None:
        values = _read_toml(config)
    else:
        if user_file.is_file():
            values, file = _read_toml(user_file), user_file
        found, ignored = _find_file((start or Path.cwd()).resolve())
        if found is not None and found != user_file:
            found_values = _read_toml(found)
            _refuse_stranger(found, found_values)
            values, file, trusted = _merge(values, found_values), found, False
    profiles = values.pop("profiles", {})
    if profile is not None:
        if profile not in profiles:
            known = ", ".join(sorted(profiles)) or "none"
            raise ParameterError(f"There is no profile {profile!r}.", f"Profiles of {file or 'the settings'}: {known}.")
        values = _merge(values, profiles[profile])
    from_environment = _from_environment(environment)
    if file is not None and not trusted:
        _refuse_foreign_address(file, found_values, values, from_environment)
    values = _merge(values, from_environment)
    try:
        return Settings.model_validate({**values, "file": file, "trusted": trusted, "ignored": tuple(ignored)})
    except ValidationError as error:
        raise _misfit(error, file, environment) from None


# Tables with an address, and which of their keys make that a place to which a secret is sent.
_SECRETS = {"execution_logs": ("api_key",), "prometheus": ("auth", "headers"), "republish.http": ("bearer",),
            "tickets": ("token",)}  # fmt: skip


def _table(values: Any, name: str) -> dict[str, Any]:
    """A table by its dotted name; empty where there is none."""
    for part in name.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values if isinstance(values, dict) else {}


def _refuse_foreign_address(
    path: Path, found: dict[str, Any], merged: dict[str, Any], environment: dict[str, Any]
) -> None:
    """Refuse a found file's URL when a secret from elsewhere would be sent to it."""
    tables = [found, *(found.get("profiles") or {}).values()]
    for name, secrets in _SECRETS.items():
        if _table(environment, name).get("url"):
            continue
        foreign = any(_table(table, name).get("url") for table in tables)
        known = any(_table(merged, name).get(key) or _table(environment, name).get(key) for key in secrets)
        if foreign and known:
            raise ParameterError(
                f"{path} was found, not named, and its {name} address would receive a secret.",
                f"If you trust it, name it: --config {path}; or move it to {_user_file()}.",
            )


def _refuse_stranger(path: Path, values: dict[str, Any]) -> None:
    """Refuse a found file that could run a command, or send a secret to an address of its own choice."""
    tables = [values, *(values.get("profiles") or {}).values()]
    for table in tables:
        if not isinstance(table, dict):
            continue
        if _has_command(table):
            raise ParameterError(
                f"{path} was found, not named, and holds a command reference.",
                f"If you trust it, name it: --config {path}; or move it to {_user_file()}.",
            )
        sent_to = [
            name
            for name, secrets in _SECRETS.items()
            if _table(table, name).get("url") and any(_table(table, name).get(key) for key in secrets)
        ]
        # Google's client sends the machine's own credentials to whatever endpoint it is told.
        for name in ("republish", "dead_letter_subscription"):
            sent_to += [f"{name}.endpoint"] if _table(table, name).get("endpoint") else []
        # So does Spark's client with the token of its environment.
        sent_to += ["execution_logs.spark"] if _table(table, "execution_logs").get("spark") else []
        if sent_to:
            raise ParameterError(
                f"{path} was found, not named, and would send a secret to the {sent_to[0]} address it names.",
                f"If you trust it, name it: --config {path}; or move it to {_user_file()}.",
            )
