"""Evidence is kept in English, and read in Russian."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir

import dlqkit
from dlqkit import language
from dlqkit.sources.execution_logs import ExecutionLogs
from tests.languages import english_in
from tests.sources.api import api, rows

ROOT = Path(dlqkit.__file__).parent
STORED = sorted(
    {str(message) for name in ("sources", "evidence")
     for _, _, message, _, _ in extract_from_dir(ROOT / name, keywords={"mark": None})}
)  # fmt: skip


def names_of(text: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]


@pytest.mark.parametrize("text", STORED)
def test_every_sentence_of_a_manifest_is_found_again(text: str) -> None:
    """Whatever stands for its names, it is retold as this sentence and as no other."""
    values: dict[str, Any] = {name: 1_234 + number for number, name in enumerate(names_of(text))}

    with language.use("ru"):
        kept = language.in_english(text, **values)
        told = language.retell(kept)

        assert told == language.say(text, **values)
    assert kept == language.say(text, **values)


def test_a_coverage_is_the_same_whoever_collected_it() -> None:
    """A snapshot's hash does not depend on the language of the one who took it."""

    def answer(query: dict[str, str]) -> tuple[int, Any]:
        return 200, rows(100)

    found = []
    with api(answer) as (url, _):
        for code in language.known_languages():
            with language.use(code):
                found.append(ExecutionLogs(url).load().coverage)

    assert all(one == found[0] for one in found)
    assert "The API gave 100 records and shows no way to go on, so there may be more." in found[0].missing
    with language.use("ru"):
        told = [language.retell(sentence) for sentence in (*found[0].missing, *found[0].findings)]
    assert english_in(told, "recorded_at", "created_at", "record_id", "offset", "id") == []


def test_a_source_that_was_down_is_told_in_russian() -> None:
    """What happened and what to do next, with the address and the setting as they are."""
    with language.use("ru"):
        problem = language.retell(
            "Page 2 could not be had: Prometheus at http://127.0.0.1:1 cannot be reached: connection refused."
        )
        step = language.retell("Check that it runs, prometheus.url, and the network or VPN.")

    assert problem == (
        "Не удалось получить страницу 2: Prometheus (http://127.0.0.1:1) недоступен: в соединении отказано."
    )
    assert step == "Проверьте, что сервис работает, настройку prometheus.url, а также сеть или VPN."


def test_the_names_of_fields_stay_as_the_api_has_them() -> None:
    """“records” is a word of the catalog, too, and here the name of a list."""
    with language.use("ru"):
        assert language.retell("Records are wrapped in “records”.") == "Записи вложены в «records»."
        assert language.retell("attempts is read from “changes”.") == "attempts берётся из «changes»."
