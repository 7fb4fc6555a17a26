"""
Name the packages; all other metadata is in pyproject.toml.

``twisted.plugins`` is named by hand: it has no ``__init__.py``, because it lives inside Twisted's own package, and
so no search for packages would find it.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["txsocketio", "txsocketio.*"]), "twisted.plugins"],
    package_data={
        "txsocketio": ["py.typed"],
        "txsocketio.demo": ["static/*"],
    },
)
