"""A known secret is found in whatever form a service echoes it."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import re
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlqkit.sources.masking import Masks

# Of letters alone, and of signs that JSON, HTML, URLs and Base64 write in another way.
SECRETS = ("k3yOfTheTests", "a+b/c=d&e<f>\"g\\h'i j%k")
FORMS = {
    "as it is": lambda secret: secret,
    "JSON": lambda secret: json.dumps({"error": f"refused {secret}"}),
    "JSON within JSON": lambda secret: json.dumps({"error": json.dumps({"header": secret})}),
    "JSON of PHP": lambda secret: json.dumps(secret).replace("/", "\\/"),
    "JSON of Go": lambda secret: re.sub("[<>&]", lambda one: f"\\u{ord(one[0]):04x}", json.dumps(secret)),
    "every character as a number": lambda secret: "".join(f"\\u{ord(sign):04x}" for sign in secret),
    "the same in capitals": lambda secret: "".join(f"\\u{ord(sign):04X}" for sign in secret),
    "HTML": html.escape,
    "HTML without quotes": lambda secret: html.escape(secret, quote=False),
    "HTML of Python 2 and Go": lambda secret: html.escape(secret).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
    "a URL": lambda secret: "/logs?key=" + urllib.parse.quote(secret, safe=""),
    "a path": urllib.parse.quote,
    "a form": urllib.parse.quote_plus,
    "a URL in small letters": lambda secret: "".join(
        part.lower() if part[0] == "%" else part for part in _pieces(urllib.parse.quote(secret, safe=""))
    ),
    "every byte of a URL": lambda secret: "".join(f"%{byte:02X}" for byte in secret.encode()),
    "a URL within a URL": lambda secret: urllib.parse.quote(urllib.parse.quote(secret, safe=""), safe=""),
    "a form within a URL": lambda secret: urllib.parse.quote(urllib.parse.quote_plus(secret), safe=""),
    "a URL in small letters within a URL": lambda secret: urllib.parse.quote(
        FORMS["a URL in small letters"](secret), safe=""
    ),
    "every byte of a URL within two": lambda secret: "".join(f"%2525{byte:02x}" for byte in secret.encode()),
    "HTML within HTML": lambda secret: html.escape(html.escape(secret)),
    "every character as a number of HTML within HTML": lambda secret: "".join(f"&amp;#{ord(one)};" for one in secret),
    "Base64 in a URL": lambda secret: urllib.parse.quote(base64.b64encode(f"o:{secret}?".encode()).decode(), safe=""),
    "CSV": lambda secret: secret.replace('"', '""'),
    "JSON in CSV": lambda secret: json.dumps({"error": secret}).replace('"', '""'),
    "JSON within JSON in CSV": lambda secret: json.dumps(json.dumps({"error": secret})).replace('"', '""'),
    "JSON of Go in CSV": lambda secret: FORMS["JSON of Go"](secret).replace('"', '""'),
    "CSV in JSON": lambda secret: json.dumps(secret.replace('"', '""')),
    "hexadecimal": lambda secret: secret.encode().hex(),
    "hexadecimal in capitals": lambda secret: secret.encode().hex().upper(),
    "Base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "Base64 of URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "a header of user and password": lambda secret: "Basic " + base64.b64encode(f"olga:{secret}".encode()).decode(),
}  # fmt: skip


def _pieces(encoded: str) -> list[str]:
    out, at = [], 0
    while at < len(encoded):
        size = 3 if encoded[at] == "%" else 1
        out.append(encoded[at : at + size])
        at += size
    return out


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_masked_in_every_form_that_it_is_echoed_in(secret: str, form: str) -> None:
    """What stands around it stays, so that the page can still be read."""
    echoed = FORMS[form](secret)

    masked, places = Masks({secret}).apply(f"before {echoed} after".encode())

    assert places >= 1
    assert b"***" in masked
    assert masked.startswith(b"before ") and masked.endswith(b" after")
    # Nothing of it is left that could be put together again.
    text = masked.decode()
    for piece in (secret, secret[:8], secret[-8:]):
        for way in FORMS.values():
            assert way(piece) not in text, way(piece)


@settings(max_examples=200, deadline=None)
@given(
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40),
    before=st.text("ж語é", max_size=9),
    after=st.text("ж語é", max_size=9),
)
def test_a_secret_within_a_longer_text_in_base64_cannot_be_read(secret: str, before: str, after: str) -> None:
    """Wherever in the encoded text it begins, and whatever follows; what was beside it stays readable."""
    text = f"{before}{secret}{after}".encode()

    masked, places = Masks({secret}).apply(base64.b64encode(text))

    assert places >= 1
    # Each character holds six bits: those that are left hold less than six of the secret on either side.
    head, tail = masked.split(b"********")[0], masked.split(b"********")[-1].rstrip(b"=")
    assert len(head) * 6 - len(before.encode()) * 8 < 6
    assert len(tail) * 6 - (-len(text) * 8) % 6 - len(after.encode()) * 8 < 6


def test_a_page_without_a_secret_stays_byte_for_byte() -> None:
    body = json.dumps({"error": "key refused", "digits": "0123456789abcdef"}).encode()

    assert Masks({"k3yOfTheTests"}).apply(body) == (body, 0)


def test_a_number_stays_a_number() -> None:
    """A secret of digits alone, in a field that is no text: the page must still be JSON."""
    masked, places = Masks({"47114711"}).apply(b'{"pin": 47114711, "text": "47114711"}')

    assert json.loads(masked) == {"pin": 11111111, "text": "11111111"}
    assert places == 2


def test_the_longest_goes_first_and_a_short_one_is_left() -> None:
    """One secret is a part of another; one of three letters would be found in every page."""
    masks = Masks({"abcd-efgh", "abcd", "abc", ""})

    assert masks.apply(b"abcd-efgh abcd abc") == (b"******** ******** abc", 2)
    assert masks.text("https://host/abcd/ж") == "https://host/********/ж"


@pytest.mark.parametrize(
    "written",
    [
        "k\\u0033yOfTheTests", "k\\\\u0033yOfTheTests", "k3yOf%54heTests", "k3yOf&#84;heTests", "k3yOf&#x54;heTests",
        "k3yOfT\\nheTests", "k3yOfT\r\n    heTests",
    ],
)  # fmt: skip
def test_a_secret_of_which_some_characters_are_escaped_or_that_is_broken_over_lines_is_found(written: str) -> None:
    masked, count = Masks({"k3yOfTheTests"}).apply(f'{{"error": "refused {written}."}}'.encode())

    assert (masked, count) == (b'{"error": "refused ********."}', 1)


def test_wrapped_base64_is_found() -> None:
    """As mail and PEM wrap it."""
    code = base64.b64encode(b"k3yOfTheTests").decode()

    assert Masks({"k3yOfTheTests"}).apply(f"{code[:8]}\n{code[8:]}".encode()) == (b"********", 1)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\\n", "\\r\\n", "\\\\n"])
@pytest.mark.parametrize("before", [50, 51, 52])
def test_base64_of_a_longer_text_is_found_where_mail_wraps_it(before: int, end: str) -> None:
    """Wherever in the encoded text it begins: the 76th letter is in the middle of it."""
    code = base64.b64encode(b"x" * before + b"k3yOfTheTests" + b"y" * 60).decode()
    wrapped = end.join(code[at : at + 76] for at in range(0, len(code), 76))

    masked, count = Masks({"k3yOfTheTests"}).apply(wrapped.encode())

    # Six bits a letter: no whole byte of it is left on either side, and what follows stays wrapped.
    head, tail = masked.decode().split("********")
    assert count == 1
    assert before * 8 <= len(head) * 6 < before * 8 + 6
    assert 60 * 8 <= len(tail.replace(end, "").rstrip("=")) * 6 < 60 * 8 + 6 + 6
    assert code.endswith(tail.replace(end, ""))


@pytest.mark.parametrize("end", ["\n", "\n    ", "\r\n", "\\\n"])
@pytest.mark.parametrize("wrap", ["text", "JSON", "JSON within JSON", "CSV", "JSON in CSV"])
def test_a_secret_with_a_quote_is_found_over_lines_in_every_text(wrap: str, end: str) -> None:
    text = f'refused pass"wo{end}rd-9981/xyz&1.'
    wraps = {
        "text": text, "JSON": json.dumps(text), "JSON within JSON": json.dumps(json.dumps(text)),
        "CSV": text.replace('"', '""'), "JSON in CSV": json.dumps(text).replace('"', '""'),
    }  # fmt: skip
    clean = {
        "text": "refused ********.", "JSON": '"refused ********."', "JSON within JSON": '"\\"refused ********.\\""',
        "CSV": "refused ********.", "JSON in CSV": '""refused ********.""',
    }  # fmt: skip

    assert Masks({'pass"word-9981/xyz&1'}).apply(wraps[wrap].encode()) == (clean[wrap].encode(), 1)


@pytest.mark.parametrize("secret", ['pass"word-9981', 'password-9981"', '"password-9981'])
@pytest.mark.parametrize("after", ["", " was refused"])
def test_a_file_of_which_a_cell_is_masked_has_the_same_cells(secret: str, after: str) -> None:
    """The quotes that open and close a cell, and a text of JSON within it, are not the secret's."""
    out = io.StringIO()
    csv.writer(out).writerow(["r1", secret + after, json.dumps({"error": secret + after}), "dead"])

    masked, count = Masks({secret}).apply(out.getvalue().encode())

    cells = next(csv.reader(io.StringIO(masked.decode()), strict=True))
    assert (cells[0], cells[1], cells[3], count) == ("r1", f"********{after}", "dead", 2)
    assert json.loads(cells[2]) == {"error": f"********{after}"}
    page = json.dumps([{"error": secret + after, "id": 1}]).encode()
    assert json.loads(Masks({secret}).apply(page)[0]) == [{"error": f"********{after}", "id": 1}]


