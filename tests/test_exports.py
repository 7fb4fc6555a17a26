"""
The public names: a change here is a change for users.
"""

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import txsocketio

ROOT = Path(txsocketio.__file__).parent.parent

NAMES = {
    "AckDisconnected",
    "AckError",
    "AckTimeout",
    "AdapterError",
    "BaseNamespace",
    "BoundedRequest",
    "BoundedSite",
    "BroadcastMixin",
    "BroadcastTimeout",
    "ConnectionRefused",
    "EncodeError",
    "EngineResource",
    "GLOBAL_NS",
    "NO_ACK",
    "HandshakeRequest",
    "Operator",
    "OptionError",
    "RemoteSocket",
    "RoomsMixin",
    "Socket",
    "SocketIOError",
    "SocketIOResource",
    "SocketIOServer",
    "UsageError",
    "event",
    "socketio_manage",
}

QUIET = """
import sys
from txsocketio import BaseNamespace, SocketIOResource, SocketIOServer
import txsocketio.testing
class Chat(BaseNamespace):
    pass
server = SocketIOServer({"/chat": Chat})
server.resource()
server.service("tcp:0", "unix:/nowhere")
server.emit("news", namespace="/chat")
assert server.sockets == {}
SocketIOResource({"/chat": Chat})
assert "twisted.internet.reactor" not in sys.modules, "a reactor was installed"
"""


class Exports(SynchronousTestCase):
    def test_the_names_at_the_top(self):
        self.assertEqual(set(txsocketio.__all__), NAMES)
        for name in NAMES:
            self.assertTrue(hasattr(txsocketio, name), name)

    def test_the_version_is_a_text(self):
        self.assertIsInstance(txsocketio.__version__, str)

    def test_the_modules_have_geventsocketios_names(self):
        from txsocketio.mixins import BroadcastMixin, RoomsMixin
        from txsocketio.namespace import BaseNamespace
        from txsocketio.virtsocket import Socket

        self.assertIs(BaseNamespace, txsocketio.BaseNamespace)
        self.assertIs(RoomsMixin, txsocketio.RoomsMixin)
        self.assertIs(BroadcastMixin, txsocketio.BroadcastMixin)
        self.assertEqual(Socket.GLOBAL_NS, "")

    def test_no_reactor_is_installed_by_importing_or_constructing(self):
        done = subprocess.run([sys.executable, "-c", QUIET], cwd=ROOT, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
