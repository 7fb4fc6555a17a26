"""
Access lists: names, Interfaces, what a grant and its taking back do, and what is refused when a class is mounted.
"""

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Interface, implementer

from txsocketio.core.acl import access_interfaces, verify_access
from txsocketio.errors import ConnectionRefused, UsageError
from txsocketio.interfaces import IMember as LibraryInterface
from txsocketio.namespace import BaseNamespace
from txsocketio.testing import connect


class IGuest(Interface):
    def on_look():
        """
        See who is there.
        """

    def on_say(text):
        """
        Say something.
        """


class IMember(Interface):
    def on_say(text):
        """
        Say something.
        """

    def on_leave():
        """
        Go.
        """


class IModerator(IMember):
    def on_kick(user, reason):
        """
        Throw somebody out.
        """


class IUnrelated(Interface):
    def price():
        """
        Not a handler.
        """


class Foreign(Interface):
    def on_else():
        """
        The class does not have this.
        """


@implementer(IGuest, IModerator, IUnrelated)
class Talk(BaseNamespace):
    initial = None

    def get_initial_acl(self):
        return self.initial

    def on_look(self):
        pass

    def on_say(self, text):
        pass

    def on_leave(self):
        pass

    def on_kick(self, user, reason="rude"):
        pass

    def on_other(self):
        pass

    def recv_message(self, data):
        pass


def namespace_of(cls):
    """
    Give the instance of a class for a client that has just connected.
    """
    clients = []
    connect(cls).addCallback(clients.append)
    return clients[0].namespace


def chat_with(*initial):
    """
    Give a Talk that began with an access list; None for one that is open.
    """
    return namespace_of(type("Chat", (Talk,), {"initial": None if initial == (None,) else initial}))


class Names(SynchronousTestCase):
    def test_none_opens_everything_and_an_empty_list_nothing(self):
        self.assertIsNone(chat_with(None).allowed_methods)
        self.assertTrue(chat_with(None).is_method_allowed("on_say"))
        self.assertEqual(chat_with().allowed_methods, set())
        self.assertFalse(chat_with().is_method_allowed("on_say"))

    def test_the_default_is_open(self):
        access = namespace_of(BaseNamespace)
        access.reset_acl()
        self.assertIsNone(access.allowed_methods)

    def test_adding_to_a_list_keeps_its_other_entries(self):
        chat = chat_with("on_say", "recv_message")
        chat.add_acl_method("on_look")
        self.assertEqual(chat.allowed_methods, {"on_say", "recv_message", "on_look"})

    def test_deleting_and_deleting_again(self):
        chat = chat_with("on_say", "on_look")
        chat.del_acl_method("on_say")
        chat.del_acl_method("on_say")
        self.assertEqual(chat.allowed_methods, {"on_look"})

    def test_lists_sets_generators_and_single_entries_are_taken(self):
        chat = chat_with()
        for granted in (["on_say"], {"on_say"}, (name for name in ["on_say"]), "on_say", frozenset({"on_say"})):
            chat.allowed_methods = granted
            self.assertEqual(chat.allowed_methods, {"on_say"})
        chat.allowed_methods = IMember
        self.assertEqual(chat.allowed_methods, {"on_say", "on_leave"})

    def test_lifting_and_resetting(self):
        chat = chat_with("on_say")
        chat.lift_acl_restrictions()
        self.assertTrue(chat.is_method_allowed("on_kick"))
        chat.reset_acl()
        self.assertEqual(chat.allowed_methods, {"on_say"})

    def test_the_collection_that_was_read_cannot_be_changed_behind_our_back(self):
        self.assertRaises(AttributeError, lambda: chat_with("on_say").allowed_methods.add("on_kick"))

    def test_a_list_given_is_copied(self):
        given = ["on_say"]
        chat = chat_with()
        chat.allowed_methods = given
        given.append("on_kick")
        self.assertFalse(chat.is_method_allowed("on_kick"))

    def test_a_method_added_to_the_instance_can_be_granted(self):
        chat = chat_with()
        chat.on_late = lambda: None
        chat.grant("on_late")
        self.assertTrue(chat.is_method_allowed("on_late"))

    def test_instances_do_not_share_grants(self):
        first, second = chat_with(), chat_with()
        first.grant(IMember)
        self.assertEqual(second.allowed_methods, set())


