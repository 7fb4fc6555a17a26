"""
Everything is scheduled on the server's clock: a whole life in a process where the global reactor cannot be imported.
"""

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.kits.peers import StackCase, WebSocketPeer
from tests.processes import ROOT, environment
from txsocketio.namespace import BaseNamespace

POISON = '''
import sys

class Poison:
    def find_spec(self, name, path=None, target=None):
        if name == "twisted.internet.reactor":
            raise AssertionError("the global reactor was asked for")

sys.meta_path.insert(0, Poison())

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from tests.kits.frames import client_frame
from tests.kits.peers import PollingPeer, WebSocketPeer
from tests.kits.stack import Stack
from txsocketio import BaseNamespace, RoomsMixin


class Busy(RoomsMixin, BaseNamespace):
    """
    Use everything that takes time.
    """

    async def recv_connect(self):
        self.join("hall")
        await deferLater(self.reactor, 1, lambda: None)

    def on_later(self, seconds):
        return deferLater(self.reactor, seconds, lambda: "later")

    def on_never(self):
        return Deferred()

    async def on_ask(self):
        return await self.call("question", timeout=3).addErrback(lambda failure: failure.type.__name__)

    def on_emit(self, size):
        self.emit_to_room("hall", "news", "x" * size)
'''

LIFE = r"""
import twisted.internet

slow = {"fast_reader": False, "fast_polling": False, "per_message_deflate": True}
options = slow if "slow" in sys.argv else {}
whole = Stack({"/": Busy}, foreign="foreign" in sys.argv, max_unfinished_handlers=3, ping_interval=7, **options)
offer = [("Sec-WebSocket-Extensions", "permessage-deflate")]
for kind in (WebSocketPeer, PollingPeer):
    peer = kind(whole, headers=offer)
    peer.join()
    whole.advance(2)
    assert peer.take()[0].startswith("40{"), "joined after a second"
    peer.send('421["later",2]', '422["ask"]', '42["emit",100]')
    whole.advance(10)
    got = [packet for packet in peer.take() if packet.startswith("43")]
    assert got == ['431["later"]', '432["AckTimeout"]'], got
    peer.send(*['429["never"]'] * 5)
    assert peer.paused
    whole.advance(31)
    assert not peer.open, "held for too long"

# An upgrade, one that fails, and a client that says nothing.
peer = PollingPeer(whole)
probe = WebSocketPeer(whole, sid=peer.sid)
whole.advance(11)
probe.pull()
assert not probe.open
probe = WebSocketPeer(whole, sid=peer.sid)
probe.send("2probe", "5", "40")
whole.advance(2)
got = probe.take()
assert got[0] == "3probe" and got[-1].startswith("40{"), got
silent = WebSocketPeer(whole)
silent.answering = False
WebSocketPeer(whole)
whole.advance(50)

# Mistakes, a refused body, and clients that vanish.
for data in (client_frame(3, b""), b"\x81\x01x", client_frame(8, b"")):
    WebSocketPeer(whole).raw(data)
line = whole.dial()
line.feed(b"POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n")
line.feed(b"x" * 10)
whole.dial().feed(b"GET / HT")
PollingPeer(whole).lose()
WebSocketPeer(whole).lose()
whole.advance(100)

# The end, with a client that does not read.
peer = WebSocketPeer(whole)
peer.join()
whole.advance(2)
peer.stall()
peer.send('42["emit",1000000]', '42["never"]')
ended = []
whole.server.shutdown().addCallback(ended.append)
whole.advance(40)
assert ended
for line in whole.lines:
    line.break_off()
whole.advance(100)
assert [table for table in whole.tables if table] == []
assert whole.clock.getDelayedCalls() == []
assert "twisted.internet.reactor" not in sys.modules
print("lived")
"""


class NoGlobalReactor(SynchronousTestCase):
    def run_alone(self, script, *arguments):
        command = [sys.executable, "-c", script, *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment(), timeout=120
        )

    def test_a_whole_life_without_it(self):
        life = POISON + LIFE
        for arguments in ([], ["slow"], ["foreign"]):
            done = self.run_alone(life, *arguments)
            self.assertEqual((done.stdout, done.returncode), ("lived\n", 0), done.stderr)

    def test_the_poison_works(self):
        done = self.run_alone(POISON + "Stack({}).server._reactor = None\nfrom twisted.internet import reactor")
        self.assertIn("the global reactor was asked for", done.stderr)


class Quiet(BaseNamespace):
    """
    Do nothing.
    """


class DelayedCalls(StackCase):
    """
    How many delayed calls there are does not depend on what is sent.
    """

    def test_packets_schedule_nothing(self):
        whole = self.stack({"/": Quiet})
        peer = WebSocketPeer(whole)
        peer.join()
        before = len(whole.clock.getDelayedCalls())
        self.assertLessEqual(before, 1, "the heartbeat's")
        for _ in range(50):
            peer.send("3", '42["message",1]')
            whole.server.emit("n")
        self.assertEqual(len(whole.clock.getDelayedCalls()), before)
