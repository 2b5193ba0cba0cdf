"""How libraries and rules of the business refuse what they are given, as words: an unknown field, a duplicate key.

Written as in ``error_phrases``, by subject: required and typed fields, sizes, constraints, formats, lookups, requests,
rules of the business, versions, mail, programming errors that a payload brings out.
"""

from __future__ import annotations

__all__ = ["REFUSALS"]

REFUSALS = """
validation error, validation errors, validation failed, validation exception, failed validation, validation failure,
validationerror, failed to validate, did not validate, does not validate, schema validation, validation for, invalid
payload, invalid input, invalid body, field required, field is required, is required, are required, is a required,
required field, required property, missing required, required key, required parameter, missing field, missing fields,
missing key, missing parameter, missing property, missing value, missing argument, missing ~ required, must have
required, none is not an allowed, may not be null, may not be blank, may not be empty, must not be null, must not be
empty, must not be blank, cannot be null, can not be null, can t be null, can t be blank, cannot be empty, cannot be
blank, should not be empty, should not be null, not null constraint, null value in column, null value not allowed,
cannot insert null, not null violation, doesn t have a default value, insert the value null, is not of type, is not one
of, not one of, is not a valid, not a valid, is not valid, isn t valid, was not valid, should be a valid, value is not,
not a string, not an integer, not a number, not a boolean, must be a, must be an, must be one of, must be of type, must
be greater, must be less, must be at least, must be at most, must be between, must be positive, must match, must
contain, must start with, must end with, should be a, should be an, should be greater, should be less, should have at,
should match, input should, string should, value should, ensure this, does not match, did not match, doesn t match, not
match, type mismatch, unexpected type, wrong type, incorrect type, invalid type, expected ~ received, expected ~ but
got, expected ~ got, additional properties, extra fields, extra inputs, unknown field, unrecognized field, unrecognized
property, unrecognized key, unexpected field, unexpected keyword, unexpected property, unexpected key, unknown property,
unknown attribute, unknown enum, unsupported value, invalid enum, not a member of, is not in list, no enum constant,
value out of range, out of range, is too long, too long for, too short, is too short, is too large, is too small, is too
big, too large for, exceeds maximum, exceeds the maximum, exceeds the limit, exceeds limit, exceeds max, exceeded
maximum length, length exceeds, length must, size exceeds, larger than, greater than the maximum, data too long, value
too long, value too large, would be truncated, truncation, right truncation, entity too large, payload too large,
request too large, message too large, message size, msg size, record too large, content too large, maximum payload, max
payload, document too large, body is too large, item size, exceeded the maximum allowed size, maximum context length,
context length, too many tokens, unique constraint, unique violation, unique key, duplicate key, duplicate entry, dup
entry, duplicate value, duplicate record, duplicate object, duplicate error, already exists, already exist, already
been, already registered, already processed, already in use, already taken, already paid, already cancelled, is already,
foreign key, child row, referenced row, check constraint, constraint violation, constraint violated, constraint failed,
violates, violation of, violate, integrity constraint, referential integrity, integrity error, data integrity,
conditional check, condition not met, conditional request, precondition failed, failed precondition, precondition not
met, data error, incorrect string value, incorrect integer value, incorrect datetime value, incorrect decimal value,
incorrect value, invalid byte sequence, invalid text representation, invalid input syntax, invalid input value, invalid
datetime, invalid date, invalid number, invalid json, invalid xml, invalid yaml, invalid uuid, invalid email, invalid
url, invalid uri, invalid format, invalid value, invalid argument, invalid parameter, invalid request, invalid
character, invalid literal, invalid field, invalid data, invalid message, invalid syntax, invalid utf, invalid base,
invalid time, invalid timestamp, invalid iso, invalid id, invalid object, invalid column, invalid query, invalid
operation, invalid identifier, invalid attribute, invalid amount, invalid currency, invalid phone, invalid recipient,
invalid address, invalid order, invalid customer, invalid account, invalid transition, invalid state transition, invalid
key, invalid path, numeric value out, numeric field overflow, arithmetic overflow, integer overflow, overflow error,
divide by zero, division by zero, zero division, conversion failed, date format, time data ~ does not match, unconverted
data, could not parse, couldn t parse, cannot parse, can t parse, failed to parse, unable to parse, error parsing, parse
error, parseerror, parsing error, parse exception, parsing exception, parser error, parsing failed, decode error,
decoding error, jsondecode, json decode, unicode decode, unicode encode, codec can t, json exception, json parse, json
syntax, json mapping, json processing, malformed, unexpected token, unexpected character, unexpected end of json,
unexpected end of input, unterminated string, expecting value, expecting property, expecting ~ delimiter, extra data,
end of input at, no content to map, unexpected identifier, cannot unmarshal, unmarshal, unmarshalling, deserialize,
deserialization, deserialise, deserializing, serialization exception, not json serializable, not serializable, serialize
a, invalid protocol buffer, unknown magic byte, wire type, invalid tag, avro type, schema mismatch, incompatible schema,
schema being registered, incompatible, not compatible, mapper parsing, document parsing, illegal argument, number
format, mismatched input, unrecognized token, invalid format exception, invalid definition, message not readable,
argument type mismatch, constraint violation exception, method argument, missing servlet request, not found, notfound,
no such, does not exist, doesn t exist, not exist, did not exist, no longer exists, no rows, no row was, no row with, no
data found, no result found, no record, no matching, more than one, multiple objects returned, multiple results,
multiple rows, non field errors, no entity, could not be found, couldn t find, could not find, cannot find, can t find,
unable to find, cannot be found, was deleted, has been deleted, do not exist, undefined table, undefined column,
undefined object, undefined function, unknown column, unknown table, unknown database, missing from, syntax error, error
in your sql, sql syntax, bad sql grammar, ambiguous column, ambiguous, operator does not exist, datatype mismatch,
method not allowed, not acceptable, unsupported media, unprocessable, not implemented, not supported, unsupported,
unimplemented, unsupported operation, length required, unknown account, unknown customer, unknown user, unknown order,
unknown product, unknown sku, unknown currency, unknown country, unknown event, unknown type, unknown status, business
rule, business error, business exception, rule violation, policy violation, insufficient funds, insufficient balance,
not enough funds, not enough balance, not enough stock, insufficient stock, insufficient inventory, out of stock, sold
out, credit limit, daily limit, spending limit, transfer limit, card was declined, card declined, payment declined, was
declined, declined, account is closed, account closed, is blocked, is suspended, is disabled, is inactive, is archived,
is locked out, not eligible, ineligible, not active, is cancelled, is canceled, has expired on, offer expired, offer has
expired, order has expired, subscription has expired, subscription expired, contract has expired, in the future, in the
past, card expired, expired card, cannot be cancelled, cannot be changed, cannot be modified, cannot be updated, cannot
be deleted, cannot be processed, cannot be stored, cannot transition, illegal transition, illegal state transition, not
in state, in status, is in state, do not have permission to perform, is not allowed to, not allowed for, is not allowed,
isn t allowed, not permitted for, not enabled for, does not belong, not supported for, optimistic lock, stale object,
object optimistic, version conflict, version mismatch, revision conflict, etag mismatch, conflict, mailbox unavailable,
user unknown, recipient address rejected, recipients refused, mailbox not found, no such user, relay access denied,
mailbox full, wrongtype, wrong kind of value, wrong number of arguments, unknown command, delimiter, cannot be cast,
cannot cast, class cast, cast to ~ failed, cast error, could not be converted, cannot convert, cannot coerce, could not
convert, couldn t convert, failed to convert, unable to convert, cannot be converted, can t convert, cannot assign, null
pointer, null reference, nil pointer, not set to an instance, undefined array, undefined index, undefined offset,
undefined variable, undefined property, member function, non object, function clause, match error, on a none value,
undefined method, undefined is not, of undefined, of null, is not a function, is not defined, is not iterable, is not
callable, is not subscriptable, object has no attribute, has no attribute, unsupported operand, unhashable type,
positional argument, positional arguments, takes ~ positional, must be str, not nonetype, cannot unpack, not enough
values to unpack, too many values to unpack, list index, index out of, string index, key error, keyerror, array index,
no element, no such element, element not found, stack overflow, maximum call stack, recursion depth, assertion failed,
assertion error, not supported between instances, can only concatenate, nil can t be, no implicit conversion,
повторяющееся значение, нарушает ограничение, нарушает ограничения, неверный синтаксис, недопустимое значение,
некорректное значение, некорректный, неверный формат, обязательное поле, не заполнено, не заполнен, не найден, не
найдена, не найдено, не найдены, не существует, уже существует, закрыт, закрыта, заблокирован, недостаточно средств, can
t execute queries, crossslot, too many redirects, redirects, recursion error, unpickling, unpack requires, not a
gzipped, not a gzip, not a zip file, bad zip, decompressing, cannot identify, lazy initialization, nil map, interface
conversion, unregistered task, is frozen, is deactivated, is banned, balance too low, low balance, run out of stock, not
recognized, not able to find, compilation error, must include, must define, must specify, must provide, must supply,
unallowed, min length is, max length is, min value is, max value is, shorter than, longer than maximum, less than the
minimum, non unique, multiple of, not an example, bsonobj, no route, unroutable, unable to cast, invalid cast, correct
format, idempotent, cannot query field, was not provided, message conversion, conversion exception, conversion error,
optimistic locking, not registered, illegal header, too many sql variables
"""
