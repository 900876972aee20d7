"""One file from the web under limits, for images that a caller allowed to be fetched."""

import ipaddress
import socket
import time
from dataclasses import dataclass

import httpx2

from bakeoff.errors import InputError

TIMEOUT = 15.0
MAX_REDIRECTS = 3
NOT_FOR_GUESTS = frozenset({"168.63.129.16"})  # Azure's host agent has a public address but serves each machine itself


@dataclass(frozen=True)
class _Target:
    url: httpx2.URL
    addresses: tuple[str, ...]


def fetch(url: str, max_bytes: int, timeout: float = TIMEOUT) -> bytes:
    """The body at an http(s) address: at most `max_bytes`, within `timeout` seconds, after at most MAX_REDIRECTS.

    Every hop's host is looked up once, all its addresses must be public, and the connection goes to one of those
    addresses, so that a second look-up cannot lead elsewhere (DNS rebinding); TLS still checks the host's name. Proxy
    settings of the environment are not used: a proxy would look the name up itself. Only the name look-up has no time
    limit of its own. What the body is, is for the caller to check: headers are not trusted. Raises InputError.
    """
    deadline = time.monotonic() + timeout
    current = _parse(url)
    with httpx2.Client(trust_env=False, follow_redirects=False) as client:
        for _ in range(MAX_REDIRECTS + 1):
            answer = _answer(client, _look_up(current), max_bytes, deadline)
            if isinstance(answer, bytes):
                return answer
            current = answer
    raise InputError(f"the server redirects more than {MAX_REDIRECTS} times; give the final address")


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet: no private, loopback, link-local, shared or multicast
    range, and no IPv6 form that carries an IPv4 address inside."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address) and (
        ip not in ipaddress.ip_network("2000::/3") or ip.sixtofour is not None or ip.teredo is not None
    ):
        return False
    return ip.is_global and not ip.is_multicast and address not in NOT_FOR_GUESTS


def _parse(url: str | httpx2.URL) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, TypeError) as error:
        raise InputError(f"is not a web address ({error})") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InputError("is not an http or https address with a host")
    if parsed.userinfo:
        raise InputError("addresses with a user name or password are refused")
    return parsed


def _look_up(url: httpx2.URL) -> _Target:
    host = url.raw_host.decode("ascii").strip("[]")
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InputError(f"the host {host} cannot be found ({error})") from None
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not is_public(address):
            raise InputError(f"the host {host} leads to {address}, which is not a public address: refused")
    return _Target(url, addresses)


def _answer(client: httpx2.Client, target: _Target, max_bytes: int, deadline: float) -> bytes | httpx2.URL:
    """The body, or the address of a redirect."""
    failure = "the host has no address"
    for address in target.addresses:
        request = client.build_request(
            "GET",
            target.url.copy_with(host=address),
            headers={"Host": target.url.netloc.decode("ascii"), "Accept": "image/*", "Accept-Encoding": "identity"},
            timeout=_seconds_left(deadline),
            extensions={"sni_hostname": target.url.raw_host.decode("ascii")},
        )
        try:
            response = client.send(request, stream=True)
            try:
                return _read(response, target.url, max_bytes, deadline)
            finally:
                response.close()
        except httpx2.ConnectError as error:
            failure = str(error)
        except httpx2.TimeoutException:
            raise InputError("the server did not answer in time; download it into the data folder") from None
        except httpx2.HTTPError as error:
            raise InputError(f"the connection failed ({error})") from None
    raise InputError(f"no connection ({failure})")


def _read(response: httpx2.Response, url: httpx2.URL, max_bytes: int, deadline: float) -> bytes | httpx2.URL:
    if response.is_redirect:
        return _parse(url.join(response.headers.get("location", "")))
    if response.status_code != 200:
        raise InputError(f"the server answered with HTTP status {response.status_code}")
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise InputError(f"the file has more than {max_bytes:,} bytes: refused")
        _seconds_left(deadline)
    return bytes(body)


def _seconds_left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise InputError("the download takes too long: refused; download it into the data folder")
    return left
