"""
What the library says while an input is served: no failure, and nothing critical.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from twisted.logger import LogLevel, eventAsText, globalLogPublisher

from tests.fuzz.target import Broken


class Watched:
    """
    Raise, at the end of a block, what was logged as a failure in it.
    """

    def __init__(self) -> None:
        self._faults: list[str] = []

    def __enter__(self) -> Watched:
        globalLogPublisher.addObserver(self._observe)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        globalLogPublisher.removeObserver(self._observe)
        if error is None and self._faults:
            raise Broken(f"a failure was logged: {self._faults[0][-1500:]}")

    def _observe(self, event: Any) -> None:
        if event.get("log_failure") is not None or event.get("log_level") is LogLevel.critical:
            # As text: a failure keeps everything in its frames alive.
            self._faults.append(eventAsText(event, includeTimestamp=False, includeSystem=False))
