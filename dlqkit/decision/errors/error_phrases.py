"""What libraries say when something fails, as the words of their sentences and exception names.

A phrase is a run of lower-case words; ``ConnectionRefusedError``, ``CONNECTION_REFUSED`` and "connection refused" are
one phrase, since names are cut into words first. ``~`` stands for up to eight words in between. ``fault_phrases`` has
those that name what broke. ``KINDS`` say only what kind of thing, ``VAGUE`` that something failed there, and ``HINTS``
decide where nothing better is said.
"""

from __future__ import annotations

__all__ = ["ACCESS", "CAUSES", "HINTS", "KINDS", "NOTHING", "VAGUE"]

# A phrase or code with one of these speaks of credentials or rights.
ACCESS = frozenset((
    "401", "403", "407", "unauthenticated", "unauthorized", "unauthorised", "authorized", "authorised", "authorization",
    "denied", "permission", "permissions", "forbidden", "privilege", "authentication", "authenticated", "auth",
    "access", "credential", "credentials", "token", "login", "password", "scope", "grant", "jwt", "sasl", "kerberos",
    "noauth", "wrongpass", "eacces", "eperm", "key", "доступ", "доступа", "доступе", "прав", "авторизован",
    "авторизации", "аутентификации", "токен", "токена", "логин", "пароль",
))  # fmt: skip

# After these words stands the error that made the one before it.
CAUSES = """
caused by, nested exception is, last exception, last error, last recent failure, root cause, inner exception,
underlying exception, original exception was, due to exception
"""

# Words that hold a phrase of another meaning, and say nothing themselves.
NOTHING = """
unknown error, unknown exception, unknown failure, unexpected error, unexpected exception, unspecified error,
internal error code, connection to ~ established, something went wrong, went wrong, user aborted, request was aborted,
operation was aborted, timeout none, no error, without error, error domain, status code unknown, statuscode unknown,
code unknown, code 2 unknown, error 2 unknown
"""

KINDS = {
    "infrastructure": """
service unavailable, unavailable, bad gateway, resource exhausted, unauthenticated, unauthorized, unauthorised,
not authorized, access denied, permission denied, forbidden, insufficient privilege, insufficient permission,
insufficient permissions, insufficient authentication, insufficient scope, authorization required, authorization failed,
authorization error, not authorised, authorization exception, operation not permitted, permission error, eacces, eperm,
does not have permission, does not have ~ access, missing permission, missing permissions, missing scope, access token,
api key, credential, credentials, token has been, fetch failed, type error fetch failed, type error terminated,
failed to fetch, connection error, connection exception, connect exception, connection reset error,
client connector error, connection problem, transport error, transport exception, ssl error, sslerror, ssl exception,
socket closed, socket error, socket exception, socket, channel is closed, channel closed, channel is already closed,
network failure, network problem, network exception, network, server failed to fulfill, http server error,
backend error, backend fetch failed, dependency failed, failed dependency, data loss, code aborted, statuscode aborted,
status code aborted, operational error, interface error, disk error, max retries exceeded, retries exhausted,
retry exhausted, number of retries, retry limit, max retries per request, host ~ down, is down, went down, went away,
outage, crashed, crash, restarting, restarted, bootstrap broker, kafka error, redis connection, database connection,
db connection, pool error, node not connected, not ready, not responding, unresponsive, not available, starting up,
instance is not, remote transport exception, process cluster event, transient error, transient, eof, is locked, is busy,
busy, ebusy, no longer valid, read only, readonly, environment error, licence expired, license expired,
configuration error, config error, exceptions aborted, read error, write error
""",
    "timeout": """
timed out, timeout error, network timeout, timeout exception, timeouterror, timeoutexception, etimedout, time out,
i o timeout, timed out error, timed out exception, esockettimedout, request aborted, timeoutexpired, timeout while,
timeout when, timeout during, timeout on, timeout in, timeout for, ms timeout, s timeout, timeout ms, deadline,
operation timed, too slow, exceeded the time, time exceeded, within the timeout, exceeded ~ ms,
exceeded ~ seconds, within ~ seconds, within ~ ms
""",
    "business": """
type error, value error, attribute error, index error, name error, unbound local error, lookup error, arithmetic error,
assertion, argument error, range error, reference error, programming error, no method error, runtime type,
illegal argument exception, argument exception, format exception, invalid operation exception, bad request, schema,
invalid, malformed request, gone, bad input, bad data, bad value, bad parameter, bad payload, bad message, bad format,
bad json, wrong format, not allowed, not permitted, must be, rejected by, rejected because, reject, user error,
input error, db update exception, domain exception, domain error, application error, duplicate, duplicated, already,
constraint, required, missing, unexpected value, truncated, overflow, too long, too large, too small, unknown value,
unknown key, unrecognized, unprocessable entity, poison, corrupt, corrupted, decryption failed, is closed,
is already closed, mismatch, does not support, not applicable, no value, has no, empty, negative, exceeds, was expected,
not provided, unexpected mimetype
""",
}

VAGUE = {
    "infrastructure": """
internal server error, internalservererror, internal error, internal failure, internalerror, internal service,
service error, server error, server failure
""",
    "timeout": "",
    "business": """
client error
""",
}

HINTS = {
    "infrastructure": """
connection, connect, connecting, unreachable,
refused, broker, upstream, gateway, proxy, disk, memory, denied,
authentication, authorization, auth, expired, token, ssl, tls, io exception, ioexception, lock, locked, exhausted,
shutdown, lease, leader, failover, replica, vault, kms, license
""",
    "timeout": """
timeout, timeouts, timedout, slow, hanging
""",
    "business": """
cannot be, can not be, can t be, must not, must have, should be, should not be, parse, parsing, format,
exceeded maximum, checksum,
rejected, nonetype, unknown, wrong, incorrect, validate, validation, blocked, inactive, expected
""",
}
