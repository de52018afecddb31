"""Where a webhook may not go: nothing near us, however it is written, resolved, redirected or bound anew."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from serving.webhooks.guard import Guard, RefusedUrlError, is_public, system_resolver
from serving.webhooks.sender import MOST_BYTES, Sender

NEAR = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:100.64.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "2002:7f00:1::",  # 6to4 of 127.0.0.1
    "64:ff9b::a9fe:a9fe",  # NAT64 of 169.254.169.254
    "64:ff9b:1::1",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",  # Teredo of 10.0.0.1
    "not an address",
]
FAR = ["8.8.8.8", "93.184.215.14", "100.63.255.255", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", NEAR)
def test_what_is_near_us_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", FAR)
def test_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_is_as_public_mapped_into_ipv6_as_it_is_plain(address: ipaddress.IPv4Address) -> None:
    plain = is_public(str(address))
    for wrapped in (
        f"::ffff:{address}",
        f"64:ff9b::{address}",
        f"::ffff:{int(address) >> 16:x}:{int(address) & 0xFFFF:x}",
    ):
        assert is_public(wrapped) is plain
    if plain:
        assert not (address.is_private or address.is_loopback or address.is_multicast or address.is_reserved)


@pytest.mark.parametrize("address", [address for address in NEAR if ":" not in address or "%" not in address])
async def test_a_host_near_us_is_refused_at_registration(small_hooks: Any, address: str) -> None:
    """By name, next to a public address, and written as an address."""
    small_hooks.addresses["evil.example"] = [address]
    small_hooks.addresses["mixed.example"] = ["8.8.8.8", address]
    literal = f"[{address}]" if ":" in address else address
    small_hooks.addresses[address] = [address]
    for host in ("evil.example", "mixed.example", literal):
        if " " in host:
            continue
        answer = await small_hooks.post("/v1/webhooks", {"url": f"https://{host}/", "events": ["*"]})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "url"), host
    assert (await small_hooks.get("/v1/webhooks")).json()["data"] == []


@pytest.mark.parametrize(
    "host", ["localhost", "localhost.", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::1]"]
)
async def test_other_ways_to_write_loopback_resolve_to_it_and_are_refused(host: str) -> None:
    with pytest.raises(RefusedUrlError):
        await Guard(resolve=system_resolver).check(f"https://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "gopher://hooks.example/",
        "//hooks.example/",
        "hooks.example",
        "https://",
        "https:///path",
        "https://user:word@hooks.example/",
        "https://hooks.example@10.0.0.1/",
        "https://hooks.example/#x",
        "https://hooks.example:0/",
        "https://hooks.example:99999/",
        "https://[::1/",
        "https://exa mple/",
    ],
)
async def test_a_url_of_another_form_is_refused_without_asking_who_it_is(url: str) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise AssertionError("asked")

    with pytest.raises(RefusedUrlError):
        await Guard(resolve=resolve).check(url)


async def test_a_host_that_cannot_be_found_is_refused() -> None:
    async def nothing(host: str, port: int) -> Sequence[str]:
        return []

    async def error(host: str, port: int) -> Sequence[str]:
        raise OSError

    for resolve in (nothing, error):
        with pytest.raises(RefusedUrlError, match="can be found"):
            await Guard(resolve=resolve).check("https://hooks.example/")


async def test_a_name_that_turns_private_later_is_refused_at_delivery(hooks: Any) -> None:
    made = await hooks.endpoint()
    await hooks.happen()
    hooks.addresses["hooks.example"] = ["169.254.169.254"]
    await hooks.rounds(seconds=10)
    assert hooks.receiver.seen == []
    (row,) = await hooks.deliveries(made["webhook_id"])
    assert (row["state"], row["attempts"], row["error"]) == ("pending", 1, "address_refused")
    hooks.addresses["hooks.example"] = ["8.8.8.8"]
    await hooks.rounds()
    assert len(hooks.receiver.seen) == 1


async def test_the_connection_goes_to_the_address_that_was_looked_at(small_hooks: Any) -> None:
    """A name that is public when it is looked at and private a moment later: there is no second look."""
    asked = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return ["8.8.8.8"] if len(asked) == 1 else ["10.0.0.1"]

    receiver = small_hooks.receiver
    sender = Sender(Guard(resolve=rebinding), httpx.MockTransport(receiver.handle))
    assert (await sender.post("https://evil.example:8443/x?y=1", {}, "{}")).delivered
    (request,) = receiver.seen
    assert asked == [("evil.example", 8443)]
    assert str(request.url) == "https://8.8.8.8:8443/x?y=1"
    assert request.headers["host"] == "evil.example:8443"
    assert request.extensions["sni_hostname"] == "evil.example"
    assert (await sender.post("https://evil.example:8443/x", {}, "{}")).error == "address_refused"
    assert len(receiver.seen) == 1
    await sender.close()


async def test_another_address_of_the_host_is_tried_when_the_first_cannot_be_reached(small_hooks: Any) -> None:
    receiver = small_hooks.receiver
    small_hooks.addresses["hooks.example"] = ["2606:4700::1111", "8.8.8.8"]
    receiver.answer = lambda request: 200 if request.url.host == "8.8.8.8" else httpx.ConnectError("no route")
    assert (await small_hooks.sender.post("https://hooks.example/", {}, "{}")).delivered
    assert [request.url.host for request in receiver.seen] == ["2606:4700::1111", "8.8.8.8"]
    assert str(receiver.seen[0].url) == "https://[2606:4700::1111]/"
    receiver.answer = lambda request: httpx.ConnectError("no route")
    assert (await small_hooks.sender.post("https://hooks.example/", {}, "{}")).error == "no_connection"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_is_no_success(small_hooks: Any, status: int) -> None:
    receiver = small_hooks.receiver
    receiver.answer = lambda _: httpx.Response(status, headers={"Location": "https://169.254.169.254/latest/"})
    outcome = await small_hooks.sender.post("https://hooks.example/", {}, "{}")
    assert (outcome.delivered, outcome.status, outcome.error) == (False, status, "redirect")
    assert len(receiver.seen) == 1


async def test_no_cookie_is_kept_and_of_an_endless_answer_only_the_start_is_read(small_hooks: Any) -> None:
    read = 0

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            nonlocal read
            while True:
                read += 256
                yield b"x" * 256

    small_hooks.receiver.answer = lambda _: httpx.Response(
        200, headers={"Set-Cookie": "a=b", "Content-Encoding": "gzip"}, stream=Endless()
    )
    for _ in range(2):
        assert (await small_hooks.sender.post("https://hooks.example/", {}, "{}")).delivered
    assert read <= 2 * (MOST_BYTES + 256)
    assert all("cookie" not in request.headers for request in small_hooks.receiver.seen)


@pytest.mark.parametrize("error", [httpx.ReadTimeout("x"), httpx.ConnectTimeout("x"), httpx.RemoteProtocolError("x")])
async def test_every_way_to_fail_is_an_outcome(small_hooks: Any, error: Exception) -> None:
    small_hooks.receiver.answer = lambda _: error
    outcome = await small_hooks.sender.post("https://hooks.example/", {}, "{}")
    assert outcome.error in {"timeout", "broken_answer"}
    assert outcome.receiver_down


async def test_plain_http_and_private_addresses_are_for_development(tmp_path: Path) -> None:
    """On real sockets: the developer's own receiver hears, and production's guard never opens a connection to it."""
    heard: list[bytes] = []
    server = await asyncio.start_server(_answering(heard), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for guard, expected in ((Guard(allow_private=True), 204), (Guard(), None)):
        sender = Sender(guard)
        for scheme in ("http", "https") if expected is None else ("http",):
            outcome = await sender.post(f"{scheme}://localhost:{port}/in", {"webhook-id": "evt_1"}, '{"a":1}')
            assert outcome.status == expected
        await sender.close()
    server.close()
    await server.wait_closed()
    assert len(heard) == 1
    assert b"webhook-id: evt_1" in heard[0]
    assert f"Host: localhost:{port}".encode().lower() in heard[0].lower()


async def test_tls_is_checked_against_the_name_though_the_connection_is_to_an_address(tmp_path: Path) -> None:
    server_side, client_side = _certificate(tmp_path, "hooks.example")
    heard: list[bytes] = []
    server = await asyncio.start_server(_answering(heard), "127.0.0.1", 0, ssl=server_side)
    port = server.sockets[0].getsockname()[1]

    async def home(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    inner = httpx.AsyncHTTPTransport(verify=client_side, trust_env=False)
    sender = Sender(Guard(allow_private=True, resolve=home), inner)
    assert (await sender.post(f"https://hooks.example:{port}/", {}, "{}")).status == 204
    assert (await sender.post(f"https://other.example:{port}/", {}, "{}")).error == "no_connection"
    await sender.close()
    server.close()
    await server.wait_closed()
    assert len(heard) == 1


def _answering(heard: list[bytes]) -> Any:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    return handle


def _certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "certificate.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))
