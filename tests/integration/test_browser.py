"""
A real browser on the demo's page: two tabs chat.

``TXSOCKETIO_DEMO_PICTURE=docs/images/demo.png`` has a picture of it written.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.node import ensure_packages, environment, node
from tests.processes import ROOT, free_port, script, started

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str:
    """
    Give the path of Chromium.

    :raises SkipTest: where there is none; under CI=true that is a failure.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        sentence = "Chromium is not on PATH: install your system's package (chromium) to have the demo's page tested"
        raise AssertionError(sentence) if os.environ.get("CI") == "true" else SkipTest(sentence)
    return found


class DemoPage(SynchronousTestCase):
    def test_two_tabs_chat(self) -> None:
        """
        They come in, see each other type, talk with acknowledgements, change rooms, and leave.
        """
        browser = chromium()
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