def test_the_end_of_a_line_after_a_secret_that_is_broken_over_lines_stays() -> None:
    """Else the next row of CSV, or of a log, would become a part of it."""
    assert Masks({"k3yOfTheTests"}).apply(b"1,k3yOf\\nTheTests\n2,x\n") == (b"1,********\n2,x\n", 1)


def test_a_secret_that_looks_escaped_is_found_where_it_is_escaped_again() -> None:
    assert Masks({"k3y=%41OfTheTests"}).apply(b"?%256B3y%3D%2541OfTheTests&") == (b"?********&", 1)
    assert Masks({"http-bearer-9"}).apply(b'"http-bea\\\\\\nrer-9"') == (b'"********"', 1)


def test_a_short_secret_does_not_join_two_lines() -> None:
    """Numbers at the end of a line and the beginning of the next are no secret of four digits."""
    page = b"worker_dlq_total 12\n34_total 7\n"

    assert Masks({"1234"}).apply(page) == (page, 0)


@pytest.mark.parametrize("sign", ["\\", "\\n", "a", "n"])
def test_a_text_of_a_million_backslashes_is_masked_as_soon_as_one_of_letters(sign: str) -> None:
    """Beside the secret with one letter as a number, which each backslash might begin; they stay to the last one."""
    echoed = f'[{{"id":"{sign * 1_000_000}x","x":"\\u006b3yOfTheTests"}}]'

    masked, count = Masks({"k3yOfTheTests"}).apply(echoed.encode())

    assert (masked, count) == (echoed.replace("\\u006b3yOfTheTests", "********").encode(), 1)


