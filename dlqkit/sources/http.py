"""One page over HTTP, whole or not at all: deadlines, caps, redirects, retries, and no secret where it must not be."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import ipaddress
import json
import random
import re
import time
import urllib.parse
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import requests
import urllib3

from dlqkit.errors import AccessDenied, ParameterError, SourceError, SourceUnavailable, UnexpectedAnswer
from dlqkit.language import in_english, mark
from dlqkit.sources.masking import Masks
from dlqkit.sources.packed_bodies import body_of
from dlqkit.sources.timed_reads import OneAnswer, TimedAdapter, within
from dlqkit.untrusted import shorten

__all__ = [
    "NO_ADDRESS",
    "HttpClient",
    "NoAnswer",
    "NoContent",
    "QuestionRefused",
    "Request",
    "Response",
    "TooLarge",
    "check_url",
    "describe_body",
    "shown_url",
]

T = TypeVar("T")
# The server waited in vain for the request, or does not take it yet, or takes too many (RFC 9110, 8470, 6585).
_ASK_AGAIN = {408, 425, 429}
# A bad or unknown question, address, method or parameter (RFC 9110, section 15); any other status may be of a moment or
# of whoever stands between.
_REFUSED = {400, 404, 405, 410, 414, 422, 501}
_NO_CONTENT = 204
_REDIRECTS = {301, 302, 303, 307, 308}
_MAX_REDIRECTS = 5
_TRIES_OF_THE_WHOLE = 4
# Whole, so that it is found again in a catalog: beside a name it has a single word of its own.
_CHECKS = {
    "execution_logs.url": mark("Check execution_logs.url."),
    "prometheus.url": mark("Check prometheus.url."),
    "worker.metrics_urls": mark("Check worker.metrics_urls."),
}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: ``params`` go into the URL, ``form`` into a POST body."""

    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What came: the whole body, with known secrets masked, and how many places were masked."""

    body: bytes
    status: int
    headers: Mapping[str, str]
    url: str
    masked: int = 0
    original_sha256: str | None = None
    """Of the body before masking, where something was masked."""


class NoAnswer(UnexpectedAnswer):
    """Something that is no answer to what was asked, rather than a service that refuses the question."""


class QuestionRefused(UnexpectedAnswer):
    """The service says of the question itself that it does not take it; asked once more, it says the same."""


class TooLarge(NoAnswer):
    """A body that is longer than what is read at once; a smaller question may do."""


class NoContent(NoAnswer):
    """The status that says so (204), each time that it was asked: some give it behind the end of a list."""


class _Again(Exception):
    """A fault that may pass; ``error`` is what is raised when it does not."""

    def __init__(self, error: SourceError, retry_after_s: float | None = None, max_tries: int | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after_s = retry_after_s
        self.max_tries = max_tries


NO_ADDRESS = "about:unreadable"
"""Stands for an address that is none, such as ``http://[::1``: it is nobody's, so nothing is sent there."""


def join_url(base: str, link: str) -> str:
    """The address that a link of a service's answer leads to; ``NO_ADDRESS`` if it is none."""
    try:
        joined = urllib.parse.urljoin(base, link)
        _origin(joined)
    except ValueError:
        return NO_ADDRESS
    return joined


def _sent_to(response: Response) -> str:
    """The address that an answer sends on to, with the question where it was left out, as for a slash at the end."""
    # Headers are read as Latin-1, and an address may be written in UTF-8.
    location = response.headers["Location"].encode("latin-1", "replace").decode("utf-8", "replace")
    target = join_url(response.url, location)
    query = urllib.parse.urlsplit(response.url).query
    if target == NO_ADDRESS or not query or urllib.parse.urlsplit(target).query:
        return target
    return urllib.parse.urlunsplit((*urllib.parse.urlsplit(target)[:3], query, ""))


