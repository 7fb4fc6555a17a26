"""
Options: defaults, what is refused and with which sentence, and what is made of what is given.
"""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.cred.portal import Portal
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.errors import OptionError
from txsocketio.support.options import (
    EngineArguments,
    EngineOptions,
    ManagedArguments,
    ServerOptions,
    SocketOptions,
    make_options,
    split_options,
)

MIB = 1024 * 1024

ENGINE_DEFAULTS = {
    "path": "/socket.io",
    "ping_interval": 25,
    "ping_timeout": 20,
    "upgrade_timeout": 10,
    "max_http_buffer_size": 1_000_000,
    "transports": ("polling", "websocket"),
    "allow_upgrades": True,
    "generations": ("eio4", "eio3", "legacy"),
    "cors_allowed_origins": None,
    "allowed_hosts": None,
    "jsonp": ("eio3", "legacy"),
    "cookie": None,
    "http_compression": True,
    "http_compression_threshold": 1024,
    "per_message_deflate": False,
    "allow_request": None,
    "initial_packet": None,
    "json": None,
    "max_packets_per_poll": 16,
    "max_packets_per_post": 10_000,
    "max_outgoing_bytes": 16 * MIB,
    "max_outgoing_attachments": 10,
    "max_total_outgoing_bytes": 1024 * MIB,
    "max_fragments": 1024,
    "hold_timeout": 30,
    "close_timeout": 30,
    "shutdown_silence": 5,
    "request_timeout": 160,
    "message_timeout": 160,
    "log_interval": 60,
    "fast_handshake": True,
    "fast_reader": True,
    "fast_polling": True,
}

SOCKET_DEFAULTS = {
    "connect_timeout": 45,
    "max_namespaces": 100,
    "max_unfinished_handlers": 100,
    "max_pending_acks": 1_000,
    "max_attachments": 10,
    "max_attachment_bytes": None,
    "max_held_packets": 1_000,
    "max_held_bytes": 16 * 1024 * 1024,
    "job_grace": 5,
    "error_handler": None,
    "portal": None,
    "debug": False,
}

SECONDS = (
    "ping_interval",
    "ping_timeout",
    "upgrade_timeout",
    "hold_timeout",
    "close_timeout",
    "shutdown_silence",
    "log_interval",
)
COUNTS = (
    "max_http_buffer_size",
    "max_packets_per_poll",
    "max_packets_per_post",
    "max_outgoing_attachments",
    "max_fragments",
)
SOCKET_COUNTS = (
    "max_namespaces",
    "max_unfinished_handlers",
    "max_pending_acks",
    "max_attachments",
    "max_held_packets",
    "max_held_bytes",
)


class DefaultTests(SynchronousTestCase):
    """
    What holds when nothing is said.
    """

    def test_the_engines_defaults(self) -> None:
        self.assertEqual(dataclasses.asdict(EngineOptions()), ENGINE_DEFAULTS)

    def test_the_defaults_that_socket_io_adds(self) -> None:
        self.assertEqual(dataclasses.asdict(SocketOptions()), SOCKET_DEFAULTS)

    def test_every_option_is_documented(self) -> None:
        for record, defaults in ((EngineOptions, ENGINE_DEFAULTS), (SocketOptions, SOCKET_DEFAULTS)):
            for name in defaults:
                self.assertIn(f":ivar {name}:", record.__doc__)

    def test_options_are_frozen(self) -> None:
        with self.assertRaises(dataclasses.FrozenInstanceError):
            EngineOptions().path = "/x"


class Refusals(SynchronousTestCase):
    """
    How a refusal is looked at.
    """

    def refused(self, record=EngineOptions, **options):
        """
        Assert that an option is refused with a sentence that begins with its name.
        """
        (name,) = options
        error = self.assertRaises(OptionError, record, **options)
        self.assertTrue(str(error).startswith(name), str(error))


