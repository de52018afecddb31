"""One POST to an address that was looked at: no redirects, no cookies, no proxy, ten seconds, the answer is a status.

Nothing of what the receiver says but its status is kept: a body could carry what a neighbour of ours answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from serving.webhooks.guard import Guard, RefusedUrlError

TIMEOUT_SECONDS = 10.0
MOST_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt: a status, or in a word why there is none."""

    status: int | None = None
    error: str | None = None

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """The receiver says that it wants no more (Standard Webhooks: disable the endpoint)."""
        return self.status == HTTPStatus.GONE

    @property
    def receiver_down(self) -> bool:
        """It failed for a reason that other events would meet too."""
        return self.status is None or self.status >= 500 or self.status == HTTPStatus.TOO_MANY_REQUESTS


class PinnedTransport(httpx.AsyncBaseTransport):
    """Connects to an address that the guard let pass, while TLS and the Host header keep the name."""

    def __init__(self, guard: Guard, inner: httpx.AsyncBaseTransport) -> None:
        self._guard = guard
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send to the first address that can be reached; raises ``RefusedUrlError`` before anything is sent."""
        addresses = await self._guard.addresses(request.url)
        extensions = {**request.extensions, "sni_hostname": request.url.raw_host.decode("ascii")}
        for address in addresses[:-1]:
            try:
                return await self._send(request, address, extensions)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue  # one of a host's two families may not be reachable from here
        return await self._send(request, addresses[-1], extensions)

    async def _send(self, request: httpx.Request, address: str, extensions: dict[str, object]) -> httpx.Response:
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,  # with the Host of the name
            stream=request.stream,
            extensions=extensions,
        )
        return await self._inner.handle_async_request(pinned)

    async def aclose(self) -> None:
        await self._inner.aclose()


class Sender:
    """Posts webhooks; ``transport`` replaces the network below the guard."""

    def __init__(self, guard: Guard, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._guard = guard
        # A kept connection belongs to the name it was made for; two names may share an address, so none is kept.
        inner = transport or httpx.AsyncHTTPTransport(
            trust_env=False, limits=httpx.Limits(max_connections=64, max_keepalive_connections=0)
        )
        self._http = httpx.AsyncClient(
            transport=PinnedTransport(guard, inner),
            headers={"User-Agent": "Fairdeal-Webhooks/1", "Accept": "*/*", "Connection": "close"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=False,
        )

    async def post(self, url: str, headers: Mapping[str, str], body: str) -> Outcome:
        """One attempt; every way to fail is an ``Outcome``."""
        content = {**headers, "Content-Type": "application/json"}
        status: int | None = None
        error: str | None = None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                parsed = self._guard.parse(url)
                async with self._http.stream("POST", parsed, headers=content, content=body.encode()) as response:
                    status = response.status_code
                    await _read_little(response)
        except RefusedUrlError:
            error = "address_refused"
        except (TimeoutError, httpx.TimeoutException):
            error = "timeout"
        except httpx.ConnectError:
            error = "no_connection"
        except (httpx.HTTPError, httpx.StreamError, OSError):
            error = "broken_answer"
        if status is None:
            return Outcome(error=error)
        # The status was the answer, whatever became of the body after it.
        return Outcome(status, "redirect" if 300 <= status < 400 else None)

    async def close(self) -> None:
        await self._http.aclose()


async def _read_little(response: httpx.Response) -> None:
    """Take the start of the answer, as it came over the wire, so that a short one ends well for the receiver."""
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size >= MOST_BYTES:
            return
