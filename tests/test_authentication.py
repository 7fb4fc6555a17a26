"""
Who a client is, from the four places where it can say so: through real requests, a portal and its realm.
"""

from base64 import b64encode

from twisted.cred.checkers import ICredentialsChecker, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import ICredentials, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from twisted.internet.ssl import KeyPair
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import Interface, implementer

from tests.kits.http import raw_request
from tests.kits.memory import Exchange, TLSConnection
from txsocketio import BaseNamespace, SocketIOServer


class IMember(Interface):
    def on_who():
        """
        Tell one's name.
        """


@implementer(IMember)
class Member:
    def __init__(self, name):
        self.name = name


class ICookie(ICredentials):
    """
    The value of a session's cookie.
    """


@implementer(ICookie)
class Cookie:
    def __init__(self, value):
        self.value = value


class ICertificate(ICredentials):
    """
    A certificate that TLS has verified.
    """


@implementer(ICertificate)
class PeerCertificate:
    def __init__(self, certificate):
        self.certificate = certificate


@implementer(ICredentialsChecker)
class Cookies:
    credentialInterfaces = (ICookie,)
    sessions = {b"c00kie": b"ann"}

    def requestAvatarId(self, credentials):
        if credentials.value not in self.sessions:
            raise UnauthorizedLogin(f"no session {credentials.value!r}")
        return self.sessions[credentials.value]


@implementer(ICredentialsChecker)
class Certificates:
    credentialInterfaces = (ICertificate,)

    def requestAvatarId(self, credentials):
        name = credentials.certificate.getSubject().commonName
        if not name.endswith(b".members.example"):
            raise UnauthorizedLogin(f"{name!r} is no member")
        return name.partition(b".")[0]


@implementer(IRealm)
class Realm:
    """
    Count who is in; let them in at once, or when a test says so.
    """

    def __init__(self):
        self.logouts = []
        self.waiting = None

    def requestAvatar(self, avatar_id, mind, *interfaces):
        name = avatar_id.decode()
        result = (IMember, Member(name), lambda: self.logouts.append(name))
        return result if self.waiting is None else self.waiting.addCallback(lambda _: result)


@implementer(IMember)
class Members(BaseNamespace):
    def get_initial_acl(self):
        return []

    async def recv_connect(self):
        await self.login(self.credentials(), IMember)

    def on_who(self):
        return self.avatar.name


class ByPayload(Members):
    def credentials(self):
        return UsernamePassword(self.auth["name"].encode(), self.auth["password"].encode())


class ByCookie(Members):
    def credentials(self):
        return Cookie(self.request.getCookie(b"session"))


class ByBasic(Members):
    def credentials(self):
        return UsernamePassword(self.request.getUser(), self.request.getPassword())


class ByCertificate(Members):
    def credentials(self):
        return PeerCertificate(self.request.getPeerCertificate())


class Sharing(Members):
    """
    Take the avatar of another namespace of the same client.
    """

    def recv_connect(self):
        self.socket["/payload"].share_avatar(self)


NAMESPACES = {
    "/payload": ByPayload,
    "/cookie": ByCookie,
    "/basic": ByBasic,
    "/certificate": ByCertificate,
    "/sharing": Sharing,
}
REFUSED = '{"message":"not authorized"}'
PAYLOAD = '{"name":"ann","password":"secret"}'


def basic(text):
    return ("Authorization", "Basic " + b64encode(text.encode()).decode())


def certificate(name):
    return KeyPair.generate(size=2048).selfSignedCert(1, CN=name).original


