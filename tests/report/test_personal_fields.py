"""The value of a personal field is found in whichever way a language, a format or a database writes it."""

from __future__ import annotations

import json
import time

import pytest

from dlqkit.report.personal_fields import PERSONAL_FIELDS, personal_field
from dlqkit.report.redaction import Redactor, find_personal

KEY = bytes(range(32))
# What is written, and what of it is the value.
WRITTEN = [
    ('{:first_name => "Wilhelmina"}', "Wilhelmina"),
    ('{:first_name=>"Wilhelmina"}', "Wilhelmina"),
    ("[first_name] => Wilhelmina", "Wilhelmina"),
    ("Array ( [first_name] => Anna Maria [age] => 7 )", "Anna Maria"),
    ("Array\n(\n    [first_name] => Anna Maria\n)\n", "Anna Maria"),
    ("$user['first_name'] = 'Wilhelmina';", "Wilhelmina"),
    ("customer[first_name]=Wilhelmina&page=2", "Wilhelmina"),
    ("customer%5Bfirst_name%5D=Wilhelmina&page=2", "Wilhelmina"),
    ("first_name%3DWilhelmina%26page%3D2", "Wilhelmina"),
    ("{'first_name': u'Wilhelmina'}", "Wilhelmina"),
    ("{'first_name': b'Wilhelmina'}", "Wilhelmina"),
    ("first_name=N'Wilhelmina'", "Wilhelmina"),
    ('{"first_name": ["Wilhelmina"]}', "Wilhelmina"),
    ("first_name=[Wilhelmina]", "Wilhelmina"),
    ('first_name=Some("Wilhelmina")', "Wilhelmina"),
    ('first_name: Some("Wilhelmina")', "Wilhelmina"),
    ("first_name=Optional[Wilhelmina]", "Wilhelmina"),
    ("first_name={String:Wilhelmina Valid:true}", "String:Wilhelmina Valid:true"),
    ('first_name=sql.NullString{"Wilhelmina", true}', '"Wilhelmina", true'),
    ("first_name={'a': 'Wilhelmina'}", "'a': 'Wilhelmina'"),
    ('{"address": {"street": "Main St 1"}}', '"street": "Main St 1"'),
    ("<first_name>Wilhelmina</first_name>", "Wilhelmina"),
    ('<c:firstName xml:lang="de"><![CDATA[Wilhelmina]]></c:firstName>', "Wilhelmina"),
    ("Key (first_name)=(Wilhelmina) already exists.", "Wilhelmina"),
    ("Key (lower(first_name::text))=(Wilhelmina) already exists.", "Wilhelmina"),
    ("Key (tenant, first_name)=(7, Wilhelmina (II)) is not present", "7, Wilhelmina (II)"),
    ("Ключ (tenant, first_name)=(7, Wilhelmina) уже существует", "7, Wilhelmina"),
    ("Duplicate entry 'O'Brien' for key 'users.uq_last_name'", "O'Brien"),
    ("where (first_name)::text = 'Wilhelmina'::text", "Wilhelmina"),
    ("first-name=Wilhelmina", "Wilhelmina"),
    ("--first-name=Wilhelmina --dry-run", "Wilhelmina"),
    ("firstName: 'Wilhelmina'", "Wilhelmina"),
    ('phoneNumber="0170 1234567"', "0170 1234567"),
    ("customerEmail=wilhelmina", "wilhelmina"),
    ("CUSTOMER_EMAIL=wilhelmina", "wilhelmina"),
    ('{"inn": 7707083893}', "7707083893"),
    ("first_name == 'Wilhelmina'", "Wilhelmina"),
    ("first_name:=Wilhelmina", "Wilhelmina"),
    ("Map(first_name -> Wilhelmina)", "Wilhelmina"),
    ('first_name :\n    "Wilhelmina"', "Wilhelmina"),
    ("{\\u0022first_name\\u0022:\\u0022Wilhelmina\\u0022}", "Wilhelmina"),
    ("&quot;first_name&quot;:&quot;Wilhelmina&quot;", "Wilhelmina"),
    ("read:\\nfirst_name=Wilhelmina", "Wilhelmina"),
    ("last_name='O'Brien', age=7", "O'Brien"),
    ("last_name='O''Brien', age=7", "O''Brien"),
    ('{"first_name": "Wilhel', "Wilhel"),
    ('first_name="' + "Wilhelmina " * 40 + '"', "Wilhelmina " * 40),
]


@pytest.mark.parametrize(("text", "value"), WRITTEN)
def test_of_a_personal_field_the_value_is_replaced_and_nothing_else(text: str, value: str) -> None:
    assert [text[one.start : one.end] for one in find_personal(f"rejected {text}")] != []
    assert [text[one.start : one.end] for one in find_personal(text)] == [value]


