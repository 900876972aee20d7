import io
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from PIL import Image as pillow

from bakeoff.errors import InputError
from bakeoff.vision import fetch as web
from bakeoff.vision.fetch import fetch, is_public
from bakeoff.vision.images import load_image

LIMIT = 100_000


def _png() -> bytes:
    data = io.BytesIO()
    pillow.new("RGB", (20, 20), "red").save(data, format="PNG")
    return data.getvalue()


class _Site(BaseHTTPRequestHandler):
    hosts: list[str]
    released: threading.Event

    def do_GET(self) -> None:
        self.hosts.append(self.headers["Host"])
        if self.path.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to?"))
            self.end_headers()
            return
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Type", "image/png")
        self.end_headers()
        try:
            if self.path == "/endless":
                while True:
                    self.wfile.write(b"x" * 10_000)
            if self.path == "/stuck":
                self.wfile.write(b"x")
                self.released.wait(60)
            if self.path == "/a.png":
                self.wfile.write(_png())
            if self.path == "/page.png":
                self.wfile.write(b"<html>no picture</html>")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Nothing on standard error."""


@pytest.fixture
def site() -> Iterator[ThreadingHTTPServer]:
    handler = type("Site", (_Site,), {"hosts": [], "released": threading.Event()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    handler.released.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def local_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "is_public", lambda address: address == "127.0.0.1")


def _url(site: ThreadingHTTPServer, path: str) -> str:
    return f"http://127.0.0.1:{site.server_port}{path}"


@pytest.mark.usefixtures("local_is_public")
def test_an_allowed_address_is_read(site: ThreadingHTTPServer):
    loaded = load_image(_url(site, "/a.png"), allow_http=True)
    assert loaded.image.data == _png()


@pytest.mark.usefixtures("local_is_public")
def test_a_page_that_calls_itself_an_image_is_refused(site: ThreadingHTTPServer):
    with pytest.raises(InputError, match=r"image 1 \(http://127.0.0.1:\d+/page.png\): is not an image"):
        load_image(_url(site, "/page.png"), allow_http=True)


@pytest.mark.usefixtures("local_is_public")
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/endless", "more than 100,000 bytes"),
        ("/missing", "HTTP status 404"),
        ("/to?ftp://example.com/a.png", "not an http or https address"),
        ("/to?file:///etc/passwd", "not an http or https address"),
        ("/to?http://127.0.0.2/a.png", "leads to 127.0.0.2, which is not a public address"),
        ("/to?http://169.254.169.254/latest", "leads to 169.254.169.254, which is not a public address"),
        ("/to?http://a:b@127.0.0.1/", "user name or password"),
        ("/to?/to?/to?/to?/a.png", "redirects more than 3 times"),
    ],
)
def test_limits_hold_at_every_hop(site: ThreadingHTTPServer, path: str, message: str):
    with pytest.raises(InputError, match=message):
        fetch(_url(site, path), LIMIT)


@pytest.mark.usefixtures("local_is_public")
def test_a_relative_redirect_is_followed(site: ThreadingHTTPServer):
    assert fetch(_url(site, "/to?/to?/a.png"), LIMIT) == _png()


@pytest.mark.usefixtures("local_is_public")
def test_a_server_that_stops_sending_is_given_up(site: ThreadingHTTPServer):
    with pytest.raises(InputError, match="did not answer in time|takes too long"):
        fetch(_url(site, "/stuck"), LIMIT, timeout=0.3)


@pytest.mark.usefixtures("local_is_public")
def test_a_closed_port_is_an_input_error(site: ThreadingHTTPServer):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(InputError, match="no connection"):
            fetch(f"http://127.0.0.1:{unused.getsockname()[1]}/", LIMIT)


def _answers(*addresses: str) -> list[tuple[Any, ...]]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in addresses]


@pytest.mark.usefixtures("local_is_public")
def test_the_checked_address_is_connected_to_and_the_name_looked_up_once(
    site: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
):
    look_up = socket.getaddrinfo
    asked = []

    def rebinding(host: str, *rest: Any, **options: Any) -> list[tuple[Any, ...]]:
        if host != "pictures.example":
            return look_up(host, *rest, **options)
        asked.append(host)
        return _answers("127.0.0.1" if len(asked) == 1 else "10.0.0.1")

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    address = f"pictures.example:{site.server_port}"
    assert fetch(f"http://{address}/a.png", LIMIT) == _png()
    assert asked == ["pictures.example"]
    assert site.RequestHandlerClass.hosts == [address]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("local_is_public")
def test_one_private_address_among_several_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: _answers("127.0.0.1", "10.0.0.1"))
    with pytest.raises(InputError, match="pictures.example leads to 10.0.0.1"):
        fetch("http://pictures.example/a.png", LIMIT)


def test_a_host_that_is_not_known_is_an_input_error(monkeypatch: pytest.MonkeyPatch):
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(InputError, match="the host pictures.example cannot be found"):
        fetch("http://pictures.example/a.png", LIMIT)


@pytest.mark.parametrize(
    "url", ["http://", "http:///a.png", "http://[::1/", "http://127.0.0.1:99999999/", "http://a b"]
)
def test_what_is_no_address_is_an_input_error(url: str):
    with pytest.raises(InputError):
        fetch(url, LIMIT)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "0.0.0.0", "[::1]", "2130706433", "0x7f000001", "127.1", "[::ffff:127.0.0.1]"]
)
def test_this_machine_is_refused_in_every_spelling(site: ThreadingHTTPServer, host: str):
    with pytest.raises(InputError, match="not a public address|cannot be found"):
        fetch(f"http://{host}:{site.server_port}/a.png", LIMIT)
    assert site.RequestHandlerClass.hosts == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700:4700::1111"])
def test_public_addresses(address: str):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "168.63.129.16", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1",
        "64:ff9b::a00:1", "2002:a00:1::", "2001::1", "2001:db8::1", "fe80::1%eth0",
    ],
)  # fmt: skip
def test_addresses_of_this_machine_or_a_private_network(address: str):
    assert not is_public(address)
