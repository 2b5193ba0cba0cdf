from __future__ import annotations

from itertools import permutations

from dlqkit.decision.signing.merging import merge_templates


def merged(*templates: str) -> set[str]:
    return set(merge_templates(templates).values())


def test_three_names_in_one_place_are_values() -> None:
    """Words with dots, humps or underscores are names; plain words may be kinds of failure, and need five."""
    assert merged(*(f"no route to {name} today" for name in ("db_main", "queue.eu", "mailHost"))) == {
        "no route to <*> today"
    }
    assert len(merged(*(f"disk {name} is full" for name in ("root", "data", "temp")))) == 3


def test_a_name_beside_an_id_is_a_value_too() -> None:
    assert merged("domain <*> is gone", "domain root_domain is gone") == {"domain <*> is gone"}


def test_exceptions_and_statuses_are_never_values() -> None:
    """However many kinds of exception share a sentence, each is its own signature."""
    kinds = [f"raised {name}Error in step" for name in ("Key", "Value", "Type", "Index", "Name", "OS")]
    statuses = [f"HTTP {status} from service" for status in (400, 404, 409, 500, 502, 503)]

    assert len(merged(*kinds)) == 6
    assert len(merged(*statuses)) == 6


def test_a_lone_word_or_two_are_never_starred() -> None:
    assert len(merged(*(f"KeyError: '{name}_id'" for name in "abcdefgh"))) == 8


def test_brackets_stay_around_a_star() -> None:
    texts = [f"pool [{name}] is empty" for name in ("a_1", "b_1", "c_1")]

    assert merged(*texts) == {"pool [<*>] is empty"}


def test_two_places_that_vary_at_once_are_found_among_hundreds() -> None:
    """Where each text has a client and a town of its own, no two differ in one word alone."""
    names = [chr(97 + number % 26) * (2 + number // 26) for number in range(400)]
    texts = [f"client {name} sent no body to {name[::-1]}x today" for name in names]

    assert merged(*texts) == {"client <*> sent no body to <*> today"}


def test_texts_without_common_words_stay_apart() -> None:
    texts = [" ".join(f"w{number}x{place}" for place in range(6)) for number in range(300)]

    assert len(merged(*texts)) == 300


def test_the_order_of_the_texts_does_not_matter() -> None:
    texts = [f"client {name} sent {thing} to queue" for name in "abcdef" for thing in ("body_a", "body_b", "body_c")]

    assert merge_templates(texts) == merge_templates(texts[::-1])


def test_the_same_words_in_other_places_are_no_word_that_varies() -> None:
    """No two of these differ in one word alone, whatever the process's hash seed makes of their words."""
    orders = list(permutations(("read", "write", "flush", "close")))
    texts = [f"{chr(97 + number)} failed: {' '.join(order)}" for number, order in enumerate(orders)]

    assert len(merged(*texts)) == 24


def test_places_that_vary_at_once_are_found_in_a_small_incident() -> None:
    """Sixty errors with a client and a town each are one signature, however few of them share either."""
    texts = [
        f"client {chr(97 + n % 13)}{chr(97 + n % 11)}z from {chr(97 + n % 7)}{chr(97 + n % 5)}y has no open contract"
        for n in range(60)
    ]

    assert merged(*texts) == {"client <*> from <*> has no open contract"}


def test_what_a_merged_template_covers_joins_it() -> None:
    """Of two places that vary the last few combinations have no five companions left; they belong to the rest."""
    texts = [
        f"worker {name} lost its lease on {thing} today" for name in "abcdefg" for thing in ("s", "t", "u", "v", "w")
    ]

    assert merged(*texts, "worker h lost its lease on x today") == {"worker <*> lost its lease on <*> today"}


def test_words_of_compact_json_are_parted_by_commas() -> None:
    texts = [f'{{"err":"no_such_user","user":"{name}","level":"high"}}' for name in ("ann", "bob", "eve", "zoe", "leo")]

    assert merged(*texts) == {'{"err":"no_such_user","user":"<*>","level":"high"}'}
