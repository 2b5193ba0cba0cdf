from __future__ import annotations

from dlqkit.decision.signing.matching import Patterns, covers


def test_a_pattern_covers_what_stands_in_its_stars_and_masks() -> None:
    """The kind of a mask does not matter, the words around it do."""
    assert covers("client <*> sent [<n>]", "client <id> sent [<id>]")
    assert covers("client <*> sent no body", "client zoe sent no body")
    assert not covers("client <*> sent no body", "client zoe sent a body")
    assert not covers("client <*> sent", "client zoe x sent")


def test_what_looks_like_an_expression_is_taken_literally() -> None:
    assert covers("f(x) [<n>] .*", "f(x) [<id>] .*")
    assert not covers("a.c <n>", "abc <n>")


def test_every_pattern_that_covers_a_template_is_found_once() -> None:
    patterns = Patterns(["<*> sent no body", "client sent no body", "client <*> no body", "client sent a body"])

    assert sorted(patterns.find("client sent no body")) == [
        "<*> sent no body",
        "client <*> no body",
        "client sent no body",
    ]
    assert patterns.find("client lost no shoe") == []
