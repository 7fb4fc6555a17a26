"""
A real browser on the demo's page: two tabs chat.

``TXSOCKETIO_DEMO_PICTURE=docs/images/demo.png`` has a picture of it written.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.chromium import MISSING, chromium
from tests.integration.node import ensure_packages, environment, node
from tests.processes import ROOT, free_port, script, started


class DemoPage(SynchronousTestCase):
    def test_two_tabs_chat(self) -> None:
        """
        They come in, see each other type, talk with acknowledgements, change rooms, and leave.
        """
        browser = chromium()
        if browser is None:
            raise SkipTest(MISSING)
        here = ensure_packages()
        port = free_port()
        picture = os.environ.get("TXSOCKETIO_DEMO_PICTURE")
        job = {
            "browser": browser,
            "url": f"http://127.0.0.1:{port}/",
            "picture": picture and str(ROOT / picture),
        }
        static = ROOT / "txsocketio" / "demo" / "static"
        demo = ("socketio", f"--listen=tcp:{port}:interface=127.0.0.1", "--namespaces=txsocketio.demo")
        twistd = (script("twistd"), "-n", "--pidfile=", *demo, f"--static={static}")
        directory = Path(self.mktemp())
        directory.mkdir()
        with started(*twistd, cwd=directory, until="starting on"):
            done = subprocess.run(
                [node(), "demo.js", json.dumps(job)],
                cwd=here,
                env=environment(),
                capture_output=True,
                text=True,
                timeout=120,
            )
        steps = [json.loads(line) for line in done.stdout.splitlines()]
        failed = [f"{step['step']}: {step['error']}" for step in steps if step["error"]]
        self.assertEqual([], failed)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual("the pages had no faults", steps[-1]["step"])
