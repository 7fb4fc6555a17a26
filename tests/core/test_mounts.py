"""
Mounting: names, duplicates, and what cannot be mounted.
"""

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Interface, implementer

from txsocketio.core.adapter import MemoryAdapter
from txsocketio.core.mounts import mount_namespaces, normalise_name
from txsocketio.errors import UsageError
from txsocketio.namespace import BaseNamespace


class Chat(BaseNamespace):
    pass


class IMember(Interface):
    def on_say(text):
        """
        Say something.
        """


@implementer(IMember)
class Broken(BaseNamespace):
    def get_initial_acl(self):
        return []


class Names(SynchronousTestCase):
    def test_the_root_has_two_names_and_slashes_may_be_left_out(self):
        for given, name in (("", ""), ("/", ""), ("/chat", "/chat"), ("chat", "/chat"), ("/a/b", "/a/b")):
            self.assertEqual(normalise_name(given), name)

    def test_what_no_client_could_ask_for(self):
        for name in (b"/chat", None, 7, "/a,b", "/a?b"):
            self.assertRaises(UsageError, normalise_name, name)


class Mounting(SynchronousTestCase):
    def refused(self, namespaces, *texts):
        message = str(self.assertRaises(UsageError, mount_namespaces, namespaces, MemoryAdapter))
        for text in texts:
            self.assertIn(text, message)

    def test_names_are_normalised(self):
        mounts = mount_namespaces({"/": Chat, "chat": Chat}, MemoryAdapter)
        self.assertEqual(list(mounts), ["", "/chat"])
        self.assertEqual([mount.name for mount in mounts.values()], ["", "/chat"])
        self.assertEqual([mount.cls for mount in mounts.values()], [Chat, Chat])

    def test_each_name_has_rooms_of_its_own(self):
        mounts = mount_namespaces({"/a": Chat, "/b": Chat}, MemoryAdapter)
        self.assertIsNot(mounts["/a"].adapter, mounts["/b"].adapter)

    def test_nothing_mounts_nothing(self):
        self.assertEqual(mount_namespaces(None, MemoryAdapter), {})
        self.assertEqual(mount_namespaces({}, MemoryAdapter), {})

    def test_two_classes_on_one_name(self):
        self.refused({"": Chat, "/": Broken}, "'/'", "Chat", "Broken")
        self.refused({"chat": Chat, "/chat": Chat}, "'/chat'")

    def test_only_classes_of_namespaces(self):
        for thing in (object, Chat.__init__, "Chat", None, int):
            self.refused({"/chat": thing}, "subclass of BaseNamespace", "'/chat'")

    def test_only_a_mapping(self):
        self.refused(Chat, "mapping", "Chat")
        self.refused([Chat], "mapping")

    def test_a_class_that_breaks_its_interface(self):
        self.refused({"/": Broken}, "Broken", "IMember", "on_say")
