from twisted.internet import task

from txsocketio import NO_ACK, BaseNamespace, event


class Handlers(BaseNamespace):
    ns_name = "/handlers"

    def on_add(self, a, b):
        return a + b

    def on_later(self, seconds):
        return task.deferLater(self.reactor, seconds, lambda: "later")

    async def on_twice(self, seconds):
        await task.deferLater(self.reactor, seconds)
        return "first", "second"

    def on_list(self):
        return [1, 2]

    def on_nothing(self):
        pass

    def on_never(self):
        return NO_ACK

    def on_two_words(self):
        return "a space in the name is an underscore here"

    @event("user:rename", "user.rename")
    def rename(self, name):
        return f"now {name}"

    def on_raw(self, packet):
        return sorted(packet)

    def on_any(self, event, *args):
        return f"{event} with {len(args)} arguments"


class OneByOne(BaseNamespace):
    ns_name = "/one-by-one"
    ordered = True

    async def on_wait(self, seconds):
        await task.deferLater(self.reactor, seconds)
        return seconds


class Asking(BaseNamespace):
    ns_name = "/asking"

    async def on_ask(self, question):
        answer = await self.call("question", question, timeout=10)
        return f"you said {answer}"
