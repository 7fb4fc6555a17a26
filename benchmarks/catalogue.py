"""
All servers and cases.

Another part of the benchmarks, a module with ``SERVERS`` and ``CASES``, joins in by being listed here.
"""

from __future__ import annotations

from itertools import chain

from benchmarks import cases, servers

SERVERS = {server.name: server for server in chain(servers.SERVERS)}
CASES = {case.name: case for case in chain(cases.CASES)}
