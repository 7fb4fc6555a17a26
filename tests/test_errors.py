"""
The tree of exceptions: what may be caught as what, and what each says.
"""

from __future__ import annotations

import inspect

from twisted.trial.unittest import SynchronousTestCase

from txsocketio import errors
from txsocketio.reasons import PARSE_ERROR, REASONS

#: Every exception by the one it is a kind of.
TREE = {
    "SocketIOError": "Exception",
    "ProtocolError": "SocketIOError",
    "PacketError": "ProtocolError",
    "PayloadError": "ProtocolError",
    "PayloadTooLarge": "ProtocolError",
    "AttachmentError": "ProtocolError",
    "HandshakeError": "SocketIOError",
    "UsageError": "SocketIOError",
    "OptionError": "UsageError",
    "ReservedEvent": "UsageError",
    "EncodeError": "UsageError",
    "UnsupportedByGeneration": "EncodeError",
    "UnencodableValue": "EncodeError",
    "OutgoingTooLarge": "EncodeError",
    "ConnectionRefused": "SocketIOError",
    "AccessDenied": "SocketIOError",
    "NoSuchMethod": "SocketIOError",
    "AckError": "SocketIOError",
    "AckTimeout": "AckError",
    "BroadcastTimeout": "AckTimeout",
    "AckDisconnected": "AckError",
    "TooManyAcks": "AckError",
    "AdapterError": "SocketIOError",
    "WireError": "AdapterError",
}


class TreeTests(SynchronousTestCase):
    """
    The tree, in the code and in the docstring.
    """

    def exceptions(self):
        return {
            name: item
            for name, item in vars(errors).items()
            if inspect.isclass(item) and issubclass(item, Exception) and item.__module__ == errors.__name__
        }

    def test_each_exception_has_its_place(self):
        self.assertEqual({name: item.__mro__[1].__name__ for name, item in self.exceptions().items()}, TREE)

    def test_the_docstring_shows_the_whole_tree(self):
        parents, shown = {}, {}
        for line in errors.__doc__.split("::")[1].split("Pure")[0].splitlines():
            if line.strip():
                depth = line.index("+--") if "+--" in line else 0
                name = line.replace("|", " ").replace("+--", " ").split()[0]
                parents[depth] = name
                above = [at for at in parents if at < depth]
                shown[name] = parents[max(above)] if above else "Exception"
                parents = {at: parent for at, parent in parents.items() if at <= depth}
        self.assertEqual(shown, TREE)

    def test_usage_errors_are_value_errors_and_option_errors_type_errors_too(self):
        self.assertTrue(issubclass(errors.UsageError, ValueError))
        self.assertTrue(issubclass(errors.OptionError, TypeError))

    def test_every_protocol_error_has_a_reason(self):
        for item in self.exceptions().values():
            if issubclass(item, errors.ProtocolError):
                self.assertEqual(item("x").reason, PARSE_ERROR)
                self.assertIn(item("x").reason, REASONS)

    def test_plain_exceptions_say_what_they_were_given(self):
        special = {"HandshakeError", "ConnectionRefused"}
        for name, item in self.exceptions().items():
            if name not in special:
                self.assertEqual(str(item("some text")), "some text")


class HandshakeErrorTests(SynchronousTestCase):
    """
    Codes, statuses and texts of refused requests.
    """

    def test_each_code_has_the_reference_servers_text_and_status(self):
        expected = {
            0: ("Transport unknown", 400),
            1: ("Session ID unknown", 400),
            2: ("Bad handshake method", 400),
            3: ("Bad request", 400),
            4: ("Forbidden", 403),
            5: ("Unsupported protocol version", 400),
        }
        for code, (message, status) in expected.items():
            error = errors.HandshakeError(code)
            self.assertEqual((error.code, error.message, error.status), (code, message, status))
            self.assertEqual(str(error), f"{message} (code {code})")
        self.assertEqual(set(errors.HANDSHAKE_MESSAGES), set(expected))

    def test_a_text_of_ones_own_replaces_the_usual_one(self):
        error = errors.HandshakeError(4, "go away")
        self.assertEqual((error.message, error.status, str(error)), ("go away", 403, "go away (code 4)"))
        self.assertEqual(errors.HandshakeError(4, "").message, "")

    def test_an_unknown_code_is_a_bug(self):
        with self.assertRaises(KeyError):
            errors.HandshakeError(6)


class ConnectionRefusedTests(SynchronousTestCase):
    """
    What applications raise.
    """

    def test_it_holds_a_message_and_data(self):
        error = errors.ConnectionRefused("members only", {"plan": "free"})
        self.assertEqual((str(error), error.message, error.data), ("members only", "members only", {"plan": "free"}))

    def test_both_may_be_left_out(self):
        error = errors.ConnectionRefused()
        self.assertEqual((error.message, error.data), ("not authorized", None))
