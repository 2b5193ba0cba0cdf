"""What people read is whole in every language that there is."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import dlqkit
from dlqkit import language
from dlqkit.errors import ParameterError

ROOT = Path(dlqkit.__file__).parent
# What `make messages` looks for too.
KEYWORDS = {"say": None, "say_count": (1, 2), "mark": None}
PO = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);\\n"

msgid "yyyy-MM-dd HH:mm:ss 'UTC'"
msgstr "dd.MM.yyyy HH:mm:ss 'UTC'"

msgid "{share:.1%} of {name} took {size:.1f} s on port {port:d}"
msgstr "{share:.1%} событий {name} заняли {size:.1f} с на порту {port:d}"

msgid "{count} event is open"
msgid_plural "{count} events are open"
msgstr[0] "{count} событие открыто"
msgstr[1] "{count} события открыты"
msgstr[2] "{count} событий открыто"

msgid "The source ended at {at}."
msgstr "Источник закончился {at}."

msgid "yyyy-MM-dd"
msgstr "dd.MM.yyyy"

msgid "{parts} and {last}"
msgstr "{parts} и {last}"

msgid "Page {number:d} could not be had: {problem}"
msgstr "Не удалось получить страницу {number:d}: {problem}"

msgid "It was {ratio:.2g} times as long."
msgstr "Это дольше в {ratio:.2g} раза."

msgid "Nothing is known."
msgstr "Ничего не известно."
"""


@pytest.fixture
def _russian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    folder = tmp_path / "ru" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "dlqkit.po").write_text(PO, encoding="utf-8")
    monkeypatch.setattr(language, "_FOLDER", tmp_path)
    caches = (language._catalog, language._read, language._templates)
    for one in caches:
        one.cache_clear()
    yield
    for one in caches:
        one.cache_clear()


def test_numbers_and_shares_are_written_as_the_language_does(_russian: None) -> None:
    """The digits are the same in both; the marks between them are the language's."""
    values: dict[str, Any] = {"share": 0.1234, "name": "a{b}", "size": 1234.56, "port": 8080}
    text = "{share:.1%} of {name} took {size:.1f} s on port {port:d}"

    assert language.say(text, **values) == "12.3% of a{b} took 1,234.6 s on port 8080"
    with language.use("ru"):
        assert language.say(text, **values) == "12,3\xa0% событий a{b} заняли 1\xa0234,6 с на порту 8080"
    assert language.current() == "en"


@pytest.mark.parametrize(
    ("count", "english", "russian"),
    [
        (1, "1 event is open", "1 событие открыто"),
        (3, "3 events are open", "3 события открыты"),
        (11, "11 events are open", "11 событий открыто"),
        (2021, "2,021 events are open", "2\xa0021 событие открыто"),
    ],
)
def test_a_count_has_the_form_that_it_wants(_russian: None, count: int, english: str, russian: str) -> None:
    one, many = "{count} event is open", "{count} events are open"

    assert language.say_count(one, many, count) == english
    with language.use("ru"):
        assert language.say_count(one, many, count) == russian
        assert language.retell(english) == russian


def test_a_moment_is_utc_wherever_the_reader_is(_russian: None) -> None:
    at = datetime.fromisoformat("2026-11-24T12:31:12+03:00")

    assert language.date_and_time(at) == "2026-11-24 09:31:12 UTC"
    assert language.clock(at, seconds=False) == "09:31"
    with language.use("ru"):
        assert language.date_and_time(at) == "24.11.2026 09:31:12 UTC"


def test_every_moment_of_a_text_is_found_in_the_languages_own_order(_russian: None) -> None:
    """What only looks like one is none."""
    at = datetime(2026, 3, 2, 14, 2, 5, tzinfo=UTC)
    text = f"From {language.date_and_time(at)} to {language.date_and_time(at, seconds=False)}; 2026-99-02 14:02 UTC"
    with language.use("ru"):
        russian = f"С {language.date_and_time(at)}; 2026-03-02 14:02:05 UTC"
        assert language.moments(russian) == [(2, 25, at)]

    assert language.moments(text) == [(5, 28, at), (32, 52, at.replace(second=0))]


