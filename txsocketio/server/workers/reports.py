"""
What a worker tells its parent: one JSON list on each line of a pipe, the kind first.

::

    ["log", "info", "txsocketio.server.server", "a text, with newlines escaped"]
    ["ready"]
    ["alive"]
    ["failed", "why it cannot start"]
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from twisted.logger import ILogObserver, LogEvent, LogLevel, eventAsText
from zope.interface import implementer

#: Characters of one log text: a pipe holds 64 KiB, and nobody reads more.
MAX_TEXT: Final = 20_000
#: Seconds between two signs of life.
BEAT: Final = 1.0


@implementer(ILogObserver)
class Reporter:
    """
    Report to the parent what happens in a worker, log lines included.
    """

    def __init__(self, descriptor: int) -> None:
        """
        :param descriptor: of the pipe.
        """
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def ready(self) -> None:
        """
        Say that clients are served.
        """
        self._write("ready")

    def alive(self) -> None:
        """
        Say that the reactor turns.
        """
        self._write("alive")

    def failed(self, message: str) -> None:
        """
        Say why nobody will be served.

        :param message: one sentence.
        """
        self._write("failed", " ".join(message.split()))

    def __call__(self, event: LogEvent) -> None:
        """
        Report a log event to the parent, which logs it.

        :param event: of twisted.logger.
        """
        level = event.get("log_level") or LogLevel.info
        namespace = event.get("log_namespace") or ""
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        self._write("log", level.name, "" if namespace == "log_legacy" else namespace, text[:MAX_TEXT])

    def _write(self, *report: str) -> None:
        line = json.dumps(report).encode() + b"\n"
        # Where the parent is gone nobody reads, and this process will soon be gone too.
        with self._lock, suppress(BrokenPipeError):
            while line:
                line = line[os.write(self._descriptor, line) :]


class Lines:
    """
    Cut the bytes of a pipe into lines.
    """

    def __init__(self, taken: Callable[[bytes], object], limit: int) -> None:
        """
        :param taken: called with each line, without its end.
        :param limit: bytes of one line; a longer one is taken in pieces.
        """
        self._taken = taken
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """
        Take the next bytes, and give each line that they complete to the callable.

        :param data: of any length.
        """
        self._buffer += data
        for line in self._complete():
            self._taken(line)

    def end(self) -> None:
        """
        Give what the stream has ended with, when that is no whole line.
        """
        if self._buffer:
            self._taken(bytes(self._buffer))
            self._buffer.clear()

    def _complete(self) -> Iterator[bytes]:
        while True:
            end = self._buffer.find(b"\n")
            if end < 0 and len(self._buffer) <= self._limit:
                return
            length = end if 0 <= end <= self._limit else self._limit
            yield bytes(self._buffer[:length])
            del self._buffer[: length + (length == end)]
