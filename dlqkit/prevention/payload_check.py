"""Which payloads a JSON Schema refuses, at which place, by which keyword."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.prevention.formats import FORMATS
from dlqkit.prevention.stand_ins import KEY, Check, Reader, is_plain, make_check, make_reader

__all__ = ["REASONS", "Refusals", "check_payloads", "decode_payload", "is_absent"]

_NONE: frozenset[tuple[str, str]] = frozenset()
REASONS: Mapping[str, str] = {"path": "str", "keyword": "str", "payloads": "Int64"}


@dataclass(frozen=True, slots=True)
class Refusals:
    """What a schema refuses.

    ``reasons`` has a row per place and keyword, most frequent first: ``path`` such as ``payload.items[].sku``,
    ``keyword`` of JSON Schema, or ``json`` for a text that is none, and ``payloads`` Int64. A payload may be refused
    for several reasons and counts in each. ``is_refused`` has a boolean per payload, NA where there is none.
    """

    payloads: int
    refused: int
    absent: int
    is_refused: pd.Series
    reasons: pd.DataFrame


def is_absent(payload: Any) -> bool:
    """Whether there is no text at all: nothing can be said of it."""
    return not isinstance(payload, str) or not payload


def decode_payload(text: str) -> Any:
    """The decoded payload; raises ``ValueError`` where it is no JSON."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError("not JSON") from error


def check_payloads(schema: Mapping[str, Any], payloads: pd.Series) -> Refusals:
    """How many payloads a schema refuses, and why.

    Parameters
    ----------
    schema : mapping
        JSON Schema, draft 2020-12, as ``infer_schema`` gives it or as it was edited since; formats are asserted.
    payloads : Series of str
        JSON texts, such as ``payload_snapshot``.

    Returns
    -------
    Refusals

    Raises
    ------
    ParameterError
        If the schema is none, or refers to what is not in it.

    Notes
    -----
    The library ``jsonschema`` judges. It is asked once for all payloads that the schema cannot tell apart: of a schema
    with the keywords that ``infer_schema`` writes a value is replaced by a stand-in of the same type, form and sign,
    and of an array the first hundred items are looked at.
    """
    errors_of = _judge(schema)
    plain = is_plain(schema)
    reader, accepts = (make_reader(schema), make_check(schema)) if plain else (None, lambda value: False)
    found: Counter[tuple[str, str]] = Counter()
    verdicts: list[Any] = []
    judged: dict[bytes, frozenset[tuple[str, str]]] = {}
    for text in payloads.to_numpy(dtype=object):
        if is_absent(text):
            verdicts.append(pd.NA)
            continue
        reasons = _reasons(text, reader, accepts, errors_of, judged)
        found.update(reasons)
        verdicts.append(bool(reasons))
    is_refused = pd.Series(verdicts, index=payloads.index, dtype="boolean")
    rows = [{"path": path, "keyword": keyword, "payloads": count} for (path, keyword), count in found.items()]
    frame = pd.DataFrame(rows, columns=list(REASONS)).astype(dict(REASONS))
    frame = frame.sort_values(["payloads", "path", "keyword"], ascending=[False, True, True]).reset_index(drop=True)
    known = int(is_refused.notna().sum())
    return Refusals(known, int(is_refused.fillna(False).sum()), len(payloads) - known, is_refused, frame)


def _reasons(
    text: str, reader: Reader | None, accepts: Check, errors_of: Callable[[Any], Iterable[tuple[str, str]]],
    judged: dict[bytes, frozenset[tuple[str, str]]],
) -> frozenset[tuple[str, str]]:  # fmt: skip
    try:
        value = decode_payload(text)
    except ValueError:
        return frozenset({("payload", "json")})
    if accepts(value):
        return _NONE
    if reader is None:
        key = text.encode("utf-8", "surrogatepass")
    else:
        value = reader(value)[1]
        key = msgspec.json.encode(value, order="sorted")
    if key not in judged:
        judged[key] = frozenset(errors_of(value))
    return judged[key]


def _judge(schema: Mapping[str, Any]) -> Callable[[Any], Iterable[tuple[str, str]]]:
    from jsonschema import Draft202012Validator, FormatChecker, SchemaError
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ParameterError(
            f"The schema is no JSON Schema: {error.message[:200]}.", "Mend it, or infer it anew."
        ) from error
    checker = FormatChecker(formats=())
    for name, check in FORMATS.items():
        checker.checks(name)(lambda value, check=check: not isinstance(value, str) or check(value))
    # An empty registry: a reference to another place is never fetched.
    validator = Draft202012Validator(schema, registry=Registry(), format_checker=checker)

    def errors_of(value: Any) -> set[tuple[str, str]]:
        try:
            return {place for error in validator.iter_errors(value) for place in _places(error)}
        except Unresolvable as error:
            raise ParameterError(
                f"The schema refers to {str(error.ref)[:200] or '#'}, which is not in it, and nothing is fetched.",
                'Put what it refers to under "$defs" of the schema.',
            ) from error
        except RecursionError as error:
            raise ParameterError(
                "The schema refers to itself without an end.", 'Mend its "$ref", or infer the schema anew.'
            ) from error

    return errors_of


def _places(error: Any) -> Iterable[tuple[str, str]]:
    parts = [KEY if str(part).startswith(KEY) else part for part in error.absolute_path]
    path = "payload" + "".join("[]" if isinstance(part, int) else f".{part}" for part in parts)
    keyword = str(error.validator)
    if keyword == "required":
        return [(f"{path}.{name}", keyword) for name in error.validator_value if name not in error.instance]
    if keyword == "dependentRequired":
        return [(f"{path}.{name}", keyword) for cause, names in error.validator_value.items()
                if cause in error.instance for name in names if name not in error.instance]  # fmt: skip
    if keyword == "enum" and not isinstance(error.instance, str) and "type" in error.schema:
        # A wrong type is one reason, and not two.
        return []
    return [(path, keyword)]
