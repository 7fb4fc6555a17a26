"""
What a server's process counts of itself, and writes to a file: one line of JSON each time.

It asks nobody and is asked by nobody, so that every worker of a cluster tells by itself.
"""

from __future__ import annotations

import gc
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from twisted.internet.task import LoopingCall

#: Where the lines go, and how often: set by whoever starts the server.
DIRECTORY: Final = "SOAK_DIRECTORY"
INTERVAL: Final = "SOAK_INTERVAL"

#: What is counted, by the names of classes that are ours or Twisted's; a subclass counts as what it is one of.
COUNTED: Final = (
    "Session",
    "Socket",
    "BaseNamespace",
    "WebSocketTransport",
    "PollingTransport",
    "StreamTransport",
    "UpgradeProbe",
    "Deferred",
    "DelayedCall",
)


class _Kinds(dict[type, str | None]):
    """
    Remember which of COUNTED a class is one of.
    """

    def __missing__(self, cls: type) -> str | None:
        # Links to Redis have sessions too.
        names = [base.__name__ for base in cls.__mro__ if "redis" not in str(base.__module__)]
        kind = self[cls] = next((name for name in COUNTED if name in names), None)
        return kind


_kinds = _Kinds()


def count(reactor: Any) -> dict[str, Any]:
    """
    Count everything once.

    :param reactor: whose delayed calls are counted.
    """
    began = time.perf_counter()
    gc.collect()
    objects = gc.get_objects()
    kinds = Counter(_kinds[type(item)] for item in objects)
    number = len(objects)
    del objects
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "pid": os.getpid(),
        "time": time.time(),
        "memory": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        "descriptors": len(os.listdir("/proc/self/fd")) - 1,
        "objects": number,
        "delayed calls": len(reactor.getDelayedCalls()),
        **{name: kinds[name] for name in COUNTED if name != "DelayedCall"},
        "cost": time.perf_counter() - began,
    }


def begin(reactor: Any) -> None:
    """
    Begin to count, if there is somebody who wants it.

    :param reactor: the reactor.
    """
    directory = os.environ.get(DIRECTORY)
    if directory is None:
        return
    path = Path(directory) / "{}.jsonl"

    def write() -> None:
        line = json.dumps(count(reactor))
        with open(str(path).format(os.getpid()), "a", encoding="utf-8") as file:
            file.write(line + "\n")

    loop = LoopingCall(write)
    reactor.callWhenRunning(loop.start, float(os.environ.get(INTERVAL, "5")))
