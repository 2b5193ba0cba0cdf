"""A report is in the ticket once, whatever goes wrong between."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from dlqkit.errors import AccessDenied, DlqkitError, ParameterError, SourceUnavailable, UnexpectedAnswer
from dlqkit.tickets import jira as module
from dlqkit.tickets.jira import Jira
from dlqkit.tickets.ticket import Report, make_report
from tests.tickets import jira_server

TOKEN = "t0ken-of-the-tests"
REPORT = make_report(
    [("Problem", "12 events [~admin] {noformat} *died*\nsince 14:02"), ("Next", "look")],
    [("postmortem.html", b"<html>", "text/html"), ("postmortem.pdf", b"%PDF", "application/pdf")],
    b"facts",
)


@pytest.fixture
def server() -> Iterator[jira_server.Jira]:
    with jira_server.serving() as served:
        yield served


def attach(server: jira_server.Jira, report: Report = REPORT, **more: Any) -> Any:
    return Jira(server.url, TOKEN, wait=lambda _: None, **more).attach("OPS-1", report)


def names(server: jira_server.Jira) -> list[str]:
    return [one["filename"] for one in server.tickets["OPS-1"]["attachments"]]


def test_files_and_a_comment_are_added_and_a_second_time_nothing(server: jira_server.Jira) -> None:
    """The files carry the report's mark in their names, the comment in its last line."""
    first, second = attach(server), attach(server)

    assert first.added == (f"postmortem-{REPORT.mark}.html", f"postmortem-{REPORT.mark}.pdf")
    assert (first.has_commented, second.added, second.has_commented) == (True, (), False)
    assert first.place == f"{server.url}/browse/OPS-1"
    ticket = server.tickets["OPS-1"]
    assert [one["content"] for one in ticket["contents"]] == [b"<html>", b"%PDF"]
    (comment,) = ticket["comments"]
    assert comment["body"] == (
        "* *Problem*: 12 events \\[\\~admin\\] \\{noformat\\} \\*died\\* since 14:02\n* *Next*: look\n\n"
        f"dlqkit report {REPORT.mark}"
    )


def test_a_later_report_lies_beside_the_first(server: jira_server.Jira) -> None:
    later = make_report([("Problem", "13 events")], [("postmortem.html", b"<html2>", "text/html")], b"other facts")

    attach(server)
    attach(server, later)

    assert len(names(server)) == 3
    assert len(server.tickets["OPS-1"]["comments"]) == 2


@pytest.mark.parametrize("lost", ["attachments", "comment"])
def test_an_answer_that_was_lost_is_not_written_twice(server: jira_server.Jira, lost: str) -> None:
    """Stored, and the connection cut: the next run finds it, and adds what is still missing."""
    real, cut = server.answer, iter([True])

    def answer(method: str, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], Any]:
        done = real(method, path, headers, body)
        return (0, {}, None) if method == "POST" and path.endswith(lost) and next(cut, False) else done

    server.answer = answer  # type: ignore[method-assign]
    with pytest.raises(SourceUnavailable, match="cannot be reached") as caught:
        attach(server)
    assert "not attached twice" in caught.value.next_step
    attach(server)

    assert names(server) == [file.name for file in REPORT.files]
    assert len(server.tickets["OPS-1"]["comments"]) == 1


def test_a_comment_on_a_later_page_is_found(server: jira_server.Jira, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 10)
    attach(server)
    server.tickets["OPS-1"]["comments"] += [{"id": str(n), "body": "x"} for n in range(35)]

    assert not attach(server).has_commented
    monkeypatch.setattr(module, "PAGES", 2)
    with pytest.raises(UnexpectedAnswer, match="more than 20 comments"):
        attach(server)


def test_it_waits_when_it_is_asked_to_and_not_for_long(server: jira_server.Jira) -> None:
    waited: list[float] = []
    answers = iter([(429, {"Retry-After": "7"}), (429, {"Retry-After": "7"})])
    server.fault = lambda method, path: next(answers, None)
    Jira(server.url, TOKEN, wait=waited.append).attach("OPS-1", REPORT)
    assert waited == [7.0, 7.0]

    server.fault = lambda method, path: (429, {"Retry-After": "3600"})
    with pytest.raises(SourceUnavailable, match="asks to wait for 3,600 s"):
        attach(server)


@pytest.mark.parametrize(
    ("status", "headers", "kind", "words"),
    [
        (401, {}, AccessDenied, "refuses access"),
        (403, {}, AccessDenied, "refuses access"),
        (404, {}, ParameterError, "has no ticket OPS-1"),
        (413, {}, ParameterError, "no file of this size"),
        (302, {"Location": "http://127.0.0.1:9/"}, UnexpectedAnswer, "sends on to another address"),
        (500, {}, SourceUnavailable, "has a fault"),
        (400, {}, UnexpectedAnswer, "refuses the request"),
    ],
)
def test_a_refusal_says_what_to_do_and_no_secret(
    server: jira_server.Jira, status: int, headers: dict[str, str], kind: type[DlqkitError], words: str
) -> None:
    """No redirect is followed: the token would go with it."""
    server.fault = lambda method, path: (status, headers)

    with pytest.raises(kind, match=words) as caught:
        attach(server)
    assert TOKEN not in str(caught.value) + caught.value.next_step


def test_a_file_that_is_too_large_is_refused_before_anything_is_written(server: jira_server.Jira) -> None:
    server.upload_limit = 5

    with pytest.raises(ParameterError, match="has 6 bytes, and Jira takes 5"):
        attach(server)
    assert not any(method == "POST" for method, _ in server.asked)


def test_a_token_of_cloud_goes_with_its_owners_name(server: jira_server.Jira) -> None:
    server.authorization = "Basic " + base64.b64encode(f"olga@example.com:{TOKEN}".encode()).decode()

    assert attach(server, user="olga@example.com").has_commented


@pytest.mark.parametrize("key", ["", "../x", "OPS-1/comment", "OPS 1", "-x", "OPS-1?a=b"])
def test_a_tickets_key_is_no_address(server: jira_server.Jira, key: str) -> None:
    with pytest.raises(ParameterError, match="no ticket's key"):
        Jira(server.url, TOKEN).attach(key, REPORT)
    assert not server.asked


def test_the_secret_is_sent_encrypted_or_to_this_machine_alone() -> None:
    with pytest.raises(ParameterError, match="unencrypted"):
        Jira("http://jira.example", TOKEN)
