"""
stub
"""

from typing import Any


class PythonSocketIOListener:
    def __init__(self, *a: Any) -> None:
        pass
