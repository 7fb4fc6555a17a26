"""
What a wheel holds and does in an environment of its own, and that importing installs no reactor.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.processes import ROOT, run

#: What a wheel is built from.
SOURCES = ("LICENSE", "MANIFEST.in", "README.rst", "pyproject.toml", "setup.py", "twisted", "txsocketio")


class ImportTests(SynchronousTestCase):
    """
    What twistd imports to list its commands, and an application to define its namespaces, installs no reactor.
    """

    def _installs_no_reactor(self, statement: str) -> None:
        code = f"import sys; {statement}; sys.exit('twisted.internet.reactor' in sys.modules)"
        done = run(sys.executable, "-c", code, cwd=ROOT)
        self.assertEqual((done.returncode, done.stderr), (0, ""), statement)

    def test_every_module_can_be_imported_first(self) -> None:
        names = [
            ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            for path in sorted((ROOT / "txsocketio").rglob("*.py"))
        ]
        script = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)\n"
        for order in (names, names[::-1]):
            done = subprocess.run([sys.executable, "-c", script, *order], capture_output=True, text=True, cwd=ROOT)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_modules_install_no_reactor(self) -> None:
        for module in ("twisted.plugins.txsocketio_plugin", "txsocketio", "txsocketio.tap", "txsocketio.demo"):
            self._installs_no_reactor(f"import {module}")

    def test_parsing_options_installs_no_reactor(self) -> None:
        arguments = ["--namespaces=txsocketio.demo", "--listen=tcp:0:interface=127.0.0.1", "--static=docs"]
        self._installs_no_reactor(f"from txsocketio.tap import Options; Options().parseOptions({arguments!r})")

    def test_the_plugin_imports_nothing_of_the_server(self) -> None:
        code = "import sys, twisted.plugins.txsocketio_plugin; sys.exit('txsocketio' in sys.modules)"
        self.assertEqual(run(sys.executable, "-c", code, cwd=ROOT).returncode, 0)

    def test_importing_loads_no_redis_client(self) -> None:
        code = "import sys, txsocketio.tap; sys.exit('txredisapi' in sys.modules)"
        self.assertEqual(run(sys.executable, "-c", code, cwd=ROOT).returncode, 0)


class WheelTests(SynchronousTestCase):
    """
    A wheel is built, installed into an empty environment, used and uninstalled.
    """

    timeout = 600

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).resolve()
        source = self.directory / "source"
        source.mkdir(parents=True)
        ignored = shutil.ignore_patterns("__pycache__", "dropin.cache")
        for name in SOURCES:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / name, ignore=ignored)
            else:
                shutil.copy(ROOT / name, source / name)
        self._pip(sys.executable, "wheel", "--no-deps", f"--wheel-dir={self.directory}", source)
        (self.wheel,) = self.directory.glob("*.whl")

    def _command(self, *command: object) -> str:
        # Without PYTHONPATH, and elsewhere: nothing of this tree is to be found but the wheel.
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.directory,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
            capture_output=True,
            text=True,
            timeout=500,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def _pip(self, python: object, *arguments: object) -> None:
        self._command(python, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments)

    def test_what_it_holds(self) -> None:
        names = zipfile.ZipFile(self.wheel).namelist()
        self.assertEqual(
            [name for name in names if name.startswith("twisted/")], ["twisted/plugins/txsocketio_plugin.py"]
        )
        for name in (
            "txsocketio/py.typed",
            "txsocketio/demo/static/index.html",
            "txsocketio/demo/static/socket.io.min.js",
        ):
            self.assertIn(name, names)
        for path in (ROOT / "txsocketio").rglob("*.py"):
            self.assertIn(path.relative_to(ROOT).as_posix(), names)
        self.assertEqual({name.split("/")[0].split("-")[0] for name in names}, {"twisted", "txsocketio"})

    def test_its_life_in_an_empty_environment(self) -> None:
        binaries = self.directory / "environment" / "bin"
        python, twistd = binaries / "python", binaries / "twistd"
        self._command(sys.executable, "-m", "venv", self.directory / "environment")
        self._pip(python, "install", self.wheel)
        self.assertIn(" socketio ", self._command(twistd, "--help"))
        self.assertIn("--namespaces=", self._command(twistd, "socketio", "--help"))
        code = "import txsocketio; print(txsocketio.__file__)"
        self.assertIn(str(self.directory / "environment"), self._command(python, "-c", code))
        self._pip(python, "uninstall", "--yes", "txsocketio")
        self.assertNotIn(" socketio ", self._command(twistd, "--help"))
        self._command(python, "-c", "import twisted.plugins, twisted.internet.reactor, twisted.web.server")
        left = [path for path in (self.directory / "environment").rglob("*") if "txsocketio" in path.name]
        self.assertEqual(left, [])
