"""
``twistd socketio``: its options, and what the process does when it starts and stops.
"""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stdout
from typing import Any

from twisted.internet.testing import MemoryReactorClock

from tests.server.test_loading import NAMESPACE, InDirectory
from txsocketio.redis.cluster.adapter import NamespaceAdapter


class OptionsTests(InDirectory):
    """
    The other options become those of the server.
    """

    def setUp(self) -> None:
        super().setUp()
        self.module("sample", NAMESPACE + "class Chat(BaseNamespace):\n    ns_name = '/chat'\n")

    def engine_option(self, name: str, *arguments: str) -> Any:
        return getattr(self.parse("--namespaces=sample", *arguments).server.engine_options, name)

    def test_defaults(self) -> None:
        options = self.parse("--namespaces=sample").server.engine_options
        self.assertEqual(
            (options.path, options.transports, options.ping_interval, options.ping_timeout),
            ("/socket.io", ("polling", "websocket"), 25.0, 20.0),
        )
        self.assertEqual(options.generations, ("eio4", "eio3", "legacy"))
        self.assertEqual(options.jsonp, ("eio3", "legacy"))
        self.assertEqual((options.max_http_buffer_size, options.cors_allowed_origins), (1_000_000, None))

    def test_values(self) -> None:
        self.assertEqual(self.engine_option("path", "--path=/live/"), "/live")
        self.assertEqual(self.engine_option("transports", "--transports=websocket"), ("websocket",))
        self.assertEqual(self.engine_option("transports", "--transports=websocket, polling"), ("websocket", "polling"))
        self.assertEqual(self.engine_option("generations", "--generations=eio4"), ("eio4",))
        self.assertEqual(self.engine_option("jsonp", "--jsonp=eio4, eio3"), ("eio4", "eio3"))
        self.assertEqual(self.engine_option("jsonp", "--jsonp="), ())
        self.assertEqual(self.engine_option("ping_interval", "--ping-interval=2.5"), 2.5)
        self.assertEqual(self.engine_option("ping_timeout", "--ping-timeout=3"), 3)
        self.assertEqual(self.engine_option("max_http_buffer_size", "--max-http-buffer-size=5000"), 5000)

    def test_origins(self) -> None:
        name = "cors_allowed_origins"
        self.assertEqual(self.engine_option(name, "--cors-allowed-origins=*"), "*")
        several = ("--cors-allowed-origins=https://a.example,https://b.example", "--cors-allowed-origins=null")
        self.assertEqual(self.engine_option(name, *several), {"https://a.example", "https://b.example", "null"})

    def test_hosts(self) -> None:
        name = "allowed_hosts"
        self.assertIsNone(self.engine_option(name))
        several = ("--allowed-hosts=localhost, Chat.example.org", "--allowed-hosts=*.example.net:8000")
        self.assertEqual(self.engine_option(name, *several), {"localhost", "chat.example.org", "*.example.net:8000"})

    def test_values_that_do_not_hold(self) -> None:
        for argument, words in {
            "--path=socket.io": "path must be",
            "--transports=pigeon": "transports must name",
            "--transports=": "transports must name",
            "--generations=eio4,eio5": "generations must name",
            "--jsonp=eio5": "jsonp must name",
            "--ping-interval=soon": "ping_interval must be a number of seconds greater than 0, not 'soon'",
            "--ping-interval=nan": "ping_interval must be",
            "--ping-timeout=-1": "ping_timeout must be",
            "--max-http-buffer-size=1e6": "max_http_buffer_size must be a whole number",
            "--cors-allowed-origins=example.org": "cors_allowed_origins must be",
            "--allowed-hosts=": "allowed_hosts must be None, or names like 'example.org'",
            "--allowed-hosts=http://example.org": "allowed_hosts must be",
            "--listen=tcp:x": "--listen=tcp:x is no endpoint",
            "--listen=pigeon:1": "Unknown endpoint type",
            "--listen=": "is no endpoint",
            "--listen=ssl:0:privateKey=nowhere.pem": "is no endpoint",
            "--static=nowhere": "is no directory",
            "--pigeon=1": "pigeon",
            "--redis=http://127.0.0.1": "http is no scheme of a Redis URL",
            "--python-socketio-channel=socketio": "needs --redis=redis://HOST:PORT",
            "chat": "--namespaces=chat",
        }.items():
            self.assertIn(words, self.refused("--namespaces=sample", argument), argument)

    def test_workers(self) -> None:
        self.assertEqual(self.parse("--namespaces=sample", "--workers=1")["workers"], 1)
        for argument, words in {
            "--workers=0": "--workers=0 is no whole number from 1 to 255",
            "--workers=256": "--workers=256 is no whole number",
            "--workers=many": "--workers=many is no whole number",
            "--workers=2": "--workers=2 needs --redis=",
        }.items():
            self.assertIn(words, self.refused("--namespaces=sample", argument), argument)

    def test_workers_share_only_some_endpoints(self) -> None:
        sentence = self.refused("--namespaces=sample", "--workers=2", "--listen=tcp:8000", "--listen=haproxy:tcp:8001")
        self.assertIn("--listen=haproxy:tcp:8001 cannot be shared by workers", sentence)

    def test_the_kernel_is_asked_for_a_long_backlog(self) -> None:
        reactor = MemoryReactorClock()
        options = self.parse(
            "--namespaces=sample", "--listen=tcp:8000", "--listen=unix:sock", "--listen=tcp:1:backlog=7"
        )
        self.patch(options.server, "_reactor", reactor)
        service = options.service()
        self.assertEqual(service.descriptions, ("tcp:8000", "unix:sock", "tcp:1:backlog=7"))
        service.privilegedStartService()
        self.assertEqual([port[2] for port in (*reactor.tcpServers, *reactor.unixServers)], [4096, 7, 4096])

    def test_workers_are_told_what_was_parsed(self) -> None:
        arguments = ("--namespaces=sample", "--ping-timeout=3", "--listen", "tcp:8000")
        options = self.parse(*arguments)
        plan = options.plan()
        self.assertEqual((plan.options, plan.arguments), ("txsocketio.tap.Options", arguments))
        self.assertEqual((plan.directory, plan.descriptions), (str(self.directory), ["tcp:8000"]))
        self.assertEqual(plan.patience, 35)

    def test_redis(self) -> None:
        self.assertEqual(self.parse("--namespaces=sample").server.adapter_state.status, "up")
        given = ("--redis=redis://127.0.0.1:1", "--redis-key=mine", "--python-socketio-channel=socketio")
        server = self.parse("--namespaces=sample", *given).server
        self.assertEqual(server.adapter_state.status, "connecting")
        adapter = server.mounts["/chat"].adapter
        self.assertIsInstance(adapter, NamespaceAdapter)
        self.assertIsNot(adapter, server.mounts["/chat"].local)

    def test_redis_without_what_it_needs(self) -> None:
        known = sys.modules["txsocketio.redis"]
        self.addCleanup(sys.modules.__setitem__, "txsocketio.redis", known)
        sys.modules["txsocketio.redis"] = None  # type: ignore[assignment]
        self.assertIn("install txsocketio[redis]", self.refused("--namespaces=sample", "--redis=redis://127.0.0.1"))

    def test_help_explains_every_option(self) -> None:
        output = io.StringIO()
        with redirect_stdout(output):
            self.assertRaises(SystemExit, self.parse, "--help")
        text = " ".join(output.getvalue().split())
        for words in (
            "--namespaces=",
            "MODULE:CLASS",
            "--listen=",
            "[default: tcp:8000:interface=127.0.0.1]",
            "--path=",
            "[default: /socket.io]",
            "--static=",
            "--workers=",
            "--transports=",
            "[default: polling,websocket]",
            "--ping-interval=",
            "[default: 25.0]",
            "--ping-timeout=",
            "[default: 20.0]",
            "--max-http-buffer-size=",
            "[default: 1000000]",
            "--cors-allowed-origins=",
            "[default: only pages from the same origin]",
            "--allowed-hosts=",
            "[default: any]",
        ):
            self.assertIn(words, text)
