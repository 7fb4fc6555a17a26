from twisted.application import service, strports
from twisted.web.resource import Resource
from twisted.web.server import Site

from txsocketio import EngineResource


class Echo:
    def __init__(self, session):
        self.message_received = self.binary_received = session.send

    def session_closed(self, reason):
        print("closed:", reason)


root = Resource()
root.putChild(b"engine.io", EngineResource(Echo))

application = service.Application("echo")
strports.service("tcp:8000:interface=127.0.0.1", Site(root)).setServiceParent(application)
