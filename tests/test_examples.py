"""
The programs that the documentation shows, run as they are but for their ports.
"""

from __future__ import annotations

import ast
import datetime
import os
import shutil
import socket
import ssl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NoReturn

import engineio
import requests
import socketio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.defer import Deferred
from twisted.internet.ssl import Certificate
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.processes import ROOT, free_port, run, script, started
from txsocketio import ConnectionRefused
from txsocketio.errors import AckTimeout
from txsocketio.testing import Client, connect
from txsocketio.transports.http.snapshot import HandshakeRequest

EXAMPLES = ROOT / "docs" / "examples"
JS_CLIENT = ROOT / "tests" / "integration" / "js" / "node_modules" / "sio4"
PATIENCE = 10


class ExampleCase(SynchronousTestCase):
    """
    Import examples as programs in their directory do.
    """

    def setUp(self) -> None:
        self.patch(sys, "path", [str(EXAMPLES), *sys.path])
        for path in EXAMPLES.glob("*.py"):
            self.addCleanup(sys.modules.pop, path.stem, None)

    def load(self, name: str) -> Any:
        return import_module(name)

    def connect(self, *args: Any, **kwargs: Any) -> Client:
        client: Client = self.successResultOf(connect(*args, **kwargs))
        return client

    def answer(self, client: Client, *event: Any) -> Any:
        return self.successResultOf(client.call(*event))


