from twisted.web.resource import Resource

from txsocketio.transports.resource import EngineResource


class Echo:
    def __init__(self, session):
        self.message_received = self.binary_received = session.send

    def session_closed(self, reason):
        pass


root = Resource()
root.putChild(b"engine.io", EngineResource(Echo))