def shown_url(url: str) -> str:
    """The address without user, password, query and fragment: fit for a message."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return NO_ADDRESS
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return urllib.parse.urlunsplit((parts.scheme, host + port, parts.path, "", ""))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def check_url(url: str, *, setting: str, has_secret: bool) -> str:
    """The address as it may be used, without a slash at the end of its path.

    Raises
    ------
    ParameterError
        If it is no http(s) address, holds a password, or would send a secret unencrypted to another machine.
    """
    text = url.strip()
    try:
        parts = urllib.parse.urlsplit(text)
        host, _ = parts.hostname, parts.port
        _origin(text)
    except ValueError:
        host = None
        parts = urllib.parse.urlsplit("")
    if parts.scheme not in {"http", "https"} or not host:
        raise ParameterError(
            f"{setting} is not an address: it needs http:// or https:// and a host.",
            f"Write {setting} as https://host/path.",
        )
    if parts.username is not None or parts.password is not None:
        raise ParameterError(
            f"{setting} holds a user or a password: {shown_url(text)} would be shown with it.",
            "Take them out of the address and set them as a secret reference.",
        )
    if has_secret and parts.scheme == "http" and not _is_loopback(host):
        raise ParameterError(
            f"The secret would be sent unencrypted to {shown_url(text)}.",
            f"Write {setting} with https://; where the network has no TLS, use a tunnel to 127.0.0.1.",
        )
    # Behind a question mark a slash is part of a value.
    return text if parts.query else text.rstrip("/")


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address.

    Raises
    ------
    ValueError
        If it is none, or its host is another one to whoever connects: to Python the host ends at the last ``@``, to
        urllib3 before a backslash.
    """
    parts = urllib.parse.urlsplit(url)
    host = (parts.hostname or "").lower()
    if "\\" in parts.netloc:
        raise ValueError("an address with two hosts")
    # Letters beyond ASCII and zones of IPv6 are written in several ways.
    if host.isascii() and "%" not in host and parts.netloc:
        connected = urllib3.util.parse_url(url)
        if (connected.host or "").strip("[]").lower() != host or connected.port != parts.port:
            raise ValueError("an address with two hosts")
    return parts.scheme, host, parts.port or (443 if parts.scheme == "https" else 80)


def describe_body(body: bytes, content_type: str = "") -> str:
    """What a body is, in a few words, for a message."""
    head = body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        return mark("an empty answer")
    if head[:1] == b"<":
        found = re.search(rb"<title[^>]*>([^<]{1,200})", head, re.IGNORECASE)
        title = shorten(" ".join(found[1].decode("utf-8", "replace").split()), 60) if found else ""
        if not title:
            return mark("a web page instead of JSON")
        return in_english(mark("a web page (“{title}”) instead of JSON"), title=title)
    if head[:1] in b"{[":
        return mark("JSON that is cut off or broken")
    return in_english(mark("{kind} instead of JSON"), kind=content_type.split(";")[0].strip() or "text")


def is_web_page(body: bytes) -> bool:
    """Whether a body is HTML or XML rather than JSON."""
    return body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


