"""What is seen of an Execution Logs API, over real sockets: one that is well, and those that fail in the usual ways."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dlqkit.cli.tried_text import tried_text
from dlqkit.settings import Settings
from dlqkit.setup.checks import Check, Tried
from dlqkit.setup.try_records import try_execution_logs
from tests.real import free_port
from tests.setup.servers import KEY, SECRET_OF_A_CLIENT, api, api_settings, records, serve
from tests.sources.certificate import make_certificate


def checks_of(tried: Tried, subject: str) -> list[Check]:
    return [check for check in tried.checks if check.subject == subject]


def one(tried: Tried, subject: str) -> Check:
    (check,) = checks_of(tried, subject)
    return check


def plain(moment: datetime) -> str:
    """Without a zone."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def test_an_api_that_is_well_shows_fields_pages_order_and_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    """250 records by offset: 100 at once, 125 dead letters of them."""
    monkeypatch.setenv("SOME_KEY", KEY)
    with serve(api(records(250, region="eu")), key=KEY) as (url, _):
        tried = try_execution_logs(api_settings(url, api_key={"env": "SOME_KEY"}))

    assert tried.works
    assert one(tried, "access").said == "It answers, with the key of the variable SOME_KEY."
    assert one(tried, "clock").state == "works"
    assert one(tried, "records").said == ("250 records came. Records come as a bare array. Records come newest first.")
    assert one(tried, "fields").said == "12 fields; every column of the runbook is found."
    assert one(tried, "pages").said.startswith("Pages follow each other by offset. It gives 100 records at once")
    assert "100 came on the first page" in one(tried, "dead letters").said
    assert tried.seen["columns"]["recorded_at"] == "created_at"
    assert tried.seen["columns"]["record_id"] == "id"
    assert tried.seen["left"] == ["region"]
    assert tried.seen["statuses"] == ["failed", "success"]


def test_no_value_of_a_record_is_in_what_was_seen() -> None:
    """Errors and payloads hold personal data; names of fields do not."""
    with serve(api(records(30))) as (url, _):
        text = json.dumps(asdict(try_execution_logs(api_settings(url))))

    assert SECRET_OF_A_CLIENT not in text
    assert "payload_snapshot" in text


def test_a_status_that_holds_free_text_is_not_shown() -> None:
    """“result” may be a sentence about a client."""
    rows = records(30)
    for row in rows:
        row["result"] = f"sent to {SECRET_OF_A_CLIENT}"
        del row["status"]
    with serve(api(rows)) as (url, _):
        tried = try_execution_logs(api_settings(url))

    assert tried.seen["columns"]["status"] == "result"
    assert tried.seen["statuses"] == []


def test_where_nobody_listens_that_is_said_at_once() -> None:
    tried = try_execution_logs(api_settings(f"http://127.0.0.1:{free_port()}"))

    assert not tried.works
    assert "connection refused" in one(tried, "access").said
    assert one(tried, "access").next_step
    assert not tried.is_refused


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b"{}", "There is nothing at"),
        (200, b"<html><head><title>Sign in</title></head></html>", "a web page (“Sign in”) instead of JSON"),
        (200, b'{"hello": "world"}', "no list of records"),
        (500, b"{}", "is broken or overloaded (500)"),
    ],
)
def test_a_wrong_address_is_told_by_what_stands_there(status: int, body: bytes, said: str) -> None:
    """Another service, a login page, an API of something else, one that is broken."""
    with serve(lambda path, query: (status, body)) as (url, _):
        tried = try_execution_logs(api_settings(url))

    assert said in one(tried, "access").said
    assert one(tried, "access").state == "fails"
    assert one(tried, "access").next_step


def test_an_api_that_wants_a_key_says_so_and_gets_none_that_is_not_set() -> None:
    """401 without a key; with a reference to a variable that is gone nothing is sent."""
    with serve(api(records(3)), key=KEY) as (url, asked):
        without = try_execution_logs(api_settings(url))
        count = len(asked.paths)
        gone = try_execution_logs(api_settings(url, api_key={"env": "NOT_THERE"}))

    assert without.is_refused
    assert "(401)" in one(without, "access").said
    assert "NOT_THERE" in one(gone, "access").said
    assert "export NOT_THERE=" in one(gone, "access").next_step
    assert len(asked.paths) == count


def test_a_certificate_of_an_authority_that_is_not_known_fails_and_with_its_file_works(tmp_path: Path) -> None:
    authority, context = make_certificate(tmp_path)
    with serve(api(records(30)), tls=context) as (url, _):
        unknown = try_execution_logs(api_settings(url))
        known = try_execution_logs(api_settings(url, ca_file=str(authority)))

    assert "certificate" in one(unknown, "access").said
    assert "ca_file" in one(unknown, "access").next_step
    assert known.works


def test_an_empty_list_leaves_fields_and_pages_open() -> None:
    """Nothing is wrong with an API that has no records yet, and nothing else can be said of it."""
    with serve(api([])) as (url, _):
        tried = try_execution_logs(api_settings(url))

    assert tried.works
    assert one(tried, "records").state == "unknown"
    assert {check.subject for check in tried.checks} == {"access", "clock", "records"}


def test_a_server_whose_clock_is_ahead_is_told() -> None:
    """Its records are in time by its own clock, so their zone is not blamed."""
    ahead = timedelta(minutes=10, seconds=30)
    rows = records(60, lambda moment: (moment + ahead).isoformat())
    with serve(api(rows), ahead=ahead) as (url, _):
        tried = try_execution_logs(api_settings(url))

    assert one(tried, "clock").state == "fails"
    assert re.search(r"10 min (?:2[0-9]|3[01]) s ahead", one(tried, "clock").said)
    assert one(tried, "times").state == "works"


def test_times_that_state_utc_and_are_of_another_zone_fail() -> None:
    """Local time of UTC+3 with a Z behind it: no window would find these records."""
    rows = records(60, lambda moment: (moment + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    with serve(api(rows)) as (url, _):
        check = one(try_execution_logs(api_settings(url)), "times")

    assert check.state == "fails"
    assert "2 h 59 min ahead of the server's own clock" in check.said
    assert "UTC+3" in check.said
    assert check.next_step


def test_times_without_a_zone_are_of_the_only_one_that_fits() -> None:
    """A busy worker three hours ahead: Etc/GMT-3 is proposed, and with it the times work."""
    rows = records(60, lambda moment: plain(moment + timedelta(hours=3)))
    with serve(api(rows)) as (url, _):
        tried = try_execution_logs(api_settings(url))
        mended = try_execution_logs(api_settings(url, timezone="Etc/GMT-3"))
        wrong = try_execution_logs(api_settings(url, timezone="UTC"))
        west = try_execution_logs(api_settings(url, timezone="Etc/GMT-5"))

    assert tried.proposed == {"timezone": "Etc/GMT-3"}
    assert one(tried, "times").state == "fails"
    assert 'execution_logs.timezone = "Etc/GMT-3"' in one(tried, "times").next_step
    assert one(mended, "times").state == "works"
    assert one(wrong, "times").state == "fails"
    assert "2 h 59 min ahead of the server" in one(wrong, "times").said
    assert one(west, "times").state == "note"
    assert "UTC+3 fits" in one(west, "times").next_step


def test_times_without_a_zone_and_with_long_pauses_are_for_a_person_to_say() -> None:
    """One record alone fits many zones; none is proposed."""
    with serve(api(records(1, plain))) as (url, _):
        tried = try_execution_logs(api_settings(url))

    assert tried.proposed == {}
    assert "may be of" in one(tried, "times").said


def test_oldest_first_says_nothing_of_the_newest_record() -> None:
    """Such a first page is of long ago, however busy the worker is."""
    with serve(api(list(reversed(records(250))))) as (url, _):
        tried = try_execution_logs(api_settings(url))
    with serve(api(list(reversed(records(250, plain))))) as (url, _):
        bare = try_execution_logs(api_settings(url))

    assert "how old the newest is cannot be seen" in one(tried, "times").said
    assert "the server's clock does not tell which it is" in one(bare, "times").said
    assert bare.proposed == {}


def test_an_api_without_pagination_is_a_note_with_its_consequence() -> None:
    """A hundred records, whatever is asked: counts of a busy window will be at least."""
    with serve(api(records(250), paged=False)) as (url, _):
        check = one(try_execution_logs(api_settings(url)), "pages")

    assert check.state == "note"
    assert "≥" in check.said


def test_few_records_leave_the_pages_open() -> None:
    with serve(api(records(7), paged=False)) as (url, _):
        check = one(try_execution_logs(api_settings(url)), "pages")

    assert (check.state, "All 7 records came at once" in check.said) == ("unknown", True)


def test_pages_that_the_settings_name_and_the_api_does_not_have_fail() -> None:
    """The API was changed since: “by page” brings the first page again."""
    with serve(api(records(250), paged=False)) as (url, _):
        check = one(try_execution_logs(api_settings(url, pagination="page")), "pages")

    assert check.state == "fails"
    assert 'pagination = "auto"' in check.next_step


def test_a_second_page_that_breaks_is_told() -> None:
    whole = api(records(250))
    with serve(lambda path, query: (500, b"{}") if "offset" in query else whole(path, query)) as (url, _):
        tried = try_execution_logs(api_settings(url, pagination="offset"))

    assert one(tried, "pages").state == "fails"


@pytest.mark.parametrize(("column", "name"), [("recorded_at", "created_at"), ("queued_to_dlq", "queued_to_dlq")])
def test_a_column_under_a_name_that_nobody_knows_is_asked_for(column: str, name: str) -> None:
    """The next step names the fields that are left; with the setting it is found."""
    rows = [{("moved" if key == name else key): value for key, value in row.items()} for row in records(30)]
    answer: Any = (200, rows)
    with serve(lambda path, query: answer) as (url, _):
        tried = try_execution_logs(api_settings(url))
        mended = try_execution_logs(api_settings(url, fields={column: "moved"}))

    check = one(tried, "fields")
    assert check.state == "fails"
    assert f"execution_logs.fields = {{ {column} = " in check.next_step
    assert "moved" in check.next_step
    assert one(mended, "fields").state == "works"


def test_a_field_that_the_settings_name_and_no_record_has_any_more_fails() -> None:
    with serve(api(records(30))) as (url, _):
        check = one(try_execution_logs(api_settings(url, fields={"recorded_at": "made_at"})), "fields")

    assert check.state == "fails"
    assert "“made_at”" in check.said


def test_fields_of_the_runbook_that_are_not_there_are_a_note() -> None:
    rows = [{key: value for key, value in row.items() if key != "action_duration_ms"} for row in records(30)]
    with serve(api(rows)) as (url, _):
        tried = try_execution_logs(api_settings(url))

    assert tried.works
    assert one(tried, "fields").said == "There is no field for action_duration_ms; it will be “not known”."


def test_an_api_that_ignores_the_filter_of_dead_letters_is_a_note() -> None:
    with serve(lambda path, query: (200, records(60))) as (url, _):
        check = one(try_execution_logs(api_settings(url)), "dead letters")

    assert (check.state, "ignores queued_to_dlq=true" in check.said) == ("note", True)


def test_an_api_that_lists_nothing_without_a_filter_is_asked_for_dead_letters() -> None:
    whole = api(records(60))

    def strict(path: str, query: dict[str, str]) -> tuple[int, Any]:
        return whole(path, query) if "queued_to_dlq" in query else (400, {"error": "give a filter"})

    with serve(strict) as (url, _):
        tried = try_execution_logs(api_settings(url))

    assert tried.works
    assert "give a filter" in checks_of(tried, "records")[0].said
    assert tried.seen["records"] == 30


def test_elements_that_are_no_records_are_counted() -> None:
    with serve(lambda path, query: (200, [*records(20), 7, "x"])) as (url, _):
        check = one(try_execution_logs(api_settings(url)), "records")

    assert check.state == "note"
    assert "2 elements can be read as no record" in check.said


def test_an_address_with_a_password_is_shown_without_it() -> None:
    settings = Settings.model_validate({"execution_logs": {"url": "https://user:s3cret@127.0.0.1:1/logs?token=s3cret"}})

    tried = try_execution_logs(settings)

    assert "s3cret" not in json.dumps(asdict(tried))
    assert one(tried, "access").state == "fails"


def test_a_page_with_broken_text_still_has_its_fields() -> None:
    """A byte that is no UTF-8 in one record costs nothing else."""
    body = json.dumps(records(20)).encode().replace(b"no account", b"no \xff account", 1)
    with serve(lambda path, query: (200, body)) as (url, _):
        tried = try_execution_logs(api_settings(url))

    assert one(tried, "fields").state == "works"


def test_names_of_fields_that_go_on_for_ever_fill_no_screen() -> None:
    """A field's name is foreign text as any other: ten thousand letters, and two hundred of them."""
    rows = [{**row, **{f"{n}{'x' * 10_000}": 1 for n in range(200)}} for row in records(2)]
    for row in rows:
        del row["trace_id"]
    with serve(api(rows)) as (url, _):
        tried = try_execution_logs(api_settings(url))

    assert one(tried, "fields").state == "fails"
    assert len(one(tried, "fields").next_step) < 700
    assert len(tried_text(tried).splitlines()) < 40
