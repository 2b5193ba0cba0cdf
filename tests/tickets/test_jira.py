"""A report is in the ticket once, whatever goes wrong between."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dlqkit.errors import AccessDenied, DlqkitError, ParameterError, SourceUnavailable, UnexpectedAnswer
from dlqkit.tickets import jira as module
from dlqkit.tickets import jira_client
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
        "* *Problem*: 12 events \\[\\~admin\\] \\{noformat\\} \\*died\\* since 14:02\n* *Next*: look\n"
        f"* *Attached*: postmortem\\-{REPORT.mark}.html, postmortem\\-{REPORT.mark}.pdf\n\n"
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
    assert "not added twice" in caught.value.next_step
    attach(server)

    assert names(server) == [file.name for file in REPORT.files]
    assert len(server.tickets["OPS-1"]["comments"]) == 1


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("is_stored", [False, True])
def test_whichever_write_fails_the_next_run_adds_what_is_missing(
    server: jira_server.Jira, number: int, is_stored: bool
) -> None:
    """Two files and a comment: killed, or a fault, at each of them, before or after it was stored."""
    real, count = server.answer, iter(range(1, 100))

    def answer(method: str, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], Any]:
        if method != "POST" or next(count) != number:
            return real(method, path, headers, body)
        if is_stored:
            real(method, path, headers, body)
        return 502, {}, {}

    server.answer = answer  # type: ignore[method-assign]
    with pytest.raises(SourceUnavailable, match="has a fault") as caught:
        attach(server)
    assert "not added twice" in caught.value.next_step
    assert len(server.tickets["OPS-1"]["comments"]) == (1 if number == 3 and is_stored else 0)
    attach(server)

    assert names(server) == [file.name for file in REPORT.files]
    assert len(server.tickets["OPS-1"]["comments"]) == 1


def test_a_comment_on_a_later_page_is_found(server: jira_server.Jira, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may give fewer comments at once than it was asked for."""
    attach(server)
    server.tickets["OPS-1"]["comments"] += [{"id": str(n), "body": "x"} for n in range(35)]
    server.page_limit = 10

    assert not attach(server).has_commented
    monkeypatch.setattr(module, "MOST_COMMENTS", 20)
    with pytest.raises(UnexpectedAnswer, match="more than 20 comments"):
        attach(server)
    assert len(server.tickets["OPS-1"]["comments"]) == 36


def test_it_waits_when_it_is_asked_to_and_not_for_long(server: jira_server.Jira) -> None:
    """For a write too: 429 says that it was not carried out."""
    waited: list[float] = []
    answers = iter([(429, {"Retry-After": "7"}), (429, {"Retry-After": "²"})])
    server.fault = lambda method, path: next(answers, None) if method == "POST" else None
    Jira(server.url, TOKEN, wait=waited.append).attach("OPS-1", REPORT)
    assert waited == [7.0, 1.0]
    assert names(server) == [file.name for file in REPORT.files]

    server.fault = lambda method, path: (429, {"Retry-After": "3600"})
    with pytest.raises(SourceUnavailable, match="asks to wait for 3,600 s"):
        attach(server)


def test_a_question_is_asked_again_where_jira_has_a_fault(server: jira_server.Jira) -> None:
    """A restart of Jira behind its proxy takes a second or two."""
    faults = iter([(503, {}), (502, {})])
    server.fault = lambda method, path: next(faults, None)

    assert attach(server).has_commented