@pytest.mark.parametrize("depth", range(4))
def test_a_quote_within_a_value_does_not_end_it_however_deep_its_json_lies(depth: int) -> None:
    """And the value has one pseudonym in each depth."""
    text = json.dumps({"first_name": 'Wil"helmina Oldenburg', "path": "C:\\", "n": "kept"})
    for _ in range(depth):
        text = json.dumps(text)
    (found,) = find_personal(text)

    assert (found.kind, found.normal) == ("first_name", 'wil"helmina oldenburg')
    assert "ldenburg" not in Redactor(KEY).text(text) and "kept" in Redactor(KEY).text(text)


def test_a_value_that_ends_in_a_backslash_ends_at_its_quote() -> None:
    text = json.dumps({"address": "C:\\", "n": "kept"})

    assert [text[one.start : one.end] for one in find_personal(text)] == ["C:\\\\"]
    assert [json.dumps(text)[one.start : one.end] for one in find_personal(json.dumps(text))] == ["C:\\\\\\\\"]


def test_each_string_of_a_list_has_its_own_pseudonym() -> None:
    redactor = Redactor(KEY)
    olga, anna = (redactor.pseudonym("first_name", name) for name in ("olga", "anna"))

    assert redactor.text('"first_name": ["Olga", "Anna"]') == f'"first_name": ["{olga}", "{anna}"]'
    assert redactor.text("first_name=Olga") == f"first_name={olga}"


def test_beside_an_address_of_a_value_the_name_is_replaced_too() -> None:
    redactor = Redactor(KEY)
    address = redactor.text("olga@example.com")
    name = redactor.pseudonym("customer_name", "olga petrova")

    assert redactor.text('customer_name="Olga Petrova <olga@example.com>"') == f'customer_name="{name} <{address}>"'
    assert redactor.text("Key (email, last_name)=(olga@example.com, Petrova) exists") == (
        f"Key (email, last_name)=({address}, {redactor.pseudonym('email', 'petrova')}) exists"
    )
    assert redactor.text("phone='tel:+442079460958'") == f"phone='tel:{redactor.text('+442079460958')}'"


@pytest.mark.parametrize(
    "text",
    [
        '{"email": ["This field is required."]}',
        '{"phone": ["Enter a valid phone number."], "n": 7}',
        "{'address': {'code': 'invalid', 'n': 2}}",
        '{"email": null, "phone": []}',
        "first_name=None email=null phone=nil",
        "user->email->check() failed",
        "missing property 'email': see the schema",
        "invalid phone: (see the log)",
        "error in 'email': 404",
        "email lookup: find('users') failed",
        "no user <email> in </table>",
        "bind_address=0.0.0.0:8080 wild_card=x memory_address=0x7f31",
        "japan=x discard=y company=z winner=1",
        "Key (tenant, order_id)=(7, 12) already exists.",
        "Duplicate entry '7-12' for key 'orders.PRIMARY'",
        "f(email)",
        'KeyError: \'email\'") == "business"',
        "Key (email)=(#) already exists, phone=***, email='<email>'",
        "<order><n>7</n></order>",
    ],
)
def test_what_is_said_about_a_personal_field_stays(text: str) -> None:
    assert Redactor(KEY).text(text) == text


def test_a_name_stands_for_a_field_in_snake_case_camel_case_and_with_hyphens() -> None:
    fields = PERSONAL_FIELDS | {"client_ref"}

    assert {personal_field(name, fields) for name in ("client_ref", "clientRef", "CLIENT-REF", "a.b.ClientRef")} == {
        "client_ref"
    }
    assert [personal_field(name, fields) for name in ("userEmail", "homePhoneNumber", "HTTPUserEmail")] == [
        "email", "phone_number", "email",
    ]  # fmt: skip
    assert [personal_field(name, fields) for name in ("my_client_ref", "ipAddress", "emails", "")] == [None] * 4


def test_hostile_texts_with_names_of_fields_take_no_longer_than_their_length() -> None:
    texts = [
        "email=\\\\\\" * 25_000,
        'email="\\"\\"' * 20_000,
        'email:"' * 35_000,
        "email" + "\\" * 125_000,
        "email" + " " * 125_000,
        "[email] => " + " " * 125_000,
        "[email] => " * 23_000,
        "email=[" * 35_000,
        "email=['x'," * 23_000,
        "email=" + "[" * 125_000,
        "<email>" * 35_000,
        "<email></x" * 25_000,
        "(email)=(" * 28_000,
        ")=(" * 83_000,
        "a)=(" * 63_000,
        "Duplicate entry '" * 15_000,
        "a-" * 125_000,
        "a=" * 125_000,
        "email='" + "'" * 125_000,
    ]

    began = time.process_time()
    for text in texts:
        find_personal(text)
    assert time.process_time() - began < 60
