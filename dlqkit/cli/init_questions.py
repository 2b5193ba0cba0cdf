"""The questions of ``dlqkit init``: on a terminal they are asked, with ``--yes`` what was given and found stands."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import typer

from dlqkit.cli.shared import find_zone
from dlqkit.cli.tried_text import print_tried
from dlqkit.errors import ParameterError
from dlqkit.settings import SecretReference
from dlqkit.setup.checks import Tried
from dlqkit.setup.draft import Draft
from dlqkit.setup.keys import FORMS, find_keys, is_expected, read_reference, reference_table, reference_text
from dlqkit.setup.try_page import try_metrics_page
from dlqkit.setup.try_prometheus import try_prometheus
from dlqkit.setup.try_records import NEEDED, try_execution_logs
from dlqkit.sources.http import check_url
from dlqkit.untrusted import for_terminal, for_terminal_lines

__all__ = [
    "Given",
    "Questions",
    "pairs",
    "settle_metrics_pages",
    "settle_prometheus",
    "settle_records",
    "settle_worker",
]

WIDTH = 80
_TRY = {"execution_logs": try_execution_logs, "prometheus": try_prometheus}
_NAMES = {"execution_logs": "the Execution Logs API", "prometheus": "Prometheus"}


@dataclass(frozen=True, slots=True)
class Given:
    """What the options say."""

    urls: Mapping[str, str | None] = field(default_factory=dict)
    keys: Mapping[str, SecretReference | None] = field(default_factory=dict)
    user: str | None = None
    """Of Prometheus; with it the key is a password."""
    metrics_urls: tuple[str, ...] = ()
    ca_file: Path | None = None
    timezone: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)
    max_attempts: int | None = None
    action_timeout_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Questions:
    """Asks on standard error, so that standard output holds what was seen."""

    asks: bool
    quiet: bool = False
    """Whether what was seen goes out as JSON, at the end."""

    def text(self, question: str, default: str = "") -> str:
        """A line; the default where nobody is asked."""
        if not self.asks:
            return default
        return str(typer.prompt(question, default=default, show_default=bool(default), err=True)).strip()

    def agree(self, question: str, *, default: bool = True) -> bool:
        """Yes or no; the default where nobody is asked."""
        return typer.confirm(question, default=default, err=True) if self.asks else default

    def tell(self, text: str) -> None:
        """A sentence for the one who is asked."""
        if self.asks:
            typer.echo("\n".join(for_terminal_lines(text, WIDTH, break_words=False)), err=True)

    def show(self, tried: Tried, before: Tried | None = None) -> None:
        """What was seen of a source; where it was shown before, what is different."""
        if not self.quiet:
            print_tried(tried, before=before)
            typer.echo()


def settle_records(draft: Draft, given: Given, questions: Questions) -> tuple[Draft, Tried | None]:
    """The Execution Logs API: address, key, then what its records leave open."""
    told = {"fields": dict(given.fields) or None, "timezone": given.timezone}
    draft, tried = _settle_access("execution_logs", draft, given, questions, told)
    if tried is None:
        return draft, None
    draft = draft.note("execution_logs.pagination", _pagination(tried))
    fields = dict(given.fields)
    for column in NEEDED:
        left = [name for name in tried.seen.get("left", ()) if name not in fields.values()]
        if questions.asks and left and column not in tried.seen["columns"] and column not in fields:
            names = ", ".join(for_terminal(name) for name in left[:12])
            answer = questions.text(f"Which field is {column}? ({names}; empty: none)")
            fields |= {column: answer} if answer in left else {}
    draft, tried = _again(
        "execution_logs", draft, {"fields": fields if fields != given.fields else None}, tried, questions
    )
    zone = None
    if given.timezone is None and any(check.subject == "times" and check.state == "fails" for check in tried.checks):
        # A zone is a person's to name: one that fits today need not fit after the next change of clocks.
        likely = tried.proposed.get("timezone")
        draft = draft.note("execution_logs.timezone", f"by the server's clock {likely} fits" if likely else None)
        if questions.asks:
            zone = _ask_zone(questions, likely or "")
    return _again("execution_logs", draft, {"timezone": zone}, tried, questions)


def settle_prometheus(draft: Draft, given: Given, questions: Questions) -> tuple[Draft, Tried | None]:
    """Prometheus: address, token or password, then metrics of other names."""
    draft, tried = _settle_access("prometheus", draft, given, questions, {"metrics": dict(given.metrics) or None})
    if tried is None:
        return draft, None
    metrics = dict(given.metrics)
    for key, name in dict(tried.proposed.get("metrics", {})).items():
        if key not in metrics and questions.agree(f"Is {for_terminal(name)} the metric “{key}” of the runbook?"):
            metrics[key] = name
    return _again("prometheus", draft, {"metrics": metrics if metrics != given.metrics else None}, tried, questions)


def settle_metrics_pages(draft: Draft, given: Given, questions: Questions) -> tuple[Draft, list[Tried]]:
    """The workers' own pages."""
    urls = list(given.metrics_urls)
    if not urls:
        answer = questions.text("Addresses of the workers' own /metrics pages, with spaces between (empty: none)")
        urls = answer.split()
    for url in urls:
        check_url(url, setting="worker.metrics_urls", has_secret=False)
    if not urls:
        return draft, []
    draft = draft.set("worker", "metrics_urls", urls)
    settings, out = draft.load(), []
    for url in urls:
        out.append(try_metrics_page(settings, url))
        questions.show(out[-1])
    return draft, out