class Client:
    """
    Poll a site in memory.
    """

    def __init__(self, site, clock, headers=(), certificate=None):
        self._site, self._clock, self._headers, self._certificate = site, clock, headers, certificate
        self._sid, self._poll = "", None
        self._sid = "&sid=" + self.read().partition('"sid":"')[2].partition('"')[0]

    def _request(self, method, body=None):
        exchange = Exchange(self._site, connection=TLSConnection, certificate=self._certificate)
        target = f"/socket.io/?EIO=4&transport=polling{self._sid}"
        exchange.send(raw_request(method, target, body, self._headers))
        self._clock.advance(0)
        return exchange

    def send(self, packet):
        post = self._request("POST", packet.encode())
        assert post.response.status == 200
        post.vanish()

    def read(self):
        """
        Give the answer to a poll; none yet leaves it waiting.
        """
        poll, self._poll = self._poll or self._request("GET"), None
        if not poll.answered:
            self._poll = poll
            return ""
        poll.vanish()
        return poll.response.body.decode()

    def leave(self):
        self.send("1")
        self.read()

    def join(self, namespace, auth=""):
        """
        Give what the CONNECT is answered with.
        """
        self.send(f"40{namespace},{auth}")
        return self.read().partition(",")[2]


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.realm = Realm()
        users = InMemoryUsernamePasswordDatabaseDontUse(ann=b"secret", bob=b"secret")
        portal = Portal(self.realm, [users, Cookies(), Certificates()])
        self.server = SocketIOServer(NAMESPACES, portal=portal, reactor=self.clock)
        root = Resource()
        root.putChild(b"socket.io", self.server.resource())
        self.site = Site(root, reactor=self.clock)

    def client(self, *headers, certificate=None):
        return Client(self.site, self.clock, headers, certificate)

    def welcome(self, client, namespace, auth=""):
        self.assertIn('{"sid":', client.join(namespace, auth))
        client.send(f'42{namespace},1["who"]')
        self.assertEqual(client.read(), f'43{namespace},1["ann"]')

    def leave(self, times=1):
        """
        Shut down, and assert how often the realm's logout was called.
        """
        done = self.server.shutdown()
        self.clock.advance(60)
        self.successResultOf(done)
        self.assertEqual(self.realm.logouts, ["ann"] * times)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class FourWays(Case):
    def test_the_payload_of_connect(self):
        self.welcome(self.client(), "/payload", PAYLOAD)
        self.leave()

    def test_a_cookie_of_the_handshake(self):
        self.welcome(self.client(("Cookie", "a=b; session=c00kie")), "/cookie")
        self.leave()

    def test_http_basic_on_the_handshake(self):
        self.welcome(self.client(basic("ann:secret")), "/basic")
        self.leave()

    def test_the_certificate_of_the_tls_client(self):
        self.welcome(self.client(certificate=certificate(b"ann.members.example")), "/certificate")
        self.leave()


class Refusals(Case):
    def test_they_do_not_say_which_half_was_wrong(self):
        nobody = '{"name":"nobody","password":"secret"}'
        wrong = '{"name":"ann","password":"wrong"}'
        answers = [self.client().join("/payload", auth) for auth in (nobody, wrong)]
        answers += [self.client(basic(who)).join("/basic") for who in ("nobody:secret", "ann:wrong", ":")]
        answers += [self.client(("Cookie", cookie)).join("/cookie") for cookie in ("session=x", "other=x")]
        answers.append(self.client(certificate=certificate(b"ann.example")).join("/certificate"))
        answers.append(self.client().join("/basic"))
        self.assertEqual(set(answers), {REFUSED})
        self.leave(0)

    def test_a_client_without_a_certificate_is_refused_by_the_namespace_or_logged(self):
        self.assertEqual(self.client().join("/certificate"), REFUSED)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        self.leave(0)


class Logouts(Case):
    def test_a_login_that_finishes_after_the_client_has_gone(self):
        for pause in (0, 60):
            self.realm.logouts.clear()
            waiting = self.realm.waiting = Deferred()
            client = self.client()
            self.assertEqual(client.join("/payload", PAYLOAD), "")
            client.leave()
            self.clock.advance(pause)
            waiting.callback(None)
            self.assertEqual(self.realm.logouts, ["ann"])
        self.leave()

    def test_a_login_that_finishes_after_connect_timeout(self):
        waiting = self.realm.waiting = Deferred()
        client = self.client()
        self.assertEqual(client.join("/payload", PAYLOAD), "")
        self.clock.advance(20)
        client.read()
        client.send("3")
        self.clock.advance(25)
        self.assertIn("not accepted within", client.read())
        waiting.callback(None)
        self.leave()

    def test_a_shared_avatar_logs_out_with_the_last_that_has_it(self):
        client = self.client()
        self.welcome(client, "/payload", PAYLOAD)
        self.welcome(client, "/sharing")
        client.send("41/payload,")
        self.assertEqual(self.realm.logouts, [])
        client.send('42/sharing,2["who"]')
        self.assertEqual(client.read(), '43/sharing,2["ann"]')
        client.send("41/sharing,")
        self.assertEqual(self.realm.logouts, ["ann"])
        self.leave()

    def test_and_once_when_the_connection_ends_them_all(self):
        client = self.client()
        self.welcome(client, "/payload", PAYLOAD)
        self.welcome(client, "/sharing")
        client.leave()
        self.assertEqual(self.realm.logouts, ["ann"])
        self.leave()