@pytest.mark.parametrize("signs", [1, 2, 7, 8, 9, 10, 100])
def test_backslashes_before_a_letter_of_the_secret_go_with_it(signs: int) -> None:
    """However often JSON was put into JSON; those after it stay."""
    row = b"\\" * signs
    echoed = row + b"u006b3y" + row + b"OfTheTests" + row + b"x"

    assert Masks({"k3yOfTheTests"}).apply(echoed) == (b"********" + row + b"x", 1)
    assert Masks({"k3y\\OfTheTests"}).apply(echoed) == (b"********" + row + b"x", 1)


@pytest.mark.parametrize("sign", ["\\", '"', '\\"', "%25", "25", "&amp;", "amp;", "\\\n"])
def test_a_text_of_signs_that_codes_repeat_is_masked_in_time(sign: str) -> None:
    """Beside a secret that begins with a quote or a backslash, in a way that only the patterns find."""
    for secret, echoed in (
        ('"k3yOfTheTests', '\\"k3yOf\\nTheTests'), ("\\k3yOfTheTests", "\\\\k3yOf\\nTheTests"),
        ("k3yOfTheTests", "k3yOf%2554heTests"), ("k3yOfTheTests", "k3yOf&amp;#84;heTests"),
    ):  # fmt: skip
        rows = sign * 100_000

        assert Masks({secret}).apply(f"{rows}x{echoed}.".encode()) == (f"{rows}x********.".encode(), 1)


@pytest.mark.parametrize("sign", ["\\n", "\\r\\n", "\\\\n", "\n", "\\"])
def test_a_text_of_a_million_breaks_is_masked_in_time(sign: str) -> None:
    """Beside a secret that is broken over lines, and begins with the letter of a break."""
    echoed = f"{sign * 1_000_000}xn3yOf\n"

    assert Masks({"n3yOfTheTests"}).apply(f"{echoed}TheTests".encode()) == (f"{sign * 1_000_000}x********".encode(), 1)
