"""
Tests of importing txsocketio.redis.
"""

from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

_WITHOUT_MSGPACK = """
import importlib.util, sys
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "msgpack" else find_spec(name, package)
sys.modules["msgpack"] = None
try:
    import txsocketio.redis
except ImportError as error:
    print(error)
"""


class ImportTests(SynchronousTestCase):
    def test_without_msgpack_it_says_what_to_install(self) -> None:
        done = subprocess.run(
            [sys.executable, "-c", _WITHOUT_MSGPACK], capture_output=True, text=True, timeout=60, check=True
        )
        self.assertIn("pip install txsocketio[redis]", done.stdout)