@pytest.mark.parametrize(
    ("status", "headers", "kind", "words"),
    [
        (401, {}, AccessDenied, "refuses access"),
        (403, {}, AccessDenied, "refuses access"),
        (403, {"X-Seraph-LoginReason": "AUTHENTICATION_DENIED"}, AccessDenied, "refuses access"),
        (404, {}, ParameterError, "has no ticket OPS-1"),
        (413, {}, ParameterError, "no file of this size"),
        (302, {"Location": "http://127.0.0.1:9/"}, UnexpectedAnswer, "sends us on to another address"),
        (302, {"Location": f"http://[{TOKEN}]/"}, UnexpectedAnswer, "sends us on to another address"),
        (500, {}, SourceUnavailable, "has a fault"),
        (400, {}, UnexpectedAnswer, "refuses the request"),
    ],
)
@pytest.mark.parametrize("call", ["GET", "attachments", "comment"])
def test_a_refusal_says_what_to_do_and_no_secret(
    server: jira_server.Jira, call: str, status: int, headers: dict[str, str], kind: type[DlqkitError], words: str
) -> None:
    """At whichever call; no redirect is followed, since the token would go with it; Jira's own words are shown."""
    server.said = f"The token {TOKEN} is \x1b[31m wrong"
    is_asked = (lambda method, path: method == "GET") if call == "GET" else (
        lambda method, path: method == "POST" and path.endswith(call)
    )  # fmt: skip
    server.fault = lambda method, path: (status, headers) if is_asked(method, path) else None

    with pytest.raises(kind, match=words) as caught:
        attach(server)
    said = str(caught.value)
    assert TOKEN not in said
    assert ("The token ******** is" in said) is (status in {401, 403, 413, 500, 400})
    assert ("CAPTCHA" in said) is bool(headers.get("X-Seraph-LoginReason"))
    assert not server.tickets["OPS-1"]["comments"]


def test_an_answer_that_trickles_or_never_ends_is_given_up(
    server: jira_server.Jira, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A timeout of a single read would wait for ever."""
    server.pause_s = 0.02
    with pytest.raises(SourceUnavailable, match="was not done answering"):
        attach(server, deadline_s=0.1)

    server.pause_s = 0.0
    monkeypatch.setattr(jira_client, "MOST_BYTES", 20)
    with pytest.raises(UnexpectedAnswer, match="answers with more than"):
        attach(server)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (b"<html><title>Log in</title>", "a web page"),
        (b"[" * 100_000, "JSON that is cut off or broken"),
        (b"[1]", "does not list the comments"),
        (b'{"fields": null, "comments": {}}', "does not list the comments"),
    ],
)
def test_an_answer_that_is_none_of_jiras_adds_no_comment(server: jira_server.Jira, page: bytes, words: str) -> None:
    """A proxy's login page says 200, too."""
    server.page = page

    with pytest.raises(UnexpectedAnswer, match=words):
        Jira(server.url, TOKEN, wait=lambda _: None).attach("OPS-1", Report((), (), "0123456789ab"))
    assert not any(method == "POST" for method, _ in server.asked)


def test_neither_a_proxy_nor_a_netrc_of_the_environment_sees_the_token(
    server: jira_server.Jira, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Both would be asked by requests on its own."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login mallory password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert attach(server).has_commented


def test_customers_of_a_service_project_do_not_see_the_comment(server: jira_server.Jira) -> None:
    """Unless the settings say so."""
    attach(server)
    later = make_report([("Problem", "13 events")], [], b"other facts")
    attach(server, later, internal=False)

    first, second = server.tickets["OPS-1"]["comments"]
    assert first["properties"] == [{"key": "sd.public.comment", "value": {"internal": True}}]
    assert "properties" not in second


def test_a_text_of_any_length_fits_into_a_comment(server: jira_server.Jira) -> None:
    """Jira refuses one of more than 32,767 characters; each sign may become five."""
    attach(server, make_report([("Cause confirmed", "\\" * 1_000_000), ("Done", "{" * 9_000)], [], b"long"))

    (comment,) = server.tickets["OPS-1"]["comments"]
    assert 14_000 < len(comment["body"]) < 32_767
    assert "*Done*" in comment["body"]


def test_a_ca_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="ca_file"):
        Jira("https://jira.example", TOKEN, ca_file=tmp_path / "none.pem")


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
