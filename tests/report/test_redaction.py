"""What names somebody is replaced; what an analyst needs to find the failure stays."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from dlqkit.report.redaction import PERSONAL_FIELDS, Redactor, find_personal
from tests.report.example import make_facts

KEY = bytes(range(32))
# Put together here, so that no scanner takes them for somebody's.
JWT = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0" + ".dozjgNryP4J3jVmNHl0w"
PERSONAL = {
    "email": [
        "no user olga@example.com", "<Olga.Petrova+x@mail.example.org>", "mailto:a_b-c@sub.example.co.uk?x",
        "user=ivan%40x a@b.example,", "olga@пример.example", '{"to":"x.y@example.museum"}',
    ],
    "phone": [
        "call +7 912 345-67-89", "+1 (650) 253-0000", "tel:+442079460958", "+49 30 901820", "+33 1 42 68 53 00",
        "+380 44 235 0014", "+48 22 694 55 00", "+81 3-3211-2323", "+91 11 2301 5555", "+55 61 3411-1200",
        "GET /users?tel=%2B442079460958&page=2",
    ],
    "card": ["card 4111 1111 1111 1111", "5555555555554444 declined", "3782-822463-10005", "2200000000000004x"[:-1],
             "4111\u00a01111\u00a01111\u00a01111"],
    "iban": ["to DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432 REFUSED", "FR1420041010050500013M02606",
             "id42 to de89370400440532013000 is refused", "DE89-3704-0044-0532-0130-00",
             "DE89\u00a03704\u202f0044\u00a00532\u00a00130\u00a000"],
    "ip": ["from 8.8.8.8", "peer 93.184.216.34:443", "2606:2800:220:1:248:1893:25c8:1946 refused",
           "no such version:\n8.8.4.4 refused"],
    "token": [
        f"bad token {JWT}", "AKIA" + "IOSFODNN7EXAMPLE", "ghp_" + "a1B2" * 9, "xox" + "b-123456789012-abcdefABCDEF",
        "AIza" + "SyA1234567890abcdefghijklmnopqrstuv", "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc", f"Bearer-{JWT}",
        "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEpAIBAAKCAQEAx0123456789abcdefghij (cut)",
    ],
    "first_name": ['{"first_name": "Ольга"}', "first_name=Olga", "payload.first_name: 'Anna Maria'",
                   json.dumps('{"first_name": "Olga"}'), "?first_name=Olga&page=2", "first_name%3DOlga",
                   '{:first_name => "Wilhelmina"}', "[first_name] => Wilhelmina", "{'first_name': u'Wilhelmina'}",
                   "Key (first_name)=(Wilhelmina) exists", '"first_name":"Wil\\"helmina Oldenburg"',
                   '{"first_name": ["Wilhelmina"]}', "<first_name>Wilhelmina</first_name>", "first-name=Wilhelmina"],
}  # fmt: skip
TECHNICAL = """
timeout after 30000 ms (attempt 3 of 5)
connection refused by 10.0.0.7:5432
no route to host db-7.internal (192.168.17.4)
dial tcp 172.16.0.12:6379: i/o timeout
listen on 0.0.0.0:8080 failed
host 127.0.0.1 is not reachable
fe80::1 is unreachable, ::1 answers
trace b9d2b013-4cb1-44f9-ad5e-a2f1c505644c not found
order 4111-22 is not known
order 1234567890123456 is closed
invoice 2026-000123456789 was rejected
sha256 9be57e7708b4ede8068a28757279610cf782e006d8d603d8e938cc443d32aa11
commit 116a245 in main
2026-11-25T19:00:21.102937+00:00 worker-1 restarted
2026-03-02 14:02:05 UTC the dead-letter rate jumps
at 1772452800 the job began
at 1772452800123 ms the job began
version 1.9.0 of orders-sync
version 1.2.3.4 is deployed
v8.8.4.4 rolled back
release 10.20.30.40 is out
HTTP 503 Service Unavailable
SQLSTATE 08006: server closed the connection unexpectedly
ORA-00060: deadlock detected while waiting for resource
errno 111 ECONNREFUSED
pod orders-7d9f6c5b8-x2x4z OOMKilled (exit 137)
java.lang.NullPointerException at com.shop.Orders.save(Orders.java:214)
File "/srv/app/orders.py", line 1203, in save
File "worker.py", line 88, in _run
goroutine 17 [running]: main.(*Worker).Run(0xc000010030)
segfault at 0x00007f3ee43baa90
projects/my-project/topics/orders
projects/my-project/subscriptions/orders-dead-letters
amqps://broker.internal:5671/orders
https://api.shop.internal/v2/orders/123456?page=2
queue orders.retry.v2 has 12,345 messages
offset 9223372036854775807 is out of range
batch 00000000-0000-0000-0000-000000000000
partition 12, offset 4111111111, lag 17
price 1.10 EUR is below 2.00 EUR
quantity 1,000,000 exceeds 999,999
+5 retries, +10 % latency
1 + 1 = 2
ratio 0.87 (0.81 to 0.93)
pool orders_rw: 50/50 connections in use
unknown field payload.customer.id
missing required property 'email'
email is not valid
the field phone must not be empty
address family not supported by protocol
invalid card: expired
name or service not known
column "address" does not exist
user=<value> is not known
key dlqkit-dedupe-id is missing
@timestamp is no date
decorator @retry failed
git@
id=7 status=failed attempts=5
MAX_ATTEMPTS=5 reached
lat=55.7558 lon=37.6173
build 20261125.1900 of branch release/2.4
x-request-id: 7f11aa25ea00
0 of 12 replicas are ready
12/11/2026 19:00 job started
""".strip().splitlines()


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in PERSONAL.items() for text in texts])
def test_what_names_somebody_is_found(kind: str, text: str) -> None:
    assert [found.kind for found in find_personal(text)] == [kind], text


@pytest.mark.parametrize("text", TECHNICAL)
def test_what_names_nobody_stays(text: str) -> None:
    """Ids, times, versions, ports, hosts, private addresses, hashes, stack frames, numbers of orders."""
    assert Redactor(KEY).text(text) == text


def test_the_corpus_is_as_large_as_is_said() -> None:
    assert len(TECHNICAL) >= 60
    assert len(PERSONAL["email"]) >= 6
    assert len(PERSONAL["phone"]) >= 10


def test_equal_values_have_equal_pseudonyms_however_they_are_written() -> None:
    """And other ones in another incident."""
    redactor = Redactor(KEY)

    assert redactor.text("+7 912 345-67-89") == redactor.text("+79123456789")
    assert redactor.text("A@B.example and a@b.example").split(" and ")[0] == redactor.text("a@b.example")
    assert redactor.text("4111 1111 1111 1111") == redactor.text("4111-1111-1111-1111")
    assert redactor.text("DE89 3704 0044 0532 0130 00") == redactor.text("DE89370400440532013000")
    assert redactor.text("de89-3704-0044-0532-0130-00") == redactor.text("DE89370400440532013000")
    assert Redactor(bytes(32)).text("a@b.example") != redactor.text("a@b.example")
    assert redactor.text("a@b.example").startswith("email-")


def test_a_pseudonym_of_a_pseudonym_is_the_same() -> None:
    """A report that was redacted and is redacted again says the same."""
    redactor = Redactor(KEY)
    once = redactor.text("from 8.8.8.8 by a@b.example, +1 650-253-0000, first_name=Olga")

    assert redactor.text(once).replace("first_name-", "") != ""
    assert "8.8.8.8" not in once and "@" not in once and "Olga" not in once


def condition(name: str, value: str, shared: int) -> Any:
    facts = make_facts()
    facts["differences"] = [{"of": "all", "answer": "found", "reason": "", "rows": [
        {"conditions": [[name, value]], "failing_with": shared}]}]  # fmt: skip
    return Redactor(KEY).facts(facts)["differences"][0]["rows"][0]["conditions"][0][1]


def test_what_differs_shows_a_value_that_five_events_share_and_that_names_nobody() -> None:
    assert condition("payload.region", "eu-west", 5) == "eu-west"
    assert condition("payload.region", "eu-west", 4).startswith("value-")
    assert condition("payload.contact", "a@b.example", 50).startswith("email-")
    assert condition("payload.customer.phone", "n/a", 50).startswith("phone-")
    assert condition("payload.customer.phoneNumber", "n/a", 50).startswith("phone_number-")
    assert condition("version", "> 3", 1) == "> 3"


def test_of_the_facts_ids_times_and_numbers_stay_as_they_are() -> None:
    facts = make_facts()
    facts["signatures"][0]["signature"] = "no user olga@example.com"
    facts["state"]["reason"] = "from 8.8.8.8"
    redacted = Redactor(KEY).facts(facts)

    assert redacted["signatures"][0]["signature"].startswith("no user email-")
    assert redacted["state"]["reason"].startswith("from ip-")
    assert {name: redacted[name] for name in ("events", "onset", "end", "snapshot", "workflow")} == {
        name: facts[name] for name in ("events", "onset", "end", "snapshot", "workflow")
    }
    assert Redactor(KEY).facts(facts) == redacted
    assert Redactor(KEY).facts(redacted) == redacted


def test_a_megabyte_of_text_takes_no_longer_than_its_length() -> None:
    """No form that is looked for makes a search go back and forth."""
    texts = [
        "a" * 1_000_000,
        "1 " * 500_000,
        "@" * 500_000,
        "+1" * 500_000,
        "a." * 500_000,
        ":" * 500_000,
        "GB82" * 200_000,
    ]

    began = time.process_time()
    for text in texts:
        find_personal(text)
    assert time.process_time() - began < 30


def test_each_of_two_accounts_in_a_sentence_is_found() -> None:
    text = "from DE89 3704 0044 0532 0130 00 to GB82 WEST 1234 5698 7654 32 it was refused"

    assert [text[one.start : one.end] for one in find_personal(text)] == [
        "DE89 3704 0044 0532 0130 00", "GB82 WEST 1234 5698 7654 32",
    ]  # fmt: skip


def test_every_listed_field_is_found_in_lower_case() -> None:
    assert all(name == name.casefold() for name in PERSONAL_FIELDS)
    assert all(find_personal(f"{name.upper()}=xyz") for name in PERSONAL_FIELDS)