class HandlerTests(ExampleCase):
    """
    What the how-to says of handlers.
    """

    def test_acknowledgements(self) -> None:
        client = self.connect(self.load("handlers").Handlers)
        later, twice = client.call("later", 3), client.call("twice", 3)
        for event, expected in (
            (("add", 1, 2), 3),
            (("list",), [1, 2]),
            (("nothing",), None),
            (("two words",), "a space in the name is an underscore here"),
            (("user:rename", "ann"), "now ann"),
            (("user.rename", "bob"), "now bob"),
            (("raw", 1), ["ack", "args", "endpoint", "id", "name", "type"]),
            (("else", 1, 2), "else with 2 arguments"),
        ):
            self.assertEqual(self.answer(client, *event), expected)
        self.assertNoResult(client.call("never"))
        client.advance(3)
        self.assertEqual(self.successResultOf(later), "later")
        self.assertEqual(self.successResultOf(twice), ("first", "second"))

    def test_one_by_one(self) -> None:
        client = self.connect(self.load("handlers").OneByOne)
        slow, fast = client.call("wait", 5), client.call("wait", 1)
        client.advance(5)
        self.assertEqual(self.successResultOf(slow), 5)
        self.assertNoResult(fast)
        client.advance(1)
        self.assertEqual(self.successResultOf(fast), 1)

    def test_asking_the_client(self) -> None:
        client = self.connect(self.load("handlers").Asking)
        client.answer("question", lambda question: f"{question}? yes")
        self.assertEqual(self.answer(client, "ask", "tea"), "you said tea? yes")

    def test_a_client_that_does_not_answer(self) -> None:
        client = self.connect(self.load("handlers").Asking)
        self.assertNoResult(client.call("ask", "tea"))
        client.advance(10)
        self.assertEqual(len(self.flushLoggedErrors(AckTimeout)), 1)

    def test_tests(self) -> None:
        names = ("test_chat", "test_members", "test_guarded")
        done = run(
            script("trial"), f"--temp-directory={Path(self.mktemp()).resolve()}", *names, cwd=EXAMPLES, path=EXAMPLES
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("PASSED (successes=8)", done.stdout)


class BroadcastingTests(ExampleCase):
    """
    What the how-to says of sending to many.
    """

    def setUp(self) -> None:
        super().setUp()
        self.auction = self.load("auction")
        self.ann = self.connect(self.auction.Auction)
        self.server = self.ann.server
        self.lots = self.auction.Lots(self.server)
        self.bob, self.cy = (self.connect(server=self.server) for _ in "bc")
        for client, name in ((self.ann, "ann"), (self.bob, "bob"), (self.cy, "cy")):
            client.emit("enter", "lamp", name)
        self.assertEqual(self.got()[0], [("entered", ("bob",)), ("entered", ("cy",))])

    def got(self) -> list[Any]:
        got = [client.received[:] for client in (self.ann, self.bob, self.cy)]
        for client in (self.ann, self.bob, self.cy):
            client.received.clear()
        return got

    def test_handlers(self) -> None:
        self.cy.namespace.join("press")
        self.ann.emit("bid", "lamp", 7)
        self.assertEqual(self.got(), [[], [("bid", ("ann", 7))], [("some bid", (7,))]])
        self.bob.emit("point", "lamp", 1, 2)
        self.assertEqual(self.got(), [[("pointed", ("bob", 1, 2))], [], [("pointed", ("bob", 1, 2))]])

    def test_asking(self) -> None:
        self.bob.answer("question", lambda question: f"{question}? yes")
        asking = self.ann.call("ask", "lamp", "old")
        self.ann.advance(9)
        self.assertNoResult(asking)
        self.ann.advance(1)
        self.assertEqual(self.successResultOf(asking), ["old? yes"])

    def test_from_outside(self) -> None:
        clock = self.auction.Clock(self.server)
        self.cy.namespace.leave("lamp")
        clock.tick(3)
        self.assertEqual(self.got(), [[("left", (3,))]] * 3)
        clock.last_call("lamp")
        self.assertEqual(self.got(), [[("going, going", ())]] * 2 + [[]])

    def test_closing_a_lot(self) -> None:
        self.assertEqual(self.lots.seen, {"lamp"})
        names = self.successResultOf(Deferred.fromCoroutine(self.auction.close(self.server, "lamp")))
        self.assertEqual(names, ["ann", "bob", "cy"])
        self.assertEqual(self.got(), [[("thank you", (name,))] for name in names])
        self.assertEqual(self.lots.seen, set())
        self.auction.throw_out(self.server, self.bob.sid)
        self.assertEqual([client.reason is None for client in (self.ann, self.bob, self.cy)], [True, False, True])

    def test_rates(self) -> None:
        rates = self.auction.Rates(self.server)
        rates.heard("EUR", 2)
        answers: list[Any] = []
        receive = self.server.mounts["/auction"].local.server_side_received
        receive(["rate", "GBP", 3])
        receive(["rates?"], answers.append)
        self.assertEqual(answers, [{"EUR": 2, "GBP": 3}])
        self.successResultOf(Deferred.fromCoroutine(rates.ask_the_others()))
        self.assertEqual(rates.known, {"EUR": 2, "GBP": 3})


class AccessTests(ExampleCase):
    """
    Access lists and twisted.cred.
    """

    def test_a_club(self) -> None:
        club = self.load("acl").Club
        ann = self.connect(club, auth={"nick": "ann"})
        bob = self.connect(club, auth={"nick": "bob"}, server=ann.server)
        self.assertNoResult(ann.call("say", "hi"))
        self.assertEqual(ann.received[-1].args[0], "method_access_denied")
        self.assertIs(self.answer(ann, "knock", "foe"), False)
        self.assertIs(self.answer(ann, "knock", "friend"), True)
        self.assertIs(self.answer(bob, "knock", "chairman"), True)
        self.answer(ann, "say", "hi")
        self.assertEqual(bob.received, [("said", ("ann", "hi"))])
        self.answer(bob, "silence", "ann")
        self.assertNoResult(ann.call("say", "hi"))
        self.assertNoResult(ann.call("silence", "bob"))

    def come(self, way: str, auth: Any = None, **kwargs: Any) -> Any:
        members = self.load("members")
        return connect(
            members.namespaces, auth, namespace=way, portal=members.portal, request=HandshakeRequest(**kwargs)
        )

    def test_four_ways(self) -> None:
        certificate = Certificate.loadPEM(Authority().issue("ann"))
        for way, auth, handshake in (
            ("/payload", {"name": "ann", "password": "secret"}, {}),
            ("/cookie", None, {"headers": {"Cookie": ["session=3f9d"]}}),
            ("/basic", None, {"headers": {"Authorization": ["Basic YW5uOnNlY3JldA=="]}}),
            ("/certificate", None, {"certificate": certificate}),
        ):
            client = self.successResultOf(self.come(way, auth, **handshake))
            self.assertEqual(self.answer(client, "say", "hi"), "ok")
            self.assertNoResult(client.call("kick", "bob"))
            self.assertEqual(client.received[-1].args[0], "method_access_denied")
            self.assertEqual(client.namespace.avatar.name, "ann")

    def test_refusals_do_not_say_why(self) -> None:
        for way, auth, handshake in (
            ("/payload", None, {}),
            ("/payload", {"name": 1, "password": []}, {}),
            ("/payload", {"name": "ann", "password": "wrong"}, {}),
            ("/payload", {"name": "nobody", "password": "secret"}, {}),
            ("/cookie", None, {}),
            ("/cookie", None, {"headers": {"Cookie": ["session=1"]}}),
            ("/basic", None, {}),
            ("/basic", None, {"headers": {"Authorization": ["Basic YW5uOndyb25n"]}}),
            ("/certificate", None, {}),
        ):
            failure = self.failureResultOf(self.come(way, auth, **handshake), ConnectionRefused)
            self.assertEqual((failure.value.message, failure.value.data), ("not authorized", None))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_moderator_kicks(self) -> None:
        members = self.load("members")
        ann = self.connect(
            members.namespaces, {"name": "ann", "password": "secret"}, namespace="/payload", portal=members.portal
        )
        mod = self.connect(None, {"name": "mod", "password": "more secret"}, namespace="/payload", server=ann.server)
        self.answer(mod, "kick", "ann")
        self.assertEqual(ann.reason, ("io server disconnect", "server namespace disconnect"))

    def test_handing_the_avatar_on(self) -> None:
        office, members = self.load("office"), self.load("members")
        classes = {"/hall": office.Hall, "/office": office.Office}
        hall = self.connect(
            classes, {"name": "mod", "password": "more secret"}, namespace="/hall", portal=members.portal
        )
        room = self.successResultOf(hall.connect("/office"))
        self.assertEqual(self.answer(room, "kick", "ann"), "mod kicks ann")
        stranger = connect(None, namespace="/office", server=hall.server)
        self.assertEqual(self.failureResultOf(stranger, ConnectionRefused).value.message, "enter the hall first")


class MigrationTests(ExampleCase):
    """
    The worked example, after; of the one before only what can be read is checked.
    """

    def talk(self, chat: Any) -> None:
        classes = {"/chat": chat, "/news": self.load("migrated_chat").NewsNamespace}
        ann = self.connect(classes, namespace="/chat")
        bob = self.connect(None, namespace="/chat", server=ann.server)
        news = self.successResultOf(ann.connect("/news"))
        self.successResultOf(bob.connect("/news"))
        bob.emit("join", "tea")
        self.assertEqual(bob.received[-1].args[0], "method_access_denied")
        self.assertEqual(self.answer(ann, "nickname", "ann"), (True, "ann"))
        self.assertEqual(self.answer(bob, "nickname", "bob"), (True, "bob"))
        self.assertEqual(news.received, [("greeting", ("ann",))])
        self.answer(bob, "join", "tea")
        self.answer(ann, "say", "tea", "hot")
        self.assertEqual(bob.received[-1], ("said", ("ann", "hot")))
        meaning = ann.call("look up", "tea")
        ann.emit("look up", "coffee")
        ann.advance(1)
        self.assertEqual(self.successResultOf(meaning), "a drink")
        self.assertEqual(ann.received[-1], ("error", ("not_found", "'coffee'")))
        ann.advance(59)
        self.assertEqual(ann.received[-1], ("time", (60.0,)))
        ann.close()
        self.assertEqual(bob.received[-1], ("announcement", ("ann has left",)))
        ann.advance(5)
        self.assertEqual(ann.namespace.jobs, [])

    def test_with_names(self) -> None:
        self.talk(self.load("migrated_chat").ChatNamespace)

    def test_with_interfaces(self) -> None:
        self.talk(self.load("migrated_acl").ChatNamespace)

    def test_before_and_after_have_the_same_methods(self) -> None:
        before, after = (methods(EXAMPLES / f"{name}.py") for name in ("gevent_chat", "migrated_chat"))
        self.assertEqual(before, after)


def methods(path: Path) -> dict[str, list[str]]:
    classes = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ClassDef)]
    return {cls.name: [node.name for node in cls.body if hasattr(node, "args")] for cls in classes}  # type: ignore[attr-defined]