class HttpClient:
    """Asks one service, carrying its secret to that service's origin alone.

    Parameters
    ----------
    url : str
        The service's address; every request goes to its origin.
    name, setting : str
        How messages call the service, and the setting that holds its address.
    headers : mapping, optional
        Sent with each request.
    auth : tuple of str, optional
        User and password.
    secrets : collection of str
        What is sent in the headers; masked wherever a body echoes it.
    also_mask : collection of str
        Secrets of other services, which a body may echo too.
    deadline_s, read_timeout_s : float
        Wall-clock limit of a request, and of one wait for bytes.
    max_bytes : int
        Of a body after decompression.
    retry_budget_s : float
        Total time a page may take with all its retries.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        setting: str,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        ca_file: Path | None = None,
        secrets: Collection[str] = (),
        also_mask: Collection[str] = (),
        secret_setting: str = "the key",
        deadline_s: float = 60.0,
        read_timeout_s: float = 30.0,
        max_bytes: int = 64 << 20,
        retry_budget_s: float = 45.0,
        max_tries: int = 5,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        known = {value for value in (*secrets, *(auth[1:] if auth else ())) if value}
        self.url = check_url(url, setting=setting, has_secret=bool(known))
        self.name = name
        self.setting = setting
        self._secret_setting = secret_setting
        self._deadline_s = deadline_s
        self._read_timeout_s = min(read_timeout_s, deadline_s)
        self._max_bytes = max_bytes
        self._budget_s = retry_budget_s
        self._max_tries = max_tries
        self._sleep = sleep
        # As user and password stand in a header.
        both = (base64.b64encode(f"{auth[0]}:{auth[1]}".encode()).decode(),) if auth is not None else ()
        self._masks = Masks({*known, *also_mask, *both})
        self._session = OneAnswer()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, TimedAdapter())
        self._session.trust_env = False  # no .netrc, no proxy of the environment: both would see the secret
        self._session.headers.update({"Accept": "application/json", "User-Agent": "dlqkit"})
        self._session.headers.update(dict(headers or {}))
        if auth is not None:
            self._session.auth = requests.auth.HTTPBasicAuth(auth[0].encode(), auth[1].encode())
        if ca_file is not None:
            if not ca_file.is_file():
                raise ParameterError(f"The CA file {ca_file} does not exist.", "Check ca_file in the settings.")
            self._session.verify = str(ca_file)

    def __repr__(self) -> str:
        return f"HttpClient({shown_url(self.url)!r})"

    def get(self, url: str, params: Mapping[str, str] | None = None, *, accept: Collection[int] = ()) -> Response:
        """One GET with retries; ``accept`` names error statuses that are returned rather than raised."""
        return self.load_page(Request(url, params or {}), lambda response: response, accept=accept)

    def post(self, url: str, form: Mapping[str, str], *, accept: Collection[int] = ()) -> Response:
        """One POST of a form with retries; only for questions that change nothing."""
        return self.load_page(Request(url, {}, form), lambda response: response, accept=accept)

    def load_page(self, request: Request, decode: Callable[[Response], T], *, accept: Collection[int] = ()) -> T:
        """Fetch and decode a page as one thing: a body that is cut off is fetched again.

        Raises
        ------
        SourceError
            What the last try ended in, when the tries or their time are used up.
        """
        started, waited = time.monotonic(), 0.0
        # Of the page with all its tries: one that begins late does not get the time of a whole answer again.
        end = started + max(self._deadline_s, self._budget_s)
        for attempt in range(1, self._max_tries + 1):
            try:
                response = self._send(request, accept, end)
                try:
                    return decode(response)
                except UnexpectedAnswer as error:
                    if response.status >= 400 or isinstance(error, TooLarge):
                        raise
                    # A web page or whole JSON of another kind may be a proxy's, while the service restarts; or the
                    # address is wrong, and then the analyst is to hear so within seconds.
                    is_whole = is_web_page(response.body) or _is_json(response.body)
                    kind = NoContent if response.status == _NO_CONTENT else NoAnswer
                    raise _Again(
                        kind(error.problem, error.next_step), max_tries=_TRIES_OF_THE_WHOLE if is_whole else None
                    ) from error
            except _Again as again:
                wait = min(0.25 * 2**attempt, 8.0) * random.uniform(0.5, 1.0)
                if again.retry_after_s is not None:
                    wait = again.retry_after_s
                left = self._budget_s - max(time.monotonic() - started, waited)
                most = min(again.max_tries or self._max_tries, self._max_tries)
                if attempt >= most or wait > left:
                    raise again.error from again.__cause__
                self._sleep(wait)
                waited += wait
        raise AssertionError("the last try returns or raises")

    def _send(self, request: Request, accept: Collection[int], end: float) -> Response:
        deadline = min(time.monotonic() + self._deadline_s, end)
        url, params = request.url, dict(request.params)
        if _origin(url) != _origin(self.url):
            raise UnexpectedAnswer(
                in_english(
                    mark("{name} points to another address, {url}; nothing was sent there."), **self._named(url)
                ),
                in_english(mark("If that is the right one, set {setting} to it."), setting=self.setting),
            )
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._fetch(url, params, request.form, deadline)
            if response.status not in _REDIRECTS or not response.headers.get("Location"):
                return self._checked(response, accept)
            target = _sent_to(response)
            if _origin(target) != _origin(self.url):
                text = mark("{name} at {url} sends us on to another address, {target}; nothing was sent there.")
                step = mark("If that is the right one, set {setting} to it; it may also be a login page.")
                away = NoAnswer(
                    in_english(text, **self._named(url), target=self._masks.text(shown_url(target))),
                    in_english(step, setting=self.setting),
                )
                raise _Again(away, max_tries=_TRIES_OF_THE_WHOLE)
            url, params = target, {}
        circle = NoAnswer(
            in_english(mark("{name} at {url} sends us in a circle."), **self._named(request.url)),
            _CHECKS.get(self.setting, f"Check {self.setting}."),
        )
        raise _Again(circle, max_tries=_TRIES_OF_THE_WHOLE)

    def _fetch(self, url: str, params: Mapping[str, str], form: Mapping[str, str] | None, deadline: float) -> Response:
        try:
            with (
                within(deadline - time.monotonic()),
                self._session.request(
                    "GET" if form is None else "POST",
                    url,
                    params=params or None,
                    data=form,
                    stream=True,
                    allow_redirects=False,
                    timeout=(min(10.0, self._deadline_s), self._read_timeout_s),
                ) as answer,
            ):
                body = self._read(answer, deadline)
                masked_body, masked = self._masks.apply(body)
                return Response(
                    masked_body,
                    answer.status_code,
                    # Of what a header says, some is told: an address, a type.
                    requests.structures.CaseInsensitiveDict(
                        (name, value if name.lower() == "location" else self._masks.text(value))
                        for name, value in answer.headers.items()
                    ),
                    answer.url or url,
                    masked,
                    hashlib.sha256(body).hexdigest() if masked else None,
                )
        except (requests.exceptions.SSLError, urllib3.exceptions.SSLError) as error:
            raise SourceUnavailable(
                in_english(mark("The certificate of {name} at {url} is not accepted."), **self._named(url)),
                mark("If the company has its own authority, name its file as ca_file."),
            ) from error
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL) as error:
            problem = f"{self.name} cannot be asked: {type(error).__name__}."
            raise ParameterError(problem, "Check its settings.") from None
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise _Again(self._unavailable(url, mark("{name} at {url} gave no answer in time."))) from error
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            reason = _reason(error)
            # Where nobody listens, an analyst in a hurry is better served by hearing so at once.
            raise _Again(self._unavailable(url, reason), max_tries=2 if ": " in reason else None) from error

    def _read(self, answer: requests.Response, deadline: float) -> bytes:
        # `timeout=` is for one socket read, so a trickle never ends by it: the clock is looked at after every read.
        chunks: list[bytes] = []
        size = 0
        for chunk in body_of(answer.raw):
            chunks.append(chunk)
            size += len(chunk)
            if size > self._max_bytes:
                raise TooLarge(
                    in_english(
                        mark("{name} answers with more than {size:d} MiB at once."),
                        name=self.name,
                        size=self._max_bytes >> 20,
                    ),
                    mark("Ask for less: a shorter window, or a smaller page_limit."),
                )
            if time.monotonic() > deadline:
                text = mark("{name} at {url} was not done answering after {seconds:d} s.")
                raise _Again(self._unavailable(answer.url, text, seconds=round(self._deadline_s)))
        return b"".join(chunks)

    def _checked(self, response: Response, accept: Collection[int]) -> Response:
        status = response.status
        if 200 <= status < 300 or status in accept:
            return response
        where = {**self._named(response.url), "status": str(status)}
        if status in {401, 403}:
            raise AccessDenied(
                in_english(mark("{name} at {url} refuses access ({status})."), **where),
                in_english(
                    mark("Check {setting}: whether it is set, still valid, and for this service."),
                    setting=self._secret_setting,
                ),
            )
        if status in _ASK_AGAIN:
            text = mark("{name} at {url} asks for fewer requests ({status}).")
            if status != 429:
                text = mark("{name} at {url} did not take the request ({status}).")
            raise _Again(
                SourceUnavailable(
                    in_english(text, **where),
                    mark("Wait a minute and try again."),
                ),
                _retry_after(response.headers.get("Retry-After")),
            )
        if status >= 500 and status not in _REFUSED:
            raise _Again(
                SourceUnavailable(
                    in_english(mark("{name} at {url} is broken or overloaded ({status})."), **where),
                    mark("Try again later; what was collected stays."),
                ),
                _retry_after(response.headers.get("Retry-After")),
            )
        if status in _REFUSED:
            raise QuestionRefused(*self._refusal(response, where))
        raise _Again(NoAnswer(*self._refusal(response, where)), _retry_after(response.headers.get("Retry-After")))

    def _refusal(self, response: Response, where: Mapping[str, str]) -> tuple[str, str]:
        """What is wrong, and what to do next."""
        if response.status == 404:
            text = in_english(mark("There is nothing at {url} (404)."), url=where["url"])
            return text, _CHECKS.get(self.setting, f"Check {self.setting}.")
        next_step = in_english(mark("Check {setting} and what was asked."), setting=self.setting)
        if is_web_page(response.body):
            body = describe_body(response.body, response.headers.get("Content-Type", ""))
            return in_english(mark("{name} at {url} answers {status} with {body}."), **where, body=body), next_step
        said = _error_text(response.body)
        if said:
            text = mark("{name} at {url} refuses the question ({status}): {said}.")
            return in_english(text, **where, said=said), next_step
        return in_english(mark("{name} at {url} refuses the question ({status})."), **where), next_step

    def _named(self, url: str) -> dict[str, str]:
        return {"name": self.name, "url": self._masks.text(shown_url(url))}

    def _unavailable(self, url: str, text: str, **values: object) -> SourceUnavailable:
        return SourceUnavailable(
            in_english(text, **self._named(url), **values),
            in_english(mark("Check that it runs, {setting}, and the network or VPN."), setting=self.setting),
        )


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _reason(error: BaseException) -> str:
    text = str(error).lower()
    if "refused" in text:
        return mark("{name} at {url} cannot be reached: connection refused.")
    if "name or service" in text or "resolve" in text or "getaddrinfo" in text:
        return mark("{name} at {url} cannot be reached: its host name is not known.")
    if "two lengths" in text or "before the answer" in text:
        return mark("{name} at {url} answers with headers that cannot be read.")
    if "incompleteread" in text or "broken" in text:
        return mark("{name} at {url} broke off in the middle of its answer.")
    return mark("{name} at {url} cannot be reached, or broke off.")


def _error_text(body: bytes) -> str:
    try:
        value = json.loads(body[:100_000])
    except (ValueError, RecursionError):
        return ""
    for key in ("message", "error", "detail", "title", "reason"):
        text = value.get(key) if isinstance(value, dict) else None
        if isinstance(text, dict):
            text = text.get("message")
        if isinstance(text, str) and text.strip():
            return shorten(" ".join(text.split()), 200)
    return ""


def _retry_after(text: str | None, *, cap_s: float = 30.0) -> float | None:
    """Seconds to wait; a header that says nothing usable is as none."""
    text = (text or "").strip()
    if not text:
        return None
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text):
        return min(float(text), cap_s)
    try:
        at = email.utils.parsedate_to_datetime(text)
        return min(max(at.timestamp() - time.time(), 0.0), cap_s)
    except (ValueError, OverflowError):
        return None