class Interfaces(SynchronousTestCase):
    def test_an_interface_grants_its_methods_and_those_of_its_bases(self):
        self.assertEqual(chat_with(IModerator).allowed_methods, {"on_kick", "on_say", "on_leave"})

    def test_names_and_interfaces_mix(self):
        self.assertEqual(chat_with(IMember, "on_other").allowed_methods, {"on_say", "on_leave", "on_other"})

    def test_a_method_of_two_interfaces_stays_until_both_are_revoked(self):
        chat = chat_with(IGuest, IMember)
        chat.revoke(IMember)
        self.assertEqual(chat.allowed_methods, {"on_say", "on_look"})
        chat.revoke(IGuest)
        self.assertEqual(chat.allowed_methods, set())

    def test_granting_twice_is_revoked_once(self):
        chat = chat_with(IMember)
        chat.grant(IMember)
        chat.revoke(IMember)
        self.assertEqual(chat.allowed_methods, set())

    def test_a_method_granted_by_name_survives_its_interface(self):
        chat = chat_with(IMember, "on_say")
        chat.revoke(IMember)
        self.assertEqual(chat.allowed_methods, {"on_say"})

    def test_deleting_a_name_removes_it_whoever_gave_it(self):
        chat = chat_with(IGuest, IMember, "on_say")
        chat.del_acl_method("on_say")
        self.assertEqual(chat.allowed_methods, {"on_look", "on_leave"})
        chat.revoke(IGuest)
        self.assertEqual(chat.allowed_methods, {"on_leave"})

    def test_granting_an_interface_again_brings_a_deleted_method_back(self):
        chat = chat_with(IMember)
        chat.del_acl_method("on_say")
        chat.grant(IMember)
        self.assertTrue(chat.is_method_allowed("on_say"))

    def test_the_old_words_take_interfaces_too(self):
        chat = chat_with()
        chat.add_acl_method(IMember)
        self.assertTrue(chat.is_method_allowed(IMember))
        self.assertFalse(chat.is_method_allowed(IModerator))
        chat.del_acl_method(IMember)
        self.assertFalse(chat.is_method_allowed(IMember))

    def test_several_are_granted_and_revoked_at_once(self):
        chat = chat_with()
        chat.grant(IGuest, "on_other")
        self.assertEqual(chat.allowed_methods, {"on_look", "on_say", "on_other"})
        chat.revoke(IGuest, "on_other")
        self.assertEqual(chat.allowed_methods, set())

    def test_assigning_replaces_all_that_was_granted(self):
        chat = chat_with(IGuest, IMember)
        chat.allowed_methods = [IMember]
        chat.revoke(IMember)
        self.assertEqual(chat.allowed_methods, set())

    def test_resetting_replaces_it_too(self):
        chat = chat_with(IGuest)
        chat.grant(IMember, "on_other")
        chat.reset_acl()
        self.assertEqual(chat.allowed_methods, {"on_look", "on_say"})
        chat.revoke(IGuest)
        self.assertEqual(chat.allowed_methods, set())


class Refusals(SynchronousTestCase):
    def refused(self, text, call, *args):
        self.assertIn(text, str(self.assertRaises(UsageError, call, *args)))

    def test_granting_and_revoking_on_an_open_namespace(self):
        chat = chat_with(None)
        self.refused("is open", chat.grant, IMember)
        self.refused("is open", chat.revoke, IMember)
        self.refused("is open", chat.add_acl_method, "on_say")
        self.refused("is open", chat.del_acl_method, "on_say")
        self.assertIsNone(chat.allowed_methods)

    def test_what_the_class_lacks(self):
        chat = chat_with("on_say")
        self.refused("no method 'on_sya'", chat.grant, "on_sya")
        self.refused("no method 'on_sya'", chat.revoke, "on_sya")
        self.refused("no method 'initial'", chat.grant, "initial")
        self.refused("@implementer(Foreign)", chat.grant, Foreign)
        self.refused("names of methods and zope Interfaces", chat.grant, 7)
        self.assertEqual(chat.allowed_methods, {"on_say"})

    def test_assigning_what_the_class_lacks_changes_nothing(self):
        chat = chat_with("on_say")
        self.refused("no method", setattr, chat, "allowed_methods", ["on_look", "on_sya"])
        self.refused("None or a collection", setattr, chat, "allowed_methods", 7)
        self.assertEqual(chat.allowed_methods, {"on_say"})

    def test_an_initial_list_that_names_what_the_class_lacks(self):
        chat = chat_with()
        chat.initial = ["nowhere"]
        self.refused("no method 'nowhere'", chat.reset_acl)