class ValueTests(Refusals):
    """
    What each option takes.
    """

    def test_seconds_may_have_fractions_and_are_positive(self) -> None:
        for name in SECONDS:
            self.assertEqual(getattr(EngineOptions(**{name: 0.25}), name), 0.25)
            for wrong in (0, -1, "25", None, True, float("nan"), float("inf"), 10**9, b"1", 1j):
                self.refused(**{name: wrong})

    def test_the_connect_timeout_is_positive_and_the_grace_may_be_nothing(self) -> None:
        self.assertEqual(SocketOptions(job_grace=0).job_grace, 0)
        for wrong in (0, -1, None, "x", True):
            self.refused(SocketOptions, connect_timeout=wrong)
        for wrong in (-1, None, "x", False):
            self.refused(SocketOptions, job_grace=wrong)

    def test_counts_are_whole_and_positive(self) -> None:
        for record, names in ((EngineOptions, COUNTS), (SocketOptions, SOCKET_COUNTS)):
            for name in names:
                self.assertEqual(getattr(record(**{name: 1}), name), 1)
                for wrong in (0, -1, 1.5, "1", None, True):
                    self.refused(record, **{name: wrong})

    def test_a_threshold_may_be_nothing(self) -> None:
        self.assertEqual(EngineOptions(http_compression_threshold=0).http_compression_threshold, 0)
        self.refused(http_compression_threshold=-1)

    def test_attachment_bytes_may_be_left_to_the_message_limit(self) -> None:
        self.assertEqual(SocketOptions(max_attachment_bytes=5).max_attachment_bytes, 5)
        self.refused(SocketOptions, max_attachment_bytes=0)

    def test_flags_are_true_or_false(self) -> None:
        flags = "allow_upgrades", "http_compression", "per_message_deflate"
        for name in (*flags, "fast_handshake", "fast_reader", "fast_polling"):
            for wrong in (1, 0, None, "yes"):
                self.refused(**{name: wrong})
        self.refused(SocketOptions, debug=1)

    def test_transports_and_generations_are_sequences_of_known_names(self) -> None:
        self.assertEqual(EngineOptions(transports=["websocket"]).transports, ("websocket",))
        self.assertEqual(EngineOptions(generations=iter(["eio3", "eio4"])).generations, ("eio3", "eio4"))
        for name in ("transports", "generations"):
            for wrong in ("websocket", "eio4", (), ("polling", "flashsocket"), ["eio5"], None, 4, [b"polling"]):
                self.refused(**{name: wrong})

    def test_scripts_are_for_known_generations_or_for_none(self) -> None:
        self.assertEqual(EngineOptions(jsonp=["eio4"]).jsonp, ("eio4",))
        self.assertEqual(EngineOptions(jsonp=()).jsonp, ())
        for wrong in ("eio3", ["eio5"], None, True, [b"eio3"]):
            self.refused(jsonp=wrong)

    def test_a_request_and_a_message_have_as_long_as_the_slowest_may_need(self) -> None:
        for name in ("request_timeout", "message_timeout"):
            self.assertEqual(getattr(EngineOptions(max_http_buffer_size=5_000_000), name), 560)
            self.assertEqual(getattr(EngineOptions(**{name: 0.25}), name), 0.25)
            for wrong in (0, -1, "25", True, float("nan"), 10**9):
                self.refused(**{name: wrong})
        self.assertLess(EngineOptions(max_http_buffer_size=10**20, max_outgoing_bytes=10**21).request_timeout, 1e9)

    def test_hosts_are_names_with_or_without_a_port(self) -> None:
        self.assertIsNone(EngineOptions().allowed_hosts)
        for given_hosts in (
            "Example.org",
            ["example.org:80", "*.example.org", "localhost", "127.0.0.1:8000", "[::1]", "[::1]:8000"],
        ):
            named = [given_hosts] if isinstance(given_hosts, str) else given_hosts
            hosts = EngineOptions(allowed_hosts=given_hosts).allowed_hosts
            self.assertEqual(hosts, {host.lower() for host in named})
        for wrong in ("", [], 5, [None], "http://a", "a/b", "a:b", "*", "a.*.b", "u@a", "a b", [b"a"], "::1", "a\n"):
            self.refused(allowed_hosts=wrong)

    def test_one_message_must_be_allowed_to_wait(self) -> None:
        self.assertEqual(EngineOptions().max_outgoing_bytes, 16 * MIB)
        self.assertEqual(EngineOptions(max_http_buffer_size=4 * MIB).max_outgoing_bytes, 32 * MIB)
        self.assertEqual(EngineOptions(max_outgoing_bytes=20 * MIB).max_outgoing_bytes, 20 * MIB)
        self.assertEqual(EngineOptions(max_outgoing_bytes=1_000_000).max_outgoing_bytes, 1_000_000)
        for wrong in (0, 999_999, True, 1.5e9, "x"):
            self.refused(max_outgoing_bytes=wrong)
        with self.assertRaises(OptionError):
            EngineOptions(max_http_buffer_size=4 * MIB, max_outgoing_bytes=4 * MIB - 1)

    def test_what_one_client_may_wait_for_must_be_allowed_to_wait_for_all(self) -> None:
        self.assertEqual(EngineOptions(max_outgoing_bytes=2000 * MIB).max_total_outgoing_bytes, 2000 * MIB)
        given = EngineOptions(max_outgoing_bytes=MIB, max_total_outgoing_bytes=MIB)
        self.assertEqual(given.max_total_outgoing_bytes, MIB)
        for wrong in (0, 16 * MIB - 1, True, 1.5e9, "x"):
            self.refused(max_total_outgoing_bytes=wrong)

    def test_the_path_gets_one_slash_in_front_and_none_behind(self) -> None:
        for given_path in ("/chat", "/chat/", "//chat//"):
            self.assertEqual(EngineOptions(path=given_path).path, "/chat")
        self.assertEqual(EngineOptions(path="/a/b").path, "/a/b")
        for wrong in ("chat", "", "/", "//", None, b"/chat"):
            self.refused(path=wrong)

    def test_callables_are_callable(self) -> None:
        self.assertIs(EngineOptions(allow_request=print).allow_request, print)
        self.refused(allow_request="yes")
        self.refused(SocketOptions, error_handler=1)

    def test_an_initial_packet_is_text_or_bytes(self) -> None:
        for packet in ("x", b"x", ""):
            self.assertEqual(EngineOptions(initial_packet=packet).initial_packet, packet)
        for wrong in (1, ["x"], bytearray(b"x")):
            self.refused(initial_packet=wrong)

    def test_json_has_both_methods(self) -> None:
        class OnlyDumps:
            def dumps(self, value, default):
                """
                Do nothing.
                """

        class Both(OnlyDumps):
            def loads(self, text):
                """
                Do nothing.
                """

        both = Both()
        self.assertIs(EngineOptions(json=both).json, both)
        self.refused(json=OnlyDumps())

    def test_a_portal_is_a_portal(self) -> None:
        portal = Portal(None)
        self.assertIs(SocketOptions(portal=portal).portal, portal)
        self.refused(SocketOptions, portal="portal")


