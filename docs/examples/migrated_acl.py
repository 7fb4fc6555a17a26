from zope.interface import Interface, implementer

from migrated_chat import ChatNamespace as NamedChat


class IStranger(Interface):
    def on_nickname(nick):
        """Say who you are."""


class ITalker(Interface):
    def on_join(room):
        """Enter a room."""

    def on_say(room, text):
        """Say something there."""

    def on_look_up(word):
        """Ask what a word means."""


@implementer(IStranger, ITalker)
class ChatNamespace(NamedChat):
    def get_initial_acl(self):
        return [IStranger]

    def on_nickname(self, nick):
        self.grant(ITalker)
        return super().on_nickname(nick)
