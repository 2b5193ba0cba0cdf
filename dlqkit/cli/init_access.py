"""Address and key of a source, asked for until it answers; no key goes anywhere without a word."""

from __future__ import annotations

import os
from collections.abc import Mapping

from dlqkit.cli.init_questions import Given, Questions
from dlqkit.errors import ParameterError
from dlqkit.settings import SecretReference
from dlqkit.setup.checks import Tried, shown
from dlqkit.setup.draft import Draft
from dlqkit.setup.keys import FORMS, find_keys, is_expected, read_reference, reference_table, reference_text
from dlqkit.setup.try_prometheus import try_prometheus
from dlqkit.setup.try_records import try_execution_logs
from dlqkit.sources.http import check_url
from dlqkit.sources.known_secrets import TENANT_HEADERS
from dlqkit.sources.secrets import is_there
from dlqkit.untrusted import for_terminal

__all__ = ["settle_access", "try_again"]

_TRY = {"execution_logs": try_execution_logs, "prometheus": try_prometheus}
_NAMES = {"execution_logs": "the Execution Logs API", "prometheus": "Prometheus"}


def settle_access(
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
        if draft.profile is not None:
            reference = _own_key(source, draft, reference, questions)
            draft = _with_key(source, draft, reference, given)
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


def try_again(
    source: str, draft: Draft, values: Mapping[str, object], tried: Tried, questions: Questions
) -> tuple[Draft, Tried]:
    """The source with what was answered, tried once more: what is shown last is what the file will give."""
    new = {key: value for key, value in values.items() if value}
    if not new:
        return draft, tried
    for key, value in new.items():
        draft = draft.set(source, key, value)
    return draft, _try(source, draft, questions, tried)


def _try(source: str, draft: Draft, questions: Questions, before: Tried | None = None) -> Tried:
    questions.tell(f"Asking {_NAMES[source]} …")
    tried = _TRY[source](draft.load())
    questions.show(tried, before)
    return tried


def _ask_url(source: str, questions: Questions, question: str | None = None) -> str:
    while True:
        url = questions.text(question or f"Address of {_NAMES[source]} (empty: none)")
        try:
            return check_url(url, setting=f"{source}.url", has_secret=False) if url else ""
        except ParameterError as error:
            questions.tell(f"{error.problem} {error.next_step}")


def _offer(source: str, url: str, questions: Questions) -> SecretReference | None:
    """A key that is plainly meant for this source; nobody's key is sent anywhere without a word."""
    expected = [reference for reference in find_keys(source, os.environ) if is_expected(source, reference)]
    if not expected:
        return None
    where = for_terminal(shown(url))
    question = f"There is a key in {reference_text(expected[0])}. Send it to {where}?"
    return expected[0] if questions.agree(question) else None


def _ask_key(source: str, questions: Questions) -> SecretReference | None:
    found = [reference_text(reference) for reference in find_keys(source, os.environ)]
    if found:
        questions.tell(f"Keys that are there: {', '.join(found)}.")
    while True:
        answer = questions.text(f"Where is its key? {FORMS} (empty: go on without)")
        if not answer:
            return None
        try:
            reference = read_reference(answer)
        except ParameterError as error:
            questions.tell(f"{error.problem} {error.next_step}")
            continue
        if is_there(reference):
            return reference
        questions.tell("There is no key: it is not set, is empty, or has more than one line.")


def _with_key(source: str, draft: Draft, reference: SecretReference | None, given: Given) -> Draft:
    table = None if reference is None else reference_table(reference)
    if source == "execution_logs":
        return draft.set(source, "api_key", table)
    if table is None:
        return draft.set(source, "auth", None)
    own = {"bearer": table} if given.user is None else {"basic": {"user": given.user, "password": table}}
    return draft.set(source, "auth", own)


def _own_key(
    source: str, draft: Draft, reference: SecretReference | None, questions: Questions
) -> SecretReference | None:
    """The profile's own key where the file has one: a profile takes what it does not name from the file.

    Raises
    ------
    ParameterError
        If a secret of the file would go to the profile's address.
    """
    settings = draft.load()
    has_key = {"execution_logs": settings.execution_logs.api_key, "prometheus": settings.prometheus.auth}[source]
    if reference is None and has_key:
        questions.tell(f"The file has a key for {_NAMES[source]}; the profile needs one of its own.")
        reference = _ask_key(source, questions)
    headers = {name for name in settings.prometheus.headers if name.lower() not in TENANT_HEADERS}
    if (reference is None and has_key) or (source == "prometheus" and headers):
        raise ParameterError(
            f"The settings have a key for {_NAMES[source]}, which this profile's address would receive.",
            f"Give the profile a key of its own: --{source.replace('_', '-')}-key env:NAME; headers only by hand.",
        )
    return reference
