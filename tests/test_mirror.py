"""
Tests mirror modules: what is tested where, so that a stranger finds the tests of a module without a search.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "txsocketio"

#: Modules without a test module of their own: where they are tested (from tests/), and why there.
ELSEWHERE = {
    "interfaces.py": ("test_docs.py", "contracts without code: each class that promises one verifies it"),
    "redis/adapter.py": ("redis/cluster/test_adapter.py", "the public name of what the cluster's adapter does"),
    "redis/cluster/messages.py": ("redis/cluster/test_adapter.py", "what the adapter publishes is made there"),
    "redis/cluster/receiver.py": ("redis/cluster/test_adapter.py", "what the adapter receives is told apart there"),
    "redis/emitter.py": ("integration/test_redis_emitter.py", "a publisher is nothing without a Redis"),
    "redis/formats/checks.py": ("redis/formats/test_node.py", "a part of reading messages"),
    "redis/formats/values.py": ("redis/cluster/test_adapter.py", "the values that messages carry"),
    "redis/link/connection.py": ("integration/test_redis_link.py", "a connection to a real Redis"),
    "redis/link/endpoints.py": ("integration/test_redis_link.py", "where a real Redis is reached"),
    "redis/link/link.py": ("integration/test_redis_link.py", "a link to a real Redis"),
    "redis/link/sentinel.py": ("integration/test_redis_faults.py", "a master that a real Sentinel promotes"),
    "redis/link/session.py": ("integration/test_redis_link.py", "one life of a link, to a real Redis"),
    "redis/link/state.py": ("integration/test_redis_faults.py", "the states of a link while a real Redis fails"),
    "redis/python_publishers.py": ("redis/test_dropped.py", "what cannot be used of it; the rest with real publishers"),
    "support/clock.py": ("limits/test_clock.py", "that all of the library asks no other clock"),
    "support/types.py": ("test_docs.py", "names of types without code"),
    "testing/client.py": ("testing/test_connecting.py", "what connect() gives"),
    "testing/connection.py": ("testing/test_connecting.py", "the other end of what connect() gives"),
    "transports/http/exchange.py": ("transports/polling/test_transport.py", "a request that waits for its answer"),
    "transports/polling/posts.py": ("transports/polling/test_transport.py", "the other half of polling"),
    "transports/site.py": ("transports/test_former_places.py", "where a public name was before"),
    "transports/snapshot.py": ("transports/test_former_places.py", "where a public name was before"),
    "transports/unsent.py": ("server/test_leaving.py", "what has not left yet when the server ends"),
    "transports/websocket/autobahn.py": ("transports/websocket/test_transport.py", "what Autobahn is told to do"),
    "transports/websocket/deflate.py": ("limits/test_websocket_sizes.py", "compressed messages and their sizes"),
}

#: Rooms that mirror no package: each has its one subject.
ROOMS = {
    "benchmarks": "the benchmarks' own tests",
    "fuzz": "the fuzzer, and a short run of it",
    "hostile": "clients that send what nobody would",
    "integration": "real sockets, processes, browsers, Redis servers and published clients",
    "kits": "that the kits do what real connections do",
    "limits": "what each option does and bounds, from the bytes to the handler and back",
    "soak": "the soak, and a short run of it",
}

#: Test modules that cross modules, and what is seen across them.
CROSSING = {
    "core/test_dispatch_decorated.py": "dispatch through a decorator of exceptions",
    "core/test_dispatch_hooks.py": "dispatch along gevent-socketio's hooks",
    "protocol/test_any_input.py": "every decoder, fed with anything",
    "redis/test_dropped.py": "what arrives by Redis and nobody can use",
    "redis/test_import.py": "what the package says where msgpack is missing",
    "test_authentication.py": "who a client is, from the request to the portal",
    "test_call_budget.py": "calls that a message costs",
    "test_call_budget_connect.py": "calls that a connection's life costs",
    "test_call_budget_polling.py": "calls that a polled packet costs",
    "test_disconnection_matrix.py": "every way to end, for every kind of handler",
    "test_docs.py": "the documentation against the code",
    "test_examples.py": "the documentation's programs",
    "test_exports.py": "the public names",
    "test_gevent_examples.py": "what gevent-socketio's documentation shows",
    "test_house.py": "the laws of the house",
    "test_mirror.py": "this law",
    "test_namespace_addressing.py": "whom a namespace sends to",
    "test_namespace_sending.py": "what a namespace sends, and what is acknowledged",
    "test_packaging.py": "what a wheel holds",
    "test_readme.py": "what the README shows",
    "test_typing_app.py": "an application that only a type checker reads",
    "test_walks.py": "how far the rarer things that happen walk through the house",
    "transports/http/test_http2.py": "polling over HTTP/2",
    "transports/http/test_pages.py": "origins and hosts on every way in",
    "transports/test_engineio3.py": "whole conversations with Engine.IO 3",
    "transports/test_floods.py": "lines that need no session, told once and counted",
    "transports/test_former_places.py": "public names at the places where they were before",
    "transports/test_offers.py": "unknown sessions that are offered to others",
    "transports/websocket/test_fast_events.py": "events taken from bytes beside those that are parsed",
    "transports/websocket/test_secure.py": "WebSockets over TLS and beside HTTP/2",
    "transports/websocket/test_slices.py": "reads that are parsed in slices",
    "transports/websocket/test_streams.py": "streams cut anywhere, with the fast reader and without",
}


def mirror_of(module: str) -> str:
    """
    Give the place of a module's tests.
    """
    path = Path(module)
    return str(path.with_name(f"test_{path.name}"))


class Mirror(SynchronousTestCase):
    def setUp(self) -> None:
        found = PACKAGE.rglob("*.py")
        self.modules = {str(path.relative_to(PACKAGE)) for path in found if path.name != "__init__.py"}
        self.tests = {
            str(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py") if "node_modules" not in path.parts
        }

    def test_every_module_has_tests_at_its_place_or_is_listed_with_theirs(self) -> None:
        missing = {module for module in self.modules if mirror_of(module) not in self.tests}
        self.assertEqual(missing, set(ELSEWHERE))

    def test_where_modules_are_tested_elsewhere_there_are_tests(self) -> None:
        self.assertEqual({place for place, _ in ELSEWHERE.values()} - self.tests, set())

    def test_test_modules_that_mirror_nothing_are_listed_as_crossing(self) -> None:
        mirrors = {mirror_of(module) for module in self.modules}
        others = {test for test in self.tests - mirrors if Path(test).parts[0] not in ROOMS}
        self.assertEqual(others, set(CROSSING))

    def test_every_room_of_tests_is_a_package_or_is_listed(self) -> None:
        rooms = {Path(test).parts[0] for test in self.tests if len(Path(test).parts) > 1}
        packages = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
        self.assertEqual(rooms - packages, set(ROOMS))
