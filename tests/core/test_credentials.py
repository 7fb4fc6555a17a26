"""
Logging in through twisted.cred: avatars, grants, logouts, and what a refused client learns.
"""

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import ICredentials, UsernamePassword
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Interface, implementer

from txsocketio.errors import ConnectionRefused, UsageError
from txsocketio.namespace import BaseNamespace
from txsocketio.server.server import SocketIOServer
from txsocketio.testing import connect


class IMember(Interface):
    def on_say(text):
        """
        Say something.
        """


class IModerator(IMember):
    def on_kick(user):
        """
        Throw somebody out.
        """


class IElsewhere(Interface):
    def on_else():
        """
        The chat does not have this.
        """


@implementer(IMember, IElsewhere)
class Member:
    pass


@implementer(IModerator)
class Moderator:
    pass


@implementer(IRealm)
class Realm:
    """
    Give avatars by name, at once or when it is told to, and note who is in.
    """

    def __init__(self):
        self.avatars = {b"ann": Member, b"mod": Moderator, b"plain": lambda: "just a name"}
        self.inside = []
        self.minds = []
        self.waiting = None

    def requestAvatar(self, avatar_id, mind, *interfaces):
        self.minds.append(mind)
        avatar = self.avatars[avatar_id]()
        self.inside.append(avatar)
        result = (interfaces[0], avatar, lambda: self.inside.remove(avatar))
        if self.waiting is None:
            return result
        return self.waiting.addCallback(lambda _: result)


@implementer(IModerator)
class Chat(BaseNamespace):
    initial = ()

    def get_initial_acl(self):
        return self.initial

    def on_say(self, text):
        pass

    def on_kick(self, user):
        pass


class OpenChat(Chat):
    initial = None


class MemberFirst(Chat):
    initial = (IMember,)


class LoginCase(SynchronousTestCase):
    def setUp(self):
        self.realm = Realm()
        users = InMemoryUsernamePasswordDatabaseDontUse(ann=b"secret", mod=b"secret", plain=b"secret")
        classes = {"/chat": Chat, "/other": Chat, "/third": Chat, "/open": OpenChat, "/member": MemberFirst}
        self.server = SocketIOServer(classes, portal=Portal(self.realm, [users]), reactor=Clock())
        self.client = self.successResultOf(connect(server=self.server, namespace="/chat"))
        self.chat = self.client.namespace

    def join(self, name):
        """
        Give the same client's instance of another namespace.
        """
        return self.successResultOf(self.client.connect(name)).namespace

    def login(self, name, password="secret", interface=IMember, chat=None):
        return (chat or self.chat).login(UsernamePassword(name.encode(), password.encode()), interface)


class LoggingIn(LoginCase):
    def test_the_avatar_is_given_and_kept(self):
        avatar = self.successResultOf(self.login("ann"))
        self.assertIsInstance(avatar, Member)
        self.assertIs(self.chat.avatar, avatar)

    def test_the_realm_gets_the_namespace_as_the_mind(self):
        self.login("ann")
        self.assertEqual(self.realm.minds, [self.chat])

    def test_what_the_avatar_provides_is_granted(self):
        self.login("ann")
        self.assertEqual(self.chat.allowed_methods, {"on_say"})

    def test_more_than_was_asked_for_is_granted_if_the_avatar_provides_it(self):
        self.login("mod")
        self.assertEqual(self.chat.allowed_methods, {"on_say", "on_kick"})

    def test_the_interface_that_the_realm_answers_with_is_granted(self):
        self.login("plain", interface=IMember)
        self.assertEqual(self.chat.allowed_methods, {"on_say"})

    def test_interfaces_of_others_are_not_granted(self):
        self.login("plain", interface=IElsewhere)
        self.assertEqual(self.chat.allowed_methods, set())

    def test_an_open_namespace_stays_open(self):
        chat = self.join("/open")
        self.login("ann", chat=chat)
        self.assertIsNone(chat.allowed_methods)

    def test_a_second_login_replaces_the_first(self):
        self.login("mod")
        avatar = self.successResultOf(self.login("ann"))
        self.assertEqual(self.chat.allowed_methods, {"on_say"})
        self.assertEqual(self.realm.inside, [avatar])

    def test_a_second_login_leaves_what_was_granted_otherwise(self):
        chat = self.join("/member")
        self.login("mod", chat=chat)
        self.login("plain", interface=IElsewhere, chat=chat)
        self.assertEqual(chat.allowed_methods, {"on_say"})

    def test_a_second_login_that_fails_leaves_the_first(self):
        avatar = self.successResultOf(self.login("mod"))
        self.failureResultOf(self.login("ann", "wrong"), ConnectionRefused)
        self.assertIs(self.chat.avatar, avatar)
        self.assertEqual(self.chat.allowed_methods, {"on_say", "on_kick"})
        self.assertEqual(self.realm.inside, [avatar])

    def test_without_a_portal(self):
        chat = self.successResultOf(connect(Chat)).namespace
        self.assertIn("portal", str(self.assertRaises(UsageError, self.login, "ann", chat=chat)))

    def test_without_an_interface(self):
        self.assertRaises(UsageError, self.chat.login, UsernamePassword(b"ann", b"secret"))


