"""
One resource for a site that there is already.
"""

import json

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import IResource
from zope.interface.verify import verifyObject

from txsocketio.errors import UsageError
from txsocketio.namespace import BaseNamespace
from txsocketio.server.resource import SocketIOResource, socketio_manage
from txsocketio.testing import connect


class Echo(BaseNamespace):
    def on_echo(self, value):
        return value


class Resources(SynchronousTestCase):
    def test_it_is_a_leaf_resource_with_a_server(self) -> None:
        resource = SocketIOResource({"/": Echo}, reactor=Clock(), ping_interval=1)
        verifyObject(IResource, resource)
        self.assertTrue(resource.isLeaf)
        self.assertEqual(resource.socketio.engine_options.ping_interval, 1)
        self.assertEqual(list(resource.socketio.mounts), [""])

    def test_wrong_options_are_refused(self) -> None:
        self.assertRaises(TypeError, SocketIOResource, {"/": Echo}, ping=1)


class Managing(SynchronousTestCase):
    def test_it_makes_a_resource(self) -> None:
        handler = print
        resource = socketio_manage({"": Echo}, handler, ping_interval=1)
        self.assertIsInstance(resource, SocketIOResource)
        self.assertIs(resource.socketio.options.error_handler, handler)
        self.assertIsNone(resource.socketio.engine_options.json)

    def test_functions_for_json(self) -> None:
        loaded, dumped = [], []

        def loads(text):
            loaded.append(text)
            return json.loads(text)

        def dumps(value, default):
            dumped.append(value)
            return json.dumps(value, default=default)

        for given in ({"json_loads": loads}, {"json_dumps": dumps}, {"json_loads": loads, "json_dumps": dumps}):
            server = socketio_manage({"": Echo}, reactor=Clock(), **given).socketio
            client = self.successResultOf(connect(server=server))
            self.assertEqual(self.successResultOf(client.call("echo", {"a": b"1"})), {"a": b"1"})
        self.assertTrue(loaded)
        self.assertTrue(dumped)

    def test_it_refuses_what_a_server_refuses(self) -> None:
        self.assertRaises(UsageError, socketio_manage, {"": object})
