from txsocketio import BaseNamespace, BroadcastTimeout, RoomsMixin


class Auction(RoomsMixin, BaseNamespace):
    ns_name = "/auction"

    def on_enter(self, lot, name):
        self.data["name"] = name
        self.join(lot)
        self.to(lot).emit("entered", name)

    def on_bid(self, lot, amount):
        self.to(lot).except_("press").emit("bid", self.data["name"], amount)
        self.to("press").emit("some bid", amount)

    def on_point(self, lot, x, y):
        self.to(lot).volatile.emit("pointed", self.data["name"], x, y)

    async def on_ask(self, lot, question):
        try:
            return await self.to(lot).timeout(10).broadcast_call("question", question)
        except BroadcastTimeout as late:
            return late.answers


class Clock:
    """
    Tell everybody the time, from outside any namespace.
    """

    def __init__(self, server):
        self.auction = server.of("/auction")

    def tick(self, seconds):
        self.auction.volatile.emit("left", seconds)

    def last_call(self, lot):
        self.auction.to(lot).emit("going, going")


async def close(server, lot):
    bidders = server.of("/auction").to(lot)
    sockets = await bidders.fetch_sockets()
    for socket in sockets:
        socket.emit("thank you", socket.data["name"])
    bidders.sockets_leave(lot)
    return sorted(socket.data["name"] for socket in sockets)


def throw_out(server, sid):
    server.of("/auction").to(sid).disconnect_sockets(close=True)


class Rates:
    """
    Keep what any server of the cluster has heard.
    """

    def __init__(self, server):
        self.auction = server.of("/auction")
        self.known = {}
        self.auction.on("rate", self.set)
        self.auction.on("rates?", lambda: self.known)

    def heard(self, currency, rate):
        self.set(currency, rate)
        self.auction.server_side_emit("rate", currency, rate)

    def set(self, currency, rate):
        self.known[currency] = rate

    async def ask_the_others(self):
        for known in await self.auction.server_side_call("rates?"):
            self.known = {**known, **self.known}


class Lots:
    """
    Know which lots somebody looks at, here.
    """

    def __init__(self, server):
        self.seen = set()
        server.of("/auction").on_room("create-room", self.seen.add)
        server.of("/auction").on_room("delete-room", self.seen.discard)
