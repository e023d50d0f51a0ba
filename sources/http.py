"""The outbound door for HTTP: every request of every source goes through `HttpDoor.get`.

What it promises to the rest of the room: only public or configured addresses are connected to, whatever the URL looks
like; at most `max_bytes` come in; a request is over at its deadline; a host gets one request at a time, a second apart,
and none while it asked for silence; a body is whole, or an error; a page for people is never taken for a document.
"""

from __future__ import annotations

import hashlib
import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

import httpcore
import httpx

from sources.errors import Blocked, FetchError, NotAllowed, RateLimited, TooLarge, Truncated, shown_host
from sources.transport import guard, pages
from sources.transport.backend import Deadline, DoorTransport, GuardedBackend
from sources.transport.body import BodyEncodingError, BodyTooLarge, BodyTruncated, read_body
from sources.transport.pace import Clock, Host, HostLimited, Hosts, Sleep, retry_after_seconds
from sources.transport.traffic import Traffic, TrafficCounts
from sources.transport.values import FetchedDocument, HttpPolicy, NotModified, Validators

__all__ = ["FetchedDocument", "HttpDoor", "HttpPolicy", "NotModified", "Traffic", "Validators"]

MOST_REDIRECTS: Final = 3
MOST_HEADERS: Final = 256
LONGEST_VALIDATOR: Final = 1024
LONGEST_URL: Final = 8 * 1024
CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0