class Refusing(LoginCase):
    def test_an_unknown_user_and_a_wrong_password_cannot_be_told_apart(self):
        unknown = self.failureResultOf(self.login("nobody"), ConnectionRefused)
        wrong = self.failureResultOf(self.login("ann", "wrong"), ConnectionRefused)
        self.assertEqual((unknown.value.message, unknown.value.data), (wrong.value.message, wrong.value.data))
        self.assertEqual(unknown.value.message, "not authorized")
        self.assertNotIn("nobody", repr(unknown.value))
        self.assertIsNone(wrong.value.__context__)
        self.assertIsNone(self.chat.avatar)
        self.assertEqual(self.chat.allowed_methods, set())

    def test_a_fault_is_logged_and_refused_in_the_same_words(self):
        del self.realm.avatars[b"ann"]
        refused = self.failureResultOf(self.login("ann"), ConnectionRefused)
        self.assertEqual(refused.value.message, "not authorized")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_credentials_that_no_checker_takes_are_logged(self):
        @implementer(ICredentials)
        class Odd:
            pass

        self.failureResultOf(self.chat.login(Odd(), IMember), ConnectionRefused)
        self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_cancelling_is_no_refusal(self):
        self.realm.waiting = Deferred()
        login = self.login("ann")
        login.cancel()
        self.failureResultOf(login, CancelledError)
        self.realm.waiting.callback(None)
        self.assertEqual(self.realm.inside, [])
        self.assertIsNone(self.chat.avatar)


class LoggingOut(LoginCase):
    def test_logout_once(self):
        self.login("ann")
        self.chat._member.logout()
        self.assertEqual(self.realm.inside, [])
        self.chat._member.logout()

    def test_without_a_login_nothing_happens(self):
        self.chat._member.logout()

    def test_a_login_that_is_finished_after_the_close_is_logged_out_at_once(self):
        waiting = self.realm.waiting = Deferred()
        login = self.login("ann")
        self.chat._member.logout()
        waiting.callback(None)
        self.failureResultOf(login, ConnectionRefused)
        self.assertEqual(self.realm.inside, [])
        self.assertIsNone(self.chat.avatar)
        self.assertEqual(self.chat.allowed_methods, set())

    def test_a_logout_that_fails_is_logged(self):
        self.login("ann")
        self.realm.inside.clear()
        self.chat._member.logout()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class Sharing(LoginCase):
    def setUp(self):
        super().setUp()
        self.other = self.join("/other")

    def test_the_other_namespace_gets_avatar_and_grants(self):
        avatar = self.successResultOf(self.login("ann"))
        self.chat.share_avatar(self.other)
        self.assertIs(self.other.avatar, avatar)
        self.assertEqual(self.other.allowed_methods, {"on_say"})

    def test_the_last_one_logs_out(self):
        for first, last in ((self.chat, self.other), (self.other, self.chat)):
            first._member.logged_out = last._member.logged_out = False
            avatar = self.successResultOf(self.login("ann"))
            self.chat.share_avatar(self.other)
            first._member.logout()
            self.assertEqual(self.realm.inside, [avatar])
            last._member.logout()
            self.assertEqual(self.realm.inside, [])

    def test_sharing_twice_counts_once(self):
        self.login("ann")
        self.chat.share_avatar(self.other)
        self.chat.share_avatar(self.other)
        self.chat.share_avatar(self.chat)
        self.chat._member.logout()
        self.other._member.logout()
        self.assertEqual(self.realm.inside, [])

    def test_it_can_be_passed_on(self):
        self.login("ann")
        self.chat.share_avatar(self.other)
        self.chat._member.logout()
        third = self.join("/third")
        self.other.share_avatar(third)
        self.other._member.logout()
        self.assertEqual(len(self.realm.inside), 1)
        third._member.logout()
        self.assertEqual(self.realm.inside, [])

    def test_a_closed_namespace_is_left_alone(self):
        self.login("ann")
        self.other._member.logout()
        self.chat.share_avatar(self.other)
        self.assertIsNone(self.other.avatar)
        self.chat._member.logout()
        self.assertEqual(self.realm.inside, [])

    def test_nothing_to_share(self):
        self.assertRaises(UsageError, self.chat.share_avatar, self.other)

    def test_another_socket(self):
        self.login("ann")
        other = self.successResultOf(connect(server=self.server, namespace="/chat")).namespace
        self.assertRaises(UsageError, self.chat.share_avatar, other)


