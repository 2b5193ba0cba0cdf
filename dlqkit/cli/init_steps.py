"""The questions of ``dlqkit init`` in their order: each source, then what is known of the worker."""

from __future__ import annotations

from dlqkit.cli.init_access import settle_access, try_again
from dlqkit.cli.init_questions import Given, Questions
from dlqkit.cli.shared import find_zone
from dlqkit.errors import ParameterError
from dlqkit.setup.checks import Tried
from dlqkit.setup.draft import Draft
from dlqkit.setup.try_page import try_metrics_page
from dlqkit.setup.try_records import NEEDED
from dlqkit.sources.http import check_url
from dlqkit.untrusted import for_terminal

__all__ = ["settle_metrics_pages", "settle_prometheus", "settle_records", "settle_worker"]


def settle_records(draft: Draft, given: Given, questions: Questions) -> tuple[Draft, Tried | None]:
    """The Execution Logs API: address, key, then what its records leave open."""
    told = {"fields": dict(given.fields) or None, "timezone": given.timezone}
    draft, tried = settle_access("execution_logs", draft, given, questions, told)
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
    draft, tried = try_again(
        "execution_logs", draft, {"fields": fields if fields != given.fields else None}, tried, questions
    )
    zone = None
    if given.timezone is None and any(check.subject == "times" and check.state == "fails" for check in tried.checks):
        # A zone is a person's to name: one that fits today need not fit after the next change of clocks.
        likely = tried.proposed.get("timezone")
        draft = draft.note("execution_logs.timezone", f"by the server's clock {likely} fits" if likely else None)
        if questions.asks:
            zone = _ask_zone(questions, likely or "")
    return try_again("execution_logs", draft, {"timezone": zone}, tried, questions)


def settle_prometheus(draft: Draft, given: Given, questions: Questions) -> tuple[Draft, Tried | None]:
    """Prometheus: address, token or password, then metrics of other names."""
    draft, tried = settle_access("prometheus", draft, given, questions, {"metrics": dict(given.metrics) or None})
    if tried is None:
        return draft, None
    metrics = dict(given.metrics)
    for key, name in dict(tried.proposed.get("metrics", {})).items():
        if key not in metrics and questions.agree(f"Is {for_terminal(name)} the metric “{key}” of the runbook?"):
            metrics[key] = name
    return try_again("prometheus", draft, {"metrics": metrics if metrics != given.metrics else None}, tried, questions)


def settle_metrics_pages(draft: Draft, given: Given, questions: Questions) -> tuple[Draft, list[Tried]]:
    """The workers' own pages."""
    urls = _page_addresses(given, questions)
    if not urls:
        return draft, []
    draft = draft.set("worker", "metrics_urls", urls)
    settings, out = draft.load(), []
    for url in urls:
        out.append(try_metrics_page(settings, url))
        questions.show(out[-1])
    return draft, out


def _page_addresses(given: Given, questions: Questions) -> list[str]:
    for url in given.metrics_urls:
        check_url(url, setting="worker.metrics_urls", has_secret=False)
    question = "Addresses of the workers' own /metrics pages, with spaces between (empty: none)"
    urls = list(given.metrics_urls) or questions.text(question).split()
    while True:
        try:
            return [check_url(url, setting="worker.metrics_urls", has_secret=False) for url in urls]
        except ParameterError as error:
            questions.tell(f"{error.problem} {error.next_step}")
            urls = questions.text(question).split()


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


def _pagination(tried: Tried) -> str | None:
    style = tried.seen.get("pagination")
    return str(style) if style in {"offset", "page", "cursor", "link"} else None
