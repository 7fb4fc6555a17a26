"""
Name the packages; all other metadata is in pyproject.toml.

``twisted.plugins`` is named by hand: it has no ``__init__.py``, because it lives inside Twisted's own package, and
so no search for packages would find it. ``package_dir`` says what is the default anyway, but only where it is said
does an editable install put this directory on sys.path as it is, which is how Twisted finds plugins.
"""

from setuptools import find_packages, setup

setup(
    package_dir={"": "."},
    packages=[*find_packages(include=["txsocketio", "txsocketio.*"]), "twisted.plugins"],
    package_data={
        "txsocketio": ["py.typed"],
        "txsocketio.demo": ["static/*"],
    },
)
