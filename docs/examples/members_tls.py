from pathlib import Path

from twisted.application import service
from twisted.application.internet import StreamServerEndpointService
from twisted.internet import endpoints, reactor, ssl
from twisted.web.resource import Resource

from members import server
from txsocketio.transports.http.site import BoundedSite

authority = ssl.Certificate.loadPEM(Path("authority.pem").read_bytes())
certificate = ssl.PrivateCertificate.loadPEM(Path("server.pem").read_bytes())
endpoint = endpoints.SSL4ServerEndpoint(reactor, 8443, certificate.options(authority), interface="127.0.0.1")

root = Resource()
root.putChild(b"socket.io", server.resource())

application = service.Application("members with certificates")
StreamServerEndpointService(endpoint, BoundedSite(root)).setServiceParent(application)