def test_a_process_speaks_one_language_until_a_block_speaks_another(
    _russian: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook's kernel is told once; a report that it shows is told in its own."""
    monkeypatch.setattr(language, "_spoken", "en")
    language.speak("ru")

    assert language.say("Nothing is known.") == "Ничего не известно."
    with language.use("en"):
        assert language.say("Nothing is known.") == "Nothing is known."
    assert language.spoken_as_facts(lambda facts: language.current())({"language": "en"}) == "en"
    with pytest.raises(ParameterError, match="no language"):
        language.speak("xx")
    assert language.current() == "ru"


def test_a_sentence_that_was_stored_in_english_is_retold(_russian: None) -> None:
    """A manifest is kept in English; a text that is no sentence of ours stays as it is."""
    assert language.retell("Nothing is known.") == "Nothing is known."
    with language.use("ru"):
        assert language.retell("Nothing is known.") == "Ничего не известно."
        assert (
            language.retell("The source ended at 2026-11-24 09:31:12 UTC.")
            == "Источник закончился 24.11.2026 09:31:12 UTC."
        )
        assert language.retell("connection refused") == "connection refused"


@pytest.mark.parametrize("text", ["the end of the stream", "reset and closed", "tried for 5 s", "a: b since c"])
def test_what_others_wrote_is_not_taken_for_a_short_text_of_ours(text: str) -> None:
    """Texts such as "{count} of {total}" fit nearly everything, so they are no sentences that evidence holds."""
    with language.use("ru"):
        assert language.retell(text) == text


def test_a_sentence_within_a_sentence_is_retold_too(_russian: None) -> None:
    """What a source said of itself stands in what is told of its page."""
    kept = "Page 1234 could not be had: The source ended at 2026-11-24 09:31:12 UTC."

    with language.use("ru"):
        assert language.retell(kept) == (
            "Не удалось получить страницу 1234: Источник закончился 24.11.2026 09:31:12 UTC."
        )


def test_foreign_text_with_a_common_word_is_not_retold(_russian: None) -> None:
    """That a text has an “and” does not make it a sentence of dlqkit's; nor is one searched that is a page long."""
    with language.use("ru"):
        assert language.retell("ValueError in parse and load") == "ValueError in parse and load"
        long = f"The source ended at {'x' * 5_000}."
        assert language.retell(long) == long


def test_evidence_is_written_in_english_whatever_is_spoken(_russian: None) -> None:
    with language.use("ru"):
        assert language.in_english("{count} event is open", count=1_234) == "1,234 event is open"
        assert language.current() == "ru"


def test_a_day_a_duration_and_a_ratio_are_written_as_the_language_does(_russian: None) -> None:
    at = datetime(2026, 11, 24, 23, 59, tzinfo=UTC)

    def told() -> tuple[str, str, str]:
        ratio = language.say("It was {ratio:.2g} times as long.", ratio=2.54)
        return language.date(at), language.duration("1.5", "h"), ratio

    assert told() == ("2026-11-24", "1.5 h", "It was 2.5 times as long.")
    with language.use("ru"):
        assert told() == ("24.11.2026", "1,5 ч", "Это дольше в 2,5 раза.")


def test_a_number_with_a_fraction_is_not_written_without_a_format() -> None:
    with pytest.raises(ValueError, match="needs a format"):
        language.say("{size} s", size=1.5)


def test_a_language_without_a_catalog_is_refused() -> None:
    with pytest.raises(ParameterError, match="en, ru"), language.use("xx"):
        pass


def test_english_loads_no_library_for_it() -> None:
    """A first look at an incident does not wait for what it does not need."""
    assert language.date_and_time(datetime(2026, 11, 24, 9, 31, tzinfo=UTC), seconds=False) == "2026-11-24 09:31 UTC"
    assert language.percent(0.125) == f"{0.125:.0%}"


def _messages() -> set[Any]:
    return {message for _, _, message, _, _ in extract_from_dir(ROOT, keywords=KEYWORDS)}


def _names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("code", [code for code in language.known_languages() if code != "en"])
def test_every_sentence_has_a_translation_with_its_values(code: str) -> None:
    """None is missing, none is left over, and none forgets or invents a value."""
    with (ROOT / "locale" / code / "LC_MESSAGES" / "dlqkit.po").open("rb") as file:
        catalog = {message.id: message for message in read_po(file, locale=code) if message.id}

    assert _messages() == set(catalog)
    for key, message in catalog.items():
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(texts), key
        assert not message.fuzzy, key
        names = _names(key) if isinstance(key, str) else {"count"}.union(*map(_names, key))
        assert all(_names(text) <= names for text in texts), key
        assert isinstance(key, tuple) or all(_names(text) == names for text in texts), key
