"""Names are compared and required as people see them."""

from __future__ import annotations

import pytest

from dlqkit.errors import ParameterError
from dlqkit.republish.cancelling import named
from dlqkit.republish.people import is_same_person


@pytest.mark.parametrize("other", ["Ann", " ann ", "a\u200bnn", "ａｎｎ", "ann\u2060", "A\u00adnn", "a\u034fnn",
                                   "ann\ufe0f", "\u3164ann", "ann\u2800", "ann\U000e0041"])  # fmt: skip
def test_a_name_with_letters_that_nobody_sees_is_no_second_person(other: str) -> None:
    assert is_same_person("ann", other)
    assert not is_same_person("anna", other)


@pytest.mark.parametrize("nobody", ["", " ", "\u3164", "\u200b\u2060", "\u2800", "…"])
def test_a_name_or_a_reason_that_shows_nothing_is_none(nobody: str) -> None:
    """A letter that is not drawn would be a second person without a name."""
    for by, reason in ((nobody, "root removed"), ("ann", nobody)):
        with pytest.raises(ParameterError, match="name or a reason is missing"):
            named(by, reason)