class OriginTests(Refusals):
    """
    Where requests may come from.
    """

    def test_origins_are_compared_in_one_form(self) -> None:
        for value in ("https://Example.org/", ["https://example.org"], {"https://example.org"}):
            origins = EngineOptions(cors_allowed_origins=value).cors_allowed_origins
            self.assertEqual(origins, frozenset({"https://example.org"}))
        self.assertEqual(
            EngineOptions(cors_allowed_origins=["null", "http://a:1"]).cors_allowed_origins, {"null", "http://a:1"}
        )

    def test_all_none_and_a_callable_stay_what_they_are(self) -> None:
        def judge(origin, request):
            return True

        for value in (None, "*", judge):
            self.assertIs(EngineOptions(cors_allowed_origins=value).cors_allowed_origins, value)

    def test_what_is_no_origin_is_refused(self) -> None:
        for wrong in ("example.org", ["*"], [1], 5, [b"https://example.org"], ["https://a", None]):
            self.refused(cors_allowed_origins=wrong)


class CookieTests(Refusals):
    """
    The session's cookie.
    """

    def test_true_and_a_name_mean_the_usual_cookie(self) -> None:
        usual = {"name": "io", "path": "/", "httponly": True, "samesite": "Lax", "secure": False}
        self.assertEqual(EngineOptions(cookie=True).cookie, usual)
        self.assertEqual(EngineOptions(cookie="sid").cookie, {**usual, "name": "sid"})
        self.assertEqual(EngineOptions(cookie={"max_age": 5}).cookie, {**usual, "max_age": 5})
        for nothing in (None, False):
            self.assertIsNone(EngineOptions(cookie=nothing).cookie)

    def test_what_could_inject_another_cookie_is_refused(self) -> None:
        for wrong in ("", "a b", "a;b", "a=b", "é", 5, {"Name": "x"}, {"name": 1}, ["io"]):
            self.refused(cookie=wrong)
        for field in ("path", "domain", "samesite"):
            for value in ("/;x", "a,b", "a\r\nSet-Cookie: x", 5):
                self.refused(cookie={field: value})
        for fields in (
            {"max_age": "5; Domain=x"},
            {"max_age": -1},
            {"max_age": True},
            {"secure": 1},
            {"httponly": "x"},
        ):
            self.refused(cookie=fields)


