"""
The names of namespaces.
"""

from twisted.trial.unittest import SynchronousTestCase

from txsocketio.core.mounts import normalise_name
from txsocketio.errors import UsageError


class Names(SynchronousTestCase):
    def test_the_root_has_two_names_and_slashes_may_be_left_out(self) -> None:
        for given, name in (("", ""), ("/", ""), ("/chat", "/chat"), ("chat", "/chat"), ("/a/b", "/a/b")):
            self.assertEqual(normalise_name(given), name)

    def test_what_no_client_could_ask_for(self) -> None:
        for name in (b"/chat", None, 7, "/a,b", "/a?b"):
            self.assertRaises(UsageError, normalise_name, name)
