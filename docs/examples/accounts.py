from twisted.cred.checkers import ICredentialsChecker, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import ICredentials
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from zope.interface import Attribute, Interface, directlyProvides, implementer


class IMember(Interface):
    def on_say(text):
        """Say something."""


class IModerator(Interface):
    def on_kick(nick):
        """Throw somebody out."""


class Person:
    def __init__(self, name, *roles):
        self.name = name
        directlyProvides(self, *roles)

    def logout(self):
        print(self.name, "is gone")


@implementer(IRealm)
class Realm:
    def requestAvatar(self, name, mind, *interfaces):
        roles = [IMember, IModerator] if name == b"mod" else [IMember]
        for interface in interfaces:
            if interface in roles:
                person = Person(name.decode(), *roles)
                return interface, person, person.logout
        raise NotImplementedError("no such kind of avatar")


class ISessionCookie(ICredentials):
    value = Attribute("What the login page of the site has put into the cookie.")


@implementer(ISessionCookie)
class SessionCookie:
    def __init__(self, value):
        self.value = value


@implementer(ICredentialsChecker)
class Sessions:
    credentialInterfaces = (ISessionCookie,)

    def __init__(self, names):
        self.names = names

    def requestAvatarId(self, credentials):
        if credentials.value in self.names:
            return self.names[credentials.value]
        raise UnauthorizedLogin()


class ICertified(ICredentials):
    certificate = Attribute("A twisted.internet.ssl.Certificate that TLS has verified.")


@implementer(ICertified)
class Certified:
    def __init__(self, certificate):
        self.certificate = certificate


@implementer(ICredentialsChecker)
class CommonNames:
    credentialInterfaces = (ICertified,)

    def requestAvatarId(self, credentials):
        return credentials.certificate.getSubject().commonName


passwords = InMemoryUsernamePasswordDatabaseDontUse(ann=b"secret", mod=b"more secret")
sessions = Sessions({b"3f9d": b"ann"})
portal = Portal(Realm(), [passwords, sessions, CommonNames()])
