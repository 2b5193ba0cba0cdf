"""Which payloads a JSON Schema refuses, at which place, by which keyword."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from dlqkit.errors import ParameterError
from dlqkit.prevention.formats import FORMATS
from dlqkit.prevention.stand_ins import KEY, find_refused, is_plain, make_reader

__all__ = ["REASONS", "Refusals", "check_inferred", "check_payloads", "decode_payload", "is_absent"]

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
    return _check(schema, payloads, _judge(schema))


def check_inferred(schema: Mapping[str, Any], payloads: pd.Series) -> Refusals:
    """The same of a schema as ``infer_schema`` wrote it: the library is loaded only if a payload is refused."""
    judge = cache(lambda: _judge(schema))
    return _check(schema, payloads, lambda value: judge()(value))


def _check(
    schema: Mapping[str, Any], payloads: pd.Series, errors_of: Callable[[Any], Iterable[tuple[str, str]]]
) -> Refusals:
    texts = payloads.to_numpy(dtype=object)
    known = [place for place, text in enumerate(texts) if not is_absent(text)]
    decoded, values, found = [], [], {}
    for place in known:
        try:
            values.append(decode_payload(texts[place]))
        except ValueError:
            found[place] = frozenset({("payload", "json")})
        else:
            decoded.append(place)
    reader = make_reader(schema) if is_plain(schema) else None
    refused = range(len(values)) if reader is None else sorted(find_refused(schema, values))
    judged: dict[bytes, frozenset[tuple[str, str]]] = {}
    for number in refused:
        place = decoded[number]
        if reader is None:
            value, key = values[number], texts[place].encode("utf-8", "surrogatepass")
        else:
            value = reader(values[number])[1]
            key = msgspec.json.encode(value, order="sorted")
        if key not in judged:
            judged[key] = frozenset(errors_of(value))
        found[place] = judged[key]
    counts = Counter(reason for reasons in found.values() for reason in reasons)
    verdicts = np.full(len(texts), pd.NA, dtype=object)
    verdicts[known] = [bool(found.get(place)) for place in known]
    is_refused = pd.Series(verdicts, index=payloads.index, dtype="boolean")
    rows = [{"path": path, "keyword": keyword, "payloads": count} for (path, keyword), count in counts.items()]
    frame = pd.DataFrame(rows, columns=list(REASONS)).astype(dict(REASONS))
    frame = frame.sort_values(["payloads", "path", "keyword"], ascending=[False, True, True]).reset_index(drop=True)
    total = int(is_refused.fillna(False).sum())
    return Refusals(len(known), total, len(payloads) - len(known), is_refused, frame)


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