class SplitTests(SynchronousTestCase):
    """
    Keywords to the two records.
    """

    def test_each_option_finds_its_record(self) -> None:
        engine, socket = split_options({"ping_interval": 1, "connect_timeout": 2, "path": "/x"})
        self.assertEqual((engine.ping_interval, engine.path, socket.connect_timeout), (1, "/x", 2))
        self.assertEqual(split_options({}), (EngineOptions(), SocketOptions()))

    def test_no_name_is_in_both(self) -> None:
        self.assertEqual(set(ENGINE_DEFAULTS) & set(SOCKET_DEFAULTS), set())

    def test_an_unknown_name_is_refused_with_the_nearest_known_one(self) -> None:
        for wrong, near in (("ping_intervall", "ping_interval"), ("conect_timeout", "connect_timeout")):
            error = self.assertRaises(OptionError, split_options, {wrong: 1})
            self.assertEqual(str(error), f"there is no option {wrong!r}; did you mean {near}?")

    def test_an_unknown_name_without_neighbours_is_refused_without_a_hint(self) -> None:
        error = self.assertRaises(OptionError, make_options, EngineOptions, {"zzz": 1})
        self.assertEqual(str(error), "there is no option 'zzz'")

    def test_the_other_records_options_are_unknown_to_a_record_alone(self) -> None:
        self.assertRaises(OptionError, make_options, EngineOptions, {"connect_timeout": 1})

    @settings(max_examples=100, deadline=None)
    @given(
        st.sampled_from([*ENGINE_DEFAULTS, *SOCKET_DEFAULTS]),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(),
            st.text(max_size=5),
            st.binary(max_size=5),
            st.lists(st.text(max_size=5), max_size=3),
            st.dictionaries(st.sampled_from(["name", "path", "domain", "x"]), st.text(max_size=5), max_size=2),
        ),
    )
    def test_any_value_is_taken_or_refused_with_an_option_error(self, name, value) -> None:
        try:
            split_options({name: value})
        except OptionError as error:
            self.assertTrue(str(error))


#: What is taken is wider than what is kept.
WIDER = {
    "transports": "Iterable[str]",
    "generations": "Iterable[str]",
    "jsonp": "Iterable[str]",
    "cors_allowed_origins": "str | Iterable[str] | OriginCheck | None",
    "allowed_hosts": "str | Iterable[str] | None",
    "cookie": "bool | str | CookieFields | None",
}


def names_and_types(record: type) -> dict[str, str]:
    return {field.name: WIDER.get(field.name, str(field.type)) for field in dataclasses.fields(record)}


def arguments(taken: type) -> dict[str, str]:
    return {name: getattr(type_, "__forward_arg__", "") for name, type_ in taken.__annotations__.items()}


class TypedArgumentsTests(SynchronousTestCase):
    """
    What type checkers know of options is what the records have.
    """

    def test_the_arguments_of_an_engine_are_the_fields_of_its_record(self) -> None:
        self.assertEqual(arguments(EngineArguments), names_and_types(EngineOptions))

    def test_the_arguments_of_a_server_are_the_fields_of_both_records(self) -> None:
        both = names_and_types(EngineOptions) | names_and_types(SocketOptions)
        self.assertEqual(arguments(ServerOptions), both)
        self.assertEqual(set(WIDER) - set(both), set())

    def test_no_argument_must_be_given(self) -> None:
        for taken in (EngineArguments, ManagedArguments, ServerOptions):
            self.assertEqual(taken.__required_keys__, frozenset())

    def test_what_a_caller_handles_itself_is_left_out(self) -> None:
        self.assertEqual(set(arguments(ServerOptions)) - set(arguments(ManagedArguments)), {"error_handler"})
