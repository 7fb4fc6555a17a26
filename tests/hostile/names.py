"""
Names of events that an attacker would try.
"""

import unicodedata


def attributes(namespace):
    """
    Give every name by which Python could find something on a namespace, its class or what belongs to them.
    """
    names = {*dir(namespace), *vars(namespace), *dir(type(namespace)), *dir(namespace._member)}
    for cls in type(namespace).__mro__:
        names.update(vars(cls), getattr(cls, "__annotations__", {}))
    return names


def disguises(name):
    """
    Write a name in ways that a careless server might take for it.
    """
    wide = "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in name)
    return {
        name,
        f"on_{name}",
        name.removeprefix("on_"),
        name.removeprefix("recv_"),
        name.replace("_", " "),
        name.removeprefix("on_").replace("_", " "),
        f"self.{name}",
        f"{name}.__call__",
        f" {name}",
        f"{name}\x00",
        name.upper(),
        name.replace("_", "-"),
        name.replace("_", "\u00a0"),
        wide,
        unicodedata.normalize("NFD", name.replace("a", "\u00e5")),
    }


#: Names that are nobody's attribute.
ODD = {"", " ", ".", "_", "__", "on", "on ", "any", "*", "\n", "\u2028", "\ud83d\ude00", "\U0001f600", "x" * 10_000}
ODD |= {"__init__.__globals__", "constructor", "prototype", "../on_kick", "on_kick()", "%s", "{0.__class__}", "\x00"}