class Authority:
    """
    Make certificates.
    """

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "an authority")])
        self.pem = self._sign(self._name, self._key, is_authority=True)

    def _sign(self, name: x509.Name, key: Any, is_authority: bool = False) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder(self._name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def issue(self, name: str) -> bytes:
        """
        Give a key and a certificate in one file.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), key)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return key.private_bytes(*form) + certificate


class Talker:
    """
    A client of python-socketio in one namespace, which remembers the events it gets.
    """

    def __init__(self, url: str, namespace: str = "/chat", files: Path | None = None, **options: Any) -> None:
        """
        :param files: has ``authority.pem``, and in ``client.pem`` the certificate to show, if there is one.
        """
        self._namespace = namespace
        self._events: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
        session = requests.Session()
        # Another bundle of authorities in the environment would be preferred.
        session.trust_env = False
        if files is not None:
            session.verify = str(files / "authority.pem")
            session.cert = str(files / "client.pem") if (files / "client.pem").exists() else None
        self._client = socketio.Client(http_session=session)
        self._client.on("*", lambda *event: self._events.put(event), namespace=namespace)
        self._client.connect(url, namespaces=[namespace], wait_timeout=PATIENCE, **options)

    def call(self, event: str, data: Any) -> Any:
        return self._client.call(event, data, namespace=self._namespace, timeout=PATIENCE)

    def next(self) -> tuple[Any, ...]:
        return self._events.get(timeout=PATIENCE)

    def close(self) -> None:
        self._client.disconnect()


class ServedTests(SynchronousTestCase):
    """
    Examples that listen, under ``twistd``, and clients over loopback.
    """

    def setUp(self) -> None:
        # Short, for the path of a UNIX socket.
        self.directory = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory)
        self.clients = ExitStack()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        for path in EXAMPLES.iterdir():
            if path.is_file():
                text = path.read_text("utf-8").replace("8000", str(self.port)).replace("8443", str(self.port))
                (self.directory / path.name).write_text(text, "utf-8")

    @contextmanager
    def running(self, *arguments: str) -> Iterator[None]:
        command = (script("twistd"), "--pidfile=", *arguments)
        ready = f"starting on {self.port}"
        # Clients are closed before their server: they would wait for it.
        with started(*command, cwd=self.directory, until=ready, path=self.directory), self.clients:
            yield

    def talker(self, *args: Any, **options: Any) -> Talker:
        return self.clients.enter_context(closing(Talker(*args, **options)))

    def chats(self, url: str, **options: Any) -> None:
        ann = self.talker(url, auth={"nick": "ann"}, transports=["polling"], **options)
        bob = self.talker(url, transports=["websocket"], **options)
        cid = self.talker(url, **options)
        self.assertEqual(ann.call("say", "hello \U0001f600"), "ok")
        self.assertEqual(bob.next(), ("said", "ann", "hello \U0001f600"))
        self.assertEqual(cid.next(), ("said", "ann", "hello \U0001f600"))

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=PATIENCE, allow_redirects=False, **options)

    def test_site(self) -> None:
        (self.directory / "htdocs").mkdir()
        (self.directory / "htdocs" / "index.html").write_text("the page", "utf-8")
        with self.running("-ny", "chat_site.py"):
            self.chats(self.url)
            self.assertEqual(self.get("/").text, "the page")

    def test_bounded_site(self) -> None:
        with self.running("-ny", "bounded_site.py"):
            self.chats(self.url)
            with closing(socket.create_connection(("127.0.0.1", self.port), PATIENCE)) as connection:
                # Answered at the header: no byte of the body is ever sent.
                connection.sendall(b"POST /socket.io/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000001\r\n\r\n")
                self.assertEqual(connection.recv(1000).split()[1], b"413")

    def test_server(self) -> None:
        with self.running("-ny", "chat_server.py"):
            self.chats(self.url)
            self.assertEqual(self.talker(self.url).next(), ("news", 1))
            handshake = "/socket.io/?EIO=4&transport=polling"
            foreign = self.get(handshake, headers={"Origin": "https://example.org"})
            self.assertEqual(foreign.headers["Access-Control-Allow-Origin"], "https://example.org")
            self.assertIn('"pingInterval":20000', foreign.text)
            with closing(socket.socket(socket.AF_UNIX)) as connection:
                connection.settimeout(PATIENCE)
                connection.connect(str(self.directory / "chat.socket"))
                connection.sendall(f"GET {handshake} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                self.assertEqual(connection.recv(1000).split()[1], b"200")

    def test_klein(self) -> None:
        with self.running("-ny", "klein_site.py"):
            self.chats(self.url)
            self.assertEqual(self.get("/").text, "hello")
            for path in ("/socket.io", "/socket.io/"):
                self.assertEqual(self.get(f"{path}?EIO=4&transport=polling").status_code, 200)
                self.assertEqual(self.upgrade(path), 101)

    def test_klein_with_one_route(self) -> None:
        text = (self.directory / "klein_site.py").read_text("utf-8")
        (self.directory / "one_route.py").write_text(text.replace('@app.route("/socket.io", branch=True)\n', ""))
        with self.running("-ny", "one_route.py"):
            self.assertEqual(self.get("/socket.io?EIO=4&transport=polling").status_code, 308)
            self.assertEqual(self.upgrade("/socket.io"), 308)
            self.assertEqual(self.upgrade("/socket.io/"), 101)

    def upgrade(self, path: str) -> int:
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
        }
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request("GET", f"{path}?EIO=4&transport=websocket", headers=headers)
            return connection.getresponse().status

    def test_engine(self) -> None:
        with self.running("-ny", "engine_echo.py"):
            for transport in ("polling", "websocket"):
                received: SimpleQueue[Any] = SimpleQueue()
                client = engineio.Client()
                client.on("message", received.put)
                client.connect(self.url, transports=[transport])
                self.addCleanup(client.disconnect)
                for message in ("text", b"\x00\xff"):
                    client.send(message)
                    self.assertEqual(received.get(timeout=PATIENCE), message)

    def test_tls(self) -> None:
        authority = Authority()
        pem = authority.issue("localhost")
        for name, content in (("key.pem", pem), ("cert.pem", pem), ("authority.pem", authority.pem)):
            (self.directory / name).write_bytes(content)
        page = (ROOT / "docs" / "howto" / "tls.rst").read_text("utf-8")
        command = page.partition("   $ twistd ")[2].partition("\n")[0]
        with self.running(*command.replace("8443", f"{self.port}:interface=127.0.0.1").split()):
            self.chats(f"https://localhost:{self.port}", files=self.directory)

    def test_client_certificates(self) -> None:
        authority = Authority()
        for name, pem in (
            ("authority.pem", authority.pem),
            ("server.pem", authority.issue("localhost")),
            ("client.pem", authority.issue("ann")),
            ("mallory.pem", Authority().issue("ann")),
        ):
            (self.directory / name).write_bytes(pem)
        url = f"https://localhost:{self.port}"
        with self.running("-ny", "members_tls.py"):
            for transport in ("polling", "websocket"):
                ann = self.talker(url, "/certificate", self.directory, transports=[transport])
                self.assertEqual(ann.call("say", "hi"), "ok")
            for name in ("mallory.pem", None):
                with self.assertRaises((ssl.SSLError, ConnectionError)):
                    self.shake_hands(name)

    def shake_hands(self, name: str | None) -> None:
        context = ssl.create_default_context(cafile=str(self.directory / "authority.pem"))
        if name is not None:
            context.load_cert_chain(self.directory / name)
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        with closing(context.wrap_socket(plain, server_hostname="localhost")) as connection:
            # In TLS 1.3 a client learns what becomes of its certificate when it reads.
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            if not connection.recv(1):
                raise ConnectionError("closed without an answer")

    def lack(self, what: str) -> NoReturn:
        if os.environ.get("CI") == "true":
            self.fail(what)
        raise SkipTest(what)

    def test_nginx(self) -> None:
        nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
        if nginx is None:
            self.lack("nginx is not installed")
        port = free_port()
        temporary = "".join(
            f"{kind}_temp_path {self.directory};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (self.directory / "whole.conf").write_text(
            "daemon off; master_process off; pid nginx.pid; error_log stderr notice; events {} http { access_log off;"
            f"{temporary} server {{ listen 127.0.0.1:{port}; include nginx.conf; }} }}"
        )
        proxy = (nginx, "-p", str(self.directory), "-c", "whole.conf")
        url = f"http://127.0.0.1:{port}"
        with started(*proxy, cwd=self.directory, until="getrlimit"), self.running("-ny", "chat_site.py"):
            self.chats(url)
            self.talker(url, transports=["websocket"], headers={"Origin": url})
            # What the page would have where the proxy ends TLS.
            self.talker(url, transports=["websocket"], headers={"Origin": f"https://127.0.0.1:{port}"})
            with self.assertRaises(socketio.exceptions.ConnectionError):
                self.talker(url, transports=["websocket"], headers={"Origin": "https://example.org"})

    def test_javascript(self) -> None:
        node = shutil.which("node")
        if node is None or not JS_CLIENT.is_dir():
            self.lack("Node.js or socket.io-client is not installed: see the Makefile")
        (self.directory / "node_modules").mkdir()
        (self.directory / "node_modules" / "socket.io-client").symlink_to(JS_CLIENT)
        listen = f"--listen=tcp:{self.port}:interface=127.0.0.1"
        with (self.directory / "chat.js").open("a") as page:
            page.write('chat.emit("later", 2.1, () => process.exit());\n')
        with self.running("-n", "socketio", "--namespaces=chat", listen):
            done = run(node, "chat.js", cwd=self.directory, timeout=PATIENCE)
        self.assertEqual((done.stdout, done.stderr), ("ok\ndone 2\n", ""))