def settle_worker(draft: Draft, given: Given, questions: Questions) -> Draft:
    """What is known of the worker, where somebody knows it."""
    attempts, timeout_ms = given.max_attempts, given.action_timeout_ms
    if attempts is None:
        attempts = _number(questions, "MAX_ATTEMPTS of the worker (empty: not known)")
    if timeout_ms is None:
        timeout_ms = _number(questions, "Timeout of an action, milliseconds (empty: not known)")
    return draft.set("worker", "max_attempts", attempts).set("worker", "action_timeout_ms", timeout_ms)


def _number(questions: Questions, question: str) -> int | None:
    while (answer := questions.text(question)) and not (answer.isascii() and answer.isdigit() and int(answer[:9])):
        questions.tell("That is no whole number above zero.")
    return int(answer) if answer else None


def _ask_zone(questions: Questions, likely: str) -> str:
    question = "Zone of its times, such as UTC or Europe/Berlin (empty: not known)"
    while zone := questions.text(question, likely):
        try:
            find_zone(zone)
        except ParameterError as error:
            questions.tell(f"{error.problem} {error.next_step}")
        else:
            return zone
    return ""


def _settle_access(
    source: str, draft: Draft, given: Given, questions: Questions, told: Mapping[str, object]
) -> tuple[Draft, Tried | None]:
    """Address and key, asked for until the source answers or the analyst leaves it at that."""
    url = given.urls.get(source) or _ask_url(source, questions)
    if not url:
        return draft, None
    reference = given.keys.get(source)
    for name, value in told.items():
        draft = draft.set(source, name, value)
    while True:
        check_url(url, setting=f"{source}.url", has_secret=False)
        draft = draft.set(source, "url", url)
        draft = draft.set(source, "ca_file", None if given.ca_file is None else str(given.ca_file))
        if reference is None:
            reference = _offer(source, url, questions)
        draft = _with_key(source, draft, reference, given)
        if reference is None:
            _refuse_inherited(source, draft)
        tried = _try(source, draft, questions)
        if tried.works or not questions.asks:
            return draft, tried
        if tried.is_refused:
            answer = _ask_key(source, questions)
            if answer is not None:
                reference = answer
                continue
        elif any(check.subject == "access" and check.state == "fails" for check in tried.checks):
            answer_url = _ask_url(source, questions, "Another address (empty: keep this one)")
            if answer_url:
                url, reference = answer_url, given.keys.get(source)
                continue
        return draft, tried


def _try(source: str, draft: Draft, questions: Questions, before: Tried | None = None) -> Tried:
    questions.tell(f"Asking {_NAMES[source]} …")
    tried = _TRY[source](draft.load())
    questions.show(tried, before)
    return tried


def _again(
    source: str, draft: Draft, values: Mapping[str, object], tried: Tried, questions: Questions
) -> tuple[Draft, Tried]:
    """The source with what was answered, tried once more: what is shown last is what the file will give."""
    new = {key: value for key, value in values.items() if value}
    if not new:
        return draft, tried
    for key, value in new.items():
        draft = draft.set(source, key, value)
    return draft, _try(source, draft, questions, tried)


def _ask_url(source: str, questions: Questions, question: str | None = None) -> str:
    while True:
        url = questions.text(question or f"Address of {_NAMES[source]} (empty: none)")
        try:
            return check_url(url, setting=f"{source}.url", has_secret=False) if url else ""
        except ParameterError as error:
            questions.tell(f"{error.problem} {error.next_step}")


def _offer(source: str, url: str, questions: Questions) -> SecretReference | None:
    """A key that is plainly meant for this source; nobody's key is sent anywhere without a word."""
    for reference in find_keys(source, os.environ):
        if is_expected(source, reference):
            text = reference_text(reference)
            return reference if questions.agree(f"There is a key in {text}. Send it to {for_terminal(url)}?") else None
    return None


def _ask_key(source: str, questions: Questions) -> SecretReference | None:
    found = [reference_text(reference) for reference in find_keys(source, os.environ)]
    if found:
        questions.tell(f"Keys that are there: {', '.join(found)}.")
    while True:
        answer = questions.text(f"Where is its key? {FORMS} (empty: go on without)")
        try:
            return read_reference(answer) if answer else None
        except ParameterError as error:
            questions.tell(f"{error.problem} {error.next_step}")


def _with_key(source: str, draft: Draft, reference: SecretReference | None, given: Given) -> Draft:
    table = None if reference is None else reference_table(reference)
    if source == "execution_logs":
        return draft.set(source, "api_key", table)
    if table is None:
        return draft.set(source, "auth", None)
    own = {"bearer": table} if given.user is None else {"basic": {"user": given.user, "password": table}}
    return draft.set(source, "auth", own)


def _refuse_inherited(source: str, draft: Draft) -> None:
    """A profile takes what it does not name from the file, its key too: that would go to the profile's address."""
    settings = draft.load()
    has_key = {
        "execution_logs": settings.execution_logs.api_key,
        "prometheus": settings.prometheus.auth or settings.prometheus.headers,
    }[source]
    if has_key:
        raise ParameterError(
            f"The settings have a key for {_NAMES[source]}, which this profile's address would receive.",
            f"Give the profile a key of its own: --{source.replace('_', '-')}-key env:NAME.",
        )


def _pagination(tried: Tried) -> str | None:
    style = tried.seen.get("pagination")
    return str(style) if style in {"offset", "page", "cursor", "link"} else None


def pairs(texts: Sequence[str], option: str, example: str, known: Collection[str]) -> dict[str, str]:
    """``NAME=VALUE`` of a repeated option, the names known ones.

    Raises
    ------
    ParameterError
        If one is no such pair.
    """
    out = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name and sign and value):
            raise ParameterError(f"{option} {text[:40]!r} is no pair.", f"Write it as {option} {example}.")
        if name.strip() not in known:
            raise ParameterError(f"{option} {name[:40]!r} is not known.", f"Choose of {', '.join(known)}.")
        out[name.strip()] = value.strip()
    return out