class IEverybody(Interface):
    def on_look():
        """
        See who is there.
        """


@implementer(IEverybody, IModerator)
class Hall(BaseNamespace):
    ns_name = "/hall"

    def get_initial_acl(self):
        return [IEverybody]

    async def recv_connect(self):
        name, password = self.auth["name"].encode(), self.auth["password"].encode()
        await self.login(UsernamePassword(name, password), IMember)

    def on_look(self):
        return sorted(self.allowed_methods)

    def on_say(self, text):
        return text

    def on_kick(self, user):
        return f"kicked {user}"


@implementer(IModerator)
class Office(BaseNamespace):
    ns_name = "/office"

    def get_initial_acl(self):
        return []

    def recv_connect(self):
        self.socket["/hall"].share_avatar(self)

    def on_say(self, text):
        return text

    def on_kick(self, user):
        pass


class OverTheWire(SynchronousTestCase):
    """
    Clients that log in, through the whole stack.
    """

    def setUp(self):
        self.realm = Realm()
        users = InMemoryUsernamePasswordDatabaseDontUse(ann=b"secret", mod=b"secret")
        portal = Portal(self.realm, [users])
        self.server = SocketIOServer({"/hall": Hall, "/office": Office}, portal=portal, reactor=Clock())

    def connect(self, name, password="secret"):
        return connect(Hall, {"name": name, "password": password}, server=self.server)

    def test_members_and_moderators(self):
        ann = self.successResultOf(self.connect("ann"))
        mod = self.successResultOf(self.connect("mod"))
        self.assertEqual(self.successResultOf(ann.call("look")), ["on_look", "on_say"])
        self.assertEqual(self.successResultOf(mod.call("kick", "ann")), "kicked ann")
        denied = ann.call("kick", "mod")
        self.assertNoResult(denied)
        self.assertEqual(ann.received[0].args[0], "method_access_denied")

    def test_a_refusal_does_not_say_which_half_was_wrong(self):
        answers = [
            self.failureResultOf(self.connect(*wrong), ConnectionRefused).value
            for wrong in (("nobody",), ("ann", "wrong"))
        ]
        self.assertEqual({(answer.message, answer.data) for answer in answers}, {("not authorized", None)})
        self.assertEqual(self.realm.inside, [])

    def test_every_end_logs_out_once(self):
        for end in (
            lambda client: client.disconnect(),
            lambda client: client.close(),
            lambda client: client.lose(),
            lambda client: client.namespace.disconnect(),
            lambda client: client.server.shutdown(),
        ):
            client = self.successResultOf(self.connect("ann"))
            self.assertEqual(len(self.realm.inside), 1)
            end(client)
            client.advance(60)
            self.assertEqual(self.realm.inside, [])

    def test_a_client_that_goes_while_it_logs_in(self):
        for late in (True, False):
            self.realm.waiting = Deferred()
            connecting = self.connect("ann")
            self.assertNoResult(connecting)
            (socket,) = self.server.sockets.values()
            socket.disconnect()
            self.failureResultOf(connecting, ConnectionRefused)
            if late:
                self.server.reactor.advance(60)
            waiting, self.realm.waiting = self.realm.waiting, None
            waiting.callback(None)
            self.assertEqual(self.realm.inside, [])
            self.server.reactor.advance(60)
            self.assertEqual(self.server.reactor.getDelayedCalls(), [])

    def test_the_avatar_moves_on_to_another_namespace(self):
        hall = self.successResultOf(self.connect("mod"))
        office = self.successResultOf(hall.connect("/office"))
        self.assertIs(office.namespace.avatar, hall.namespace.avatar)
        self.assertEqual(self.successResultOf(office.call("say", "hi")), "hi")
        hall.disconnect()
        self.assertEqual(len(self.realm.inside), 1)
        office.disconnect()
        self.assertEqual(self.realm.inside, [])
