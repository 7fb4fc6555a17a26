"""
What a namespace instance keeps out of its application's way, and what is done in each of its states.
"""

from __future__ import annotations

from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import UsernamePassword
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Interface, implementer
from zope.interface.verify import verifyObject

from txsocketio.core.member import Member
from txsocketio.errors import AckDisconnected
from txsocketio.interfaces import IMember
from txsocketio.mixins import BroadcastMixin, RoomsMixin
from txsocketio.namespace import BaseNamespace
from txsocketio.testing import connect

#: Private names that are the application's: those of the machinery, and those that it once took from namespaces.
METHODS = (
    *(f"_{name}" for name in dir(Member) if not name.startswith("_") and name != "table"),
    *("_send", "_finish", "_invoke", "_search", "_report", "_failed", "_follow", "_described", "_deliver_now"),
    *("_take_event", "_acknowledge", "_running", "_call_recv_connect", "_logout", "_adopt", "_set_grants", "_tell"),
)
ATTRIBUTES = ("_mount", "_allowed", "_login_grants", "_logged_out", "_last_rooms", "_connect_bytes", "_initialized")


class IWorker(Interface):
    def on_work(what: str) -> str:
        """
        Do something.
        """


@implementer(IRealm)
class Realm:
    def __init__(self) -> None:
        self.out: list[str] = []

    def requestAvatar(self, name: bytes, mind: object, *interfaces: type) -> tuple[object, str, object]:
        return interfaces[0], name.decode(), lambda: self.out.append(name.decode())


@implementer(IWorker)
class Crowded(RoomsMixin, BroadcastMixin, BaseNamespace):
    """
    An application that has a use of its own for every private name.
    """

    ordered = True

    def get_initial_acl(self) -> list[str]:
        return ["on_join", "on_login", "on_later"]

    def initialize(self) -> None:
        for name in ATTRIBUTES:
            setattr(self, name, "mine")

    def recv_connect(self) -> None:
        self.join("hall")
        self.ended: str | None = None

    def on_join(self, room: str) -> list[str]:
        self.join(room)
        self.emit_to_room(room, "came", self.sid)
        return sorted(self.rooms)

    def on_later(self) -> Deferred[str]:
        self.waiting: Deferred[str] = Deferred()
        return self.waiting

    async def on_login(self, password: str) -> str:
        avatar: str = await self.login(UsernamePassword(b"ann", password.encode()), IWorker)
        return avatar

    def on_work(self, what: str) -> str:
        return what

    def recv_disconnect(self, reason: str) -> None:
        self.ended = reason


def _refuse(*args: object, **kwargs: object) -> None:
    raise AssertionError("what belongs to the application is not for the library to call")


class Names(SynchronousTestCase):
    """
    BaseNamespace keeps one private name on instances, and one on classes.
    """

    def test_an_instance_has_one_private_name(self) -> None:
        client = self.successResultOf(connect(Crowded))
        private = {name for name in vars(client.namespace) if name.startswith("_")}
        self.assertEqual(private - {*ATTRIBUTES}, {"_member"})

    def test_the_classes_of_the_library_have_one_private_name(self) -> None:
        for cls, own in ((BaseNamespace, {"_table"}), (RoomsMixin, set()), (BroadcastMixin, set())):
            names = {name for name in vars(cls) if name.startswith("_") and not name.endswith("__")}
            self.assertEqual(names, own)

    def test_a_member_is_what_adapters_want(self) -> None:
        verifyObject(IMember, self.successResultOf(connect(BaseNamespace)).namespace._member)

    def test_an_application_may_use_every_private_name(self) -> None:
        methods = dict.fromkeys(METHODS, _refuse)
        crowded = type("Crowded", (Crowded,), {**methods, "deliver": _refuse, **dict.fromkeys(ATTRIBUTES, "mine")})
        realm = Realm()
        portal = Portal(realm, [InMemoryUsernamePasswordDatabaseDontUse(ann=b"secret")])
        client = self.successResultOf(connect(crowded, portal=portal))
        other = self.successResultOf(connect(server=client.server))
        namespace: Any = client.namespace
        self.assertEqual(self.successResultOf(client.call("join", "bar")), ["bar", "hall"])
        self.assertEqual(self.successResultOf(other.call("join", "bar")), ["bar", "hall"])
        self.assertEqual(self.successResultOf(client.next("came")), (other.sid,))
        denied = client.call("work", "x")
        self.assertEqual(self.successResultOf(client.next("error"))[0], "method_access_denied")
        self.assertEqual(self.successResultOf(client.call("login", "secret")), "ann")
        later, after = client.call("later"), client.call("work", "y")
        self.assertNoResult(after)
        namespace.waiting.callback("done")
        self.assertEqual(self.successResultOf(later), "done")
        self.assertEqual(self.successResultOf(after), "y")
        client.answer("asked", lambda: 7)
        self.assertEqual(self.successResultOf(namespace.call("asked")), 7)
        asked = namespace.call("not answered")
        job = namespace.spawn(Deferred)
        client.disconnect()
        self.failureResultOf(asked, AckDisconnected)
        self.failureResultOf(denied, AckDisconnected)
        client.advance(60)
        self.assertIsNone(self.successResultOf(job))
        self.assertEqual((namespace.ended, namespace.rooms), ("client namespace disconnect", {"hall", "bar"}))
        self.assertEqual(realm.out, ["ann"])
        self.assertEqual({name: getattr(namespace, name) for name in ATTRIBUTES}, dict.fromkeys(ATTRIBUTES, "mine"))


class States(SynchronousTestCase):
    def test_take_and_deliver_are_rebound_as_the_state_changes(self) -> None:
        class Gate(BaseNamespace):
            def initialize(self) -> Deferred[None]:
                self.open: Deferred[None] = Deferred()
                gates.append(self)
                return self.open

        gates: list[Gate] = []
        connecting = connect(Gate)
        member = gates[0]._member
        self.assertIsNotNone(member.connecting)
        self.assertEqual((member.take.__name__, member.deliver.__name__), ("hold_incoming", "hold_outgoing"))
        self.assertFalse(member.writable)
        gates[0].open.callback(None)
        self.successResultOf(connecting)
        self.assertIsNone(member.connecting)
        self.assertEqual((member.take.__name__, member.deliver.__name__), ("run_flat", "deliver_now"))
        self.assertTrue(member.writable)
        gates[0].disconnect()
        self.assertEqual((member.take.__name__, member.deliver.__name__), ("ignore", "ignore"))
        self.assertFalse(member.writable)

    def test_who_never_has_any_is_given_no_table_of_jobs_or_acknowledgements(self) -> None:
        client = self.successResultOf(connect(BaseNamespace))
        member = client.namespace._member
        client.disconnect()
        self.assertEqual((member.jobs, member.acks, member.queue), (None, None, None))