_KEPT_HEADERS: Final = ("content-type", "content-length", "date", "age", "etag", "last-modified", "link")
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One call of `get`, passed down so that every error can name it."""

    url: str
    source: str
    headers: Mapping[str, str]
    conditional: bool
    max_bytes: int
    expect: str
    deadline_seconds: float


class HttpDoor:
    """Synchronous and safe to share between threads.

    clock and sleep serve the pauses between requests; now gives the time of fetch; resolver and tls are for tests.
    """

    def __init__(
        self,
        policy: HttpPolicy,
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = time.sleep,
        now: Callable[[], datetime] | None = None,
        resolver: guard.Resolver = guard.resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        for name in ("httpx", "httpcore"):  # at INFO they log whole addresses, with whatever secret these hold
            logging.getLogger(name).setLevel(logging.WARNING)
        self._policy = policy
        self._allowed = policy.hosts_with_proxy()
        self._agent = policy.user_agent_header()
        self._hosts = Hosts(interval_seconds=policy.min_interval_seconds, clock=clock, sleep=sleep)
        self._now = now or (lambda: datetime.now(UTC))
        self._resolver = resolver
        self._tls = tls
        self._deadline = Deadline()
        self._client_lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._counts = TrafficCounts()

    def get(
        self,
        url: str,
        *,
        source: str,
        validators: Validators | None = None,
        max_bytes: int | None = None,
        deadline_seconds: float = 60.0,
        accept: str = "*/*",
        expect: str,
    ) -> FetchedDocument | NotModified:
        """The document at `url`, or NotModified when the validators still hold.

        expect: "json", "xml", "html", "text" or "binary": what the body must look like at its two ends.
        Raises FetchError or one of its kinds; never waits longer than the host's turn, its pause and the deadline.
        """
        if expect not in pages.EXPECTATIONS:
            raise ValueError(f"expect is {expect!r}, not one of {sorted(pages.EXPECTATIONS)}")
        headers = self._request_headers(accept, validators)
        asked = _Asked(
            url=url,
            source=source,
            headers=headers,
            conditional="If-None-Match" in headers or "If-Modified-Since" in headers,
            max_bytes=self._policy.max_bytes if max_bytes is None else max_bytes,
            expect=expect,
            deadline_seconds=deadline_seconds,
        )
        target = self._checked_url(url, asked)
        try:
            return self._get_on_turn(target, asked)
        except FetchError:
            self._counts.add(_host_key(target), source, errors=1)
            raise

    def traffic(self) -> tuple[Traffic, ...]:
        """What was asked and received so far, per host and source, in that order."""
        return self._counts.snapshot()

    def close(self) -> None:
        with self._client_lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    # What is asked

    def _request_headers(self, accept: str, validators: Validators | None) -> dict[str, str]:
        headers = {
            "User-Agent": self._agent,
            "Accept": accept,
            "Accept-Encoding": "gzip",
            "Connection": "close",
        }
        if validators is not None:
            if _is_header_value(validators.etag):
                headers["If-None-Match"] = validators.etag or ""
            if _is_header_value(validators.last_modified):
                headers["If-Modified-Since"] = validators.last_modified or ""
        return headers

    def _checked_url(self, url: str, asked: _Asked) -> httpx.URL:
        """`url` as the one parser reads it that also connects. Raises NotAllowed."""
        if len(url) > LONGEST_URL or not url.isprintable() or "\\" in url or " " in url:
            raise self._refused(asked, "the address holds characters that no address has, or is too long")
        try:
            target = httpx.URL(url).copy_with(fragment=None)
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            raise self._refused(asked, f"the address cannot be read: {error}") from None
        if target.scheme not in ("http", "https") or not target.host:
            raise self._refused(asked, f"{target.scheme or 'no scheme'}: only https addresses of a host are fetched")
        if target.userinfo:
            raise self._refused(asked, "the address holds a user name or password")
        allowed = guard.is_allowed(target.host, _port(target), self._allowed)
        if target.scheme == "http" and not allowed:
            raise self._refused(asked, f"plain http to {target.host}, which is not configured")
        if self._policy.proxy and not allowed and (reason := guard.refused_literal(target.host)):
            raise self._refused(asked, reason)
        return target

    def _refused(self, asked: _Asked, what: str) -> NotAllowed:
        return NotAllowed(
            what,
            source=asked.source,
            url=asked.url,
            action=f"nothing was sent; if this address is meant, set it in [sources.{asked.source}]",
        )

    # One call: pauses, redirects, limits

    def _get_on_turn(self, target: httpx.URL, asked: _Asked) -> FetchedDocument | NotModified:
        host = self._hosts.host(_host_key(target))
        try:
            with host.turn():
                return self._follow(target, asked, host)
        except HostLimited as limited:
            raise RateLimited(
                f"{target.host} asked to be left alone for another {limited.remaining:.0f} s",
                source=asked.source,
                url=asked.url,
                action="nothing was sent; the next poll comes after that",
                retry_after=limited.remaining,
            ) from None

    def _follow(self, target: httpx.URL, asked: _Asked, host: Host) -> FetchedDocument | NotModified:
        until = time.monotonic() + asked.deadline_seconds
        for _ in range(MOST_REDIRECTS + 1):
            host.pause()
            self._deadline.until = until
            try:
                answer = self._send(target, asked, host)
            finally:
                self._deadline.until = float("inf")
                host.sent()
            if not isinstance(answer, httpx.URL):
                return answer
            target = answer
        raise self._error(asked, "content", f"more than {MOST_REDIRECTS} redirects", "the last document stays")

    def _send(self, target: httpx.URL, asked: _Asked, host: Host) -> FetchedDocument | NotModified | httpx.URL:
        """One request; a URL when it answers with a redirect on the same host."""
        self._counts.add(_host_key(target), asked.source, requests=1)
        try:
            with self._open_client().stream(
                "GET",
                target,
                headers=dict(asked.headers),
                timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            ) as response:
                return self._judge(response, target, asked, host)
        except guard.AddressRefused as refused:
            raise self._refused(asked, str(refused)) from None
        except guard.ResolveError as error:
            raise self._error(asked, "network", str(error)) from None
        except (httpx.TimeoutException, httpcore.TimeoutException) as error:
            within = "no answer in time" if self._deadline.remaining() > 0 else "the answer did not end in time"
            raise self._error(asked, "timeout", f"{within} ({str(error) or type(error).__name__})") from None
        except (httpx.RemoteProtocolError, httpcore.RemoteProtocolError) as error:
            raise self._broken(asked, error) from None
        except httpx.InvalidURL as error:
            raise self._error(asked, "content", f"a redirect to an address that cannot be read: {error}") from None
        except (httpx.HTTPError, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise self._error(asked, "network", str(error) or type(error).__name__) from None
        except (httpcore.ProxyError, httpcore.UnsupportedProtocol, OSError) as error:
            raise self._error(asked, "network", str(error) or type(error).__name__) from None

    def _broken(self, asked: _Asked, error: Exception) -> FetchError:
        text = str(error)
        if "without" in text and "complet" in text:
            return Truncated(
                "the connection closed before the body was complete",
                source=asked.source,
                url=asked.url,
                action="the last whole document stays; the next poll tries again",
            )
        return self._error(asked, "content", f"the answer is no valid HTTP: {text}")

    def _open_client(self) -> httpx.Client:
        with self._client_lock:
            if self._client is None:
                backend = GuardedBackend(allowed=self._allowed, resolver=self._resolver, deadline=self._deadline)
                tls = self._tls or httpx.create_ssl_context()
                transport = DoorTransport(backend=backend, tls=tls, proxy=self._policy.proxy)
                self._client = httpx.Client(transport=transport, trust_env=False, follow_redirects=False)
            return self._client

    # What came back

    def _judge(
        self, response: httpx.Response, target: httpx.URL, asked: _Asked, host: Host
    ) -> FetchedDocument | NotModified | httpx.URL:
        status = response.status_code
        if len(response.headers.raw) > MOST_HEADERS:
            raise self._error(asked, "content", f"more than {MOST_HEADERS} headers", status=status)
        if status in _REDIRECTS:
            return self._redirect(response, target, asked)
        if status == 304 and asked.conditional:
            self._counts.add(_host_key(target), asked.source, not_modified=1)
            return NotModified(url=asked.url, fetched_at=self._now())
        if status == 429 or (status == 503 and "retry-after" in response.headers):
            raise self._limited(response, target, asked, host)
        if status != 200:
            raise self._bad_status(response, target, asked)
        return self._document(response, target, asked)

    def _redirect(self, response: httpx.Response, target: httpx.URL, asked: _Asked) -> httpx.URL:
        location = response.headers.get("location", "")
        if not location or len(location) > LONGEST_URL or not location.isprintable() or "\\" in location:
            raise self._error(asked, "content", "a redirect to nowhere", status=response.status_code)
        try:
            joined = str(target.join(location))
        except (httpx.InvalidURL, ValueError) as error:
            raise self._refused(asked, f"a redirect to an address that cannot be read: {error}") from None
        goal = self._checked_url(joined, asked)
        same = (goal.scheme, goal.host, _port(goal)) == (target.scheme, target.host, _port(target))
        upgraded = (target.scheme, goal.scheme, goal.host, _port(target), _port(goal)) == (
            "http",
            "https",
            target.host,
            80,
            443,
        )
        if not same and not upgraded:
            raise self._refused(asked, f"a redirect to another host: {shown_host(joined)}")
        return goal

    def _limited(self, response: httpx.Response, target: httpx.URL, asked: _Asked, host: Host) -> RateLimited:
        wait = retry_after_seconds(response.headers.get("retry-after"), now=self._now())
        host.keep_quiet(wait)
        return RateLimited(
            f"{target.host} answered {response.status_code}: too many requests",
            source=asked.source,
            url=asked.url,
            action=f"the host is left alone for {wait:.0f} s",
            retry_after=wait,
            status=response.status_code,
        )

    def _bad_status(self, response: httpx.Response, target: httpx.URL, asked: _Asked) -> FetchError:
        status = response.status_code
        try:
            body = self._read(response, target, asked, limit=pages.LOOKED_AT)
        except (BodyTooLarge, BodyTruncated, BodyEncodingError, httpcore.ProtocolError, httpx.ProtocolError):
            body = b""  # the status alone says enough
        wall = pages.blocked_by(body, response.headers.get("cf-mitigated", ""))
        if wall is not None and wall != "a maintenance page":
            return self._blocked(asked, wall, status)
        return self._error(asked, "status", f"{target.host} answered {status}", status=status)

    def _document(self, response: httpx.Response, target: httpx.URL, asked: _Asked) -> FetchedDocument:
        body = self._whole_body(response, target, asked)
        wall = pages.blocked_by(body, response.headers.get("cf-mitigated", ""))
        if wall is not None:
            raise self._blocked(asked, wall, response.status_code)
        problem = pages.content_problem(body, asked.expect)
        if problem is not None:
            raise self._error(asked, *problem, status=response.status_code)
        headers = response.headers
        return FetchedDocument(
            url=asked.url,
            status=response.status_code,
            fetched_at=self._now(),
            body=body,
            sha256=hashlib.sha256(body).hexdigest(),
            content_type=headers.get("content-type", "").partition(";")[0].strip().lower()[:100],
            validators=Validators(etag=_held(headers.get("etag")), last_modified=_held(headers.get("last-modified"))),
            headers=MappingProxyType({name: headers[name][:1000] for name in _KEPT_HEADERS if name in headers}),
        )

    def _whole_body(self, response: httpx.Response, target: httpx.URL, asked: _Asked) -> bytes:
        try:
            return self._read(response, target, asked, limit=asked.max_bytes)
        except BodyTooLarge as error:
            raise TooLarge(
                str(error),
                source=asked.source,
                url=asked.url,
                action="the document was left out; the last whole one stays",
            ) from None
        except BodyTruncated as error:
            raise self._error(asked, "truncated", str(error)) from None
        except BodyEncodingError as error:
            raise self._error(asked, "content", str(error)) from None

    def _read(self, response: httpx.Response, target: httpx.URL, asked: _Asked, *, limit: int) -> bytes:
        """The decoded body; what was received is counted, also when reading fails."""
        try:
            return read_body(response.iter_raw(), encoding=response.headers.get("content-encoding", ""), limit=limit)
        finally:
            self._counts.add(_host_key(target), asked.source, received=response.num_bytes_downloaded)

    def _blocked(self, asked: _Asked, wall: str, status: int) -> Blocked:
        return Blocked(
            f"{wall} stood where the document should be",
            source=asked.source,
            url=asked.url,
            action="nothing was taken in; see [http] contact, or another address of this source",
            status=status,
        )

    def _error(self, asked: _Asked, kind: str, what: str, action: str = "", status: int = 0) -> FetchError:
        cls = Truncated if kind == "truncated" else FetchError
        return cls(
            what,
            source=asked.source,
            url=asked.url,
            kind=kind,
            action=action or "the last good document stays; the next poll tries again",
            status=status,
        )


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _host_key(url: httpx.URL) -> str:
    return f"{url.host}:{_port(url)}"


def _is_header_value(value: str | None) -> bool:
    """Whether a validator that a server once gave may be sent back: short, one line, ASCII."""
    return bool(value) and value is not None and len(value) <= LONGEST_VALIDATOR and all(" " <= c <= "~" for c in value)


def _held(value: str | None) -> str | None:
    return value if _is_header_value(value) else None