class AtMount(SynchronousTestCase):
    def refused(self, cls, *texts):
        message = str(self.assertRaises(UsageError, verify_access, cls))
        for text in texts:
            self.assertIn(text, message)

    def test_only_interfaces_of_handlers_count(self):
        self.assertEqual(set(access_interfaces(Talk)), {IGuest, IMember, IModerator})
        verify_access(Talk)

    def test_a_class_without_interfaces_may_be_open(self):
        verify_access(BaseNamespace)

    def test_the_interfaces_of_the_library_do_not_count(self):
        @implementer(LibraryInterface)
        class Odd(BaseNamespace):
            pass

        verify_access(Odd)

    def test_an_interface_for_something_else_does_not_count(self):
        @implementer(IUnrelated)
        class Odd(BaseNamespace):
            pass

        verify_access(Odd)

    def test_a_missing_method_names_both_sides(self):
        @implementer(Foreign)
        class Lacking(Talk):
            pass

        self.refused(Lacking, "Lacking", "Foreign", "on_else")

    def test_a_wrong_signature_names_both_sides(self):
        class Greedy(Talk):
            def on_say(self, text, loud):
                pass

        self.refused(Greedy, "Greedy", "IGuest", "on_say", "too many arguments")

    def test_a_missing_get_initial_acl_is_not_left_open(self):
        @implementer(IMember)
        class Forgetful(BaseNamespace):
            def on_say(self, text):
                pass

            def on_leave(self):
                pass

        self.refused(Forgetful, "Forgetful", "IMember", "get_initial_acl")

    def test_an_inherited_get_initial_acl_is_enough(self):
        class Child(Talk):
            pass

        verify_access(Child)

    def test_a_decorated_handler_makes_its_interface_count(self):
        class IBuyer(Interface):
            def buy(what):
                """
                Bound to an event by a decorator.
                """

        def bound(function):
            function._event_names = ("buy now",)
            return function

        @implementer(IBuyer)
        class Shop(BaseNamespace):
            @bound
            def buy(self, what):
                pass

        self.assertEqual(access_interfaces(Shop), [IBuyer])


class OverTheWire(SynchronousTestCase):
    """
    What a wrong list does to a client, through the whole stack.
    """

    def test_an_initial_list_of_what_the_class_lacks_refuses_and_is_logged(self):
        class Wrong(BaseNamespace):
            def get_initial_acl(self):
                return ["on_nothing"]

        refused = self.failureResultOf(connect(Wrong), ConnectionRefused)
        self.assertNotIn("on_nothing", refused.value.message)
        self.assertEqual(len(self.flushLoggedErrors(UsageError)), 1)

    def test_request_and_session_are_there_when_the_initial_list_is_made(self):
        class Local(BaseNamespace):
            def get_initial_acl(self):
                self.session["asked"] = True
                return ["on_say"] if self.request.getClientAddress().host == "127.0.0.1" else []

            def on_say(self):
                return self.session["asked"]

        client = self.successResultOf(connect(Local))
        self.assertTrue(self.successResultOf(client.call("say")))

    def test_granting_and_revoking_by_a_handler(self):
        @implementer(IMember)
        class Door(BaseNamespace):
            def get_initial_acl(self):
                return ["on_enter"]

            def on_enter(self):
                self.grant(IMember)

            def on_say(self, text):
                return text

            def on_leave(self):
                self.revoke(IMember)

        client = self.successResultOf(connect(Door))
        self.assertNoResult(client.call("say", "hi"))
        client.emit("enter")
        self.assertEqual(self.successResultOf(client.call("say", "hi")), "hi")
        client.emit("leave")
        self.assertNoResult(client.call("say", "hi"))
        self.assertEqual([event.args[0] for event in client.received], ["method_access_denied"] * 2)
