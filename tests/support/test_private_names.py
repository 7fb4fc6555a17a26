"""
Tests of txsocketio.support.private_names: the list holds all that we use, and the installed libraries have all of it.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from txsocketio import SocketIOServer
from txsocketio.support import private_names
from txsocketio.support.private_names import PRIVATE_NAMES, PrivateName, require

PACKAGE = Path(private_names.__file__).parent.parent
_ASKING = ("getattr", "setattr", "hasattr", "delattr")
_OWNERS = ("self", "cls")


def is_private(name: object) -> bool:
    return isinstance(name, str) and name.startswith("_") and not name.endswith("__")


def sources(cls: type) -> str:
    """
    Give the source of a class, or nothing where it has none.
    """
    try:
        return textwrap.dedent(inspect.getsource(cls))
    except (OSError, TypeError):
        return ""


@cache
def private_names_of(cls: type) -> frozenset[str]:
    """
    Give the private names that a class itself has, or sets on its instances.
    """
    found = {name for name in vars(cls) if is_private(name)}
    for node in ast.walk(ast.parse(sources(cls))):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_private(node.attr):
            found.add(f"_{cls.__name__.lstrip('_')}{node.attr}" if node.attr.startswith("__") else node.attr)
    return frozenset(found)


def foreign_names_of(cls: object) -> frozenset[str]:
    """
    Give the private names that a class of ours has from somebody else.
    """
    kinds = getattr(cls, "__mro__", ())
    theirs = [kind for kind in kinds if kind.__module__.partition(".")[0] not in ("txsocketio", "builtins", "enum")]
    return frozenset().union(*map(private_names_of, theirs))


class Module:
    """
    One module of ours: what private names it defines, and which it uses of others.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text("utf-8"))
        dotted = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        self.module = import_module(dotted)
        self.defined: set[str] = set()
        self.used: list[tuple[ast.AST, str, bool, frozenset[str]]] = []
        self._walk(self.tree, frozenset())

    def _walk(self, node: ast.AST, foreign: frozenset[str]) -> None:
        for child in ast.iter_child_nodes(node):
            inner = foreign
            if isinstance(child, ast.ClassDef):
                inner = foreign_names_of(getattr(self.module, child.name, None))
            for name, own, stored in _names_in(child):
                if own and stored and name not in inner:
                    self.defined.add(name)
                self.used.append((child, name, own, inner))
            self._walk(child, inner)

    def foreign(self, ours: set[str]) -> Iterator[tuple[str, str]]:
        """
        Give names that are somebody else's, with the places where they stand.
        """
        for node, name, own, theirs in self.used:
            if name in theirs if own else name not in ours:
                yield name, f"{self.path.name}:{getattr(node, 'lineno', 0)}"


def _names_in(node: ast.AST) -> Iterator[tuple[str, bool, bool]]:
    """
    Give the private names that a node has, whether they are of an object of ours, and whether they are defined there.
    """
    match node:
        case ast.Attribute(value=value, attr=attr, ctx=ctx) if is_private(attr):
            own = isinstance(value, ast.Name) and value.id in _OWNERS
            own = own or (isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "super")
            yield attr, own, isinstance(ctx, ast.Store)
        case ast.Call(func=ast.Name(id=function), args=[_, ast.Constant(value=name), *_]) if function in _ASKING:
            if isinstance(name, str) and is_private(name):
                yield name, False, False
        case ast.FunctionDef(name=name) | ast.Name(id=name, ctx=ast.Store()) if is_private(name):
            yield name, True, True
        case ast.Assign(targets=[ast.Name(id="__slots__")], value=value):
            for one in ast.walk(value):
                if isinstance(one, ast.Constant) and isinstance(one.value, str):
                    yield one.value, True, True
        case ast.ImportFrom(module=str(module), names=names) if not module.startswith(("txsocketio", "__future__")):
            yield from ((alias.name, False, False) for alias in names if is_private(alias.name))
            yield from ((part, False, False) for part in module.split(".") if is_private(part))


class ListTests(SynchronousTestCase):
    """
    All that is used stands in the list, and what stands there is used.
    """

    def test_no_other_private_names_are_used(self) -> None:
        modules = [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]
        ours = set().union(*(module.defined for module in modules)) | {"_event_names"}
        listed = {one.name for one in PRIVATE_NAMES}
        found = [f"{name} at {place}" for module in modules for name, place in module.foreign(ours - listed)]
        self.assertEqual([one for one in found if one.split()[0] not in listed], [])

    def test_every_name_is_used(self) -> None:
        text = "\n".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py") if path.name != "private_names.py")
        self.assertEqual([one.name for one in PRIVATE_NAMES if one.name not in text], [])

    def test_no_name_stands_twice(self) -> None:
        names = [(one.owner, one.name) for one in PRIVATE_NAMES]
        self.assertEqual(len(names), len(set(names)))

    def test_a_name_of_a_stranger_is_found(self) -> None:
        ((name, own, _),) = _names_in(ast.parse("request._theirs").body[0].value)  # type: ignore[attr-defined]
        self.assertEqual((name, own), ("_theirs", False))


class InstalledTests(SynchronousTestCase):
    """
    The installed libraries have what stands in the list.
    """

    def check(self, one: PrivateName) -> None:
        owner = one.find()
        if one.name == one.owner:
            return
        kinds = owner.__mro__ if isinstance(owner, type) else ()
        known = hasattr(owner, one.name) or any(one.name in private_names_of(kind) for kind in kinds)
        self.assertTrue(known, f"{one.owner} has no {one.name}")


def _one_by_one() -> None:
    for number, one in enumerate(PRIVATE_NAMES):

        def test(self: InstalledTests, one: PrivateName = one) -> None:
            try:
                self.check(one)
            except ImportError as error:
                raise SkipTest(f"not installed: {error}") from None

        name = f"test_{number:02}_{one.owner.rpartition('.')[2]}_has_{one.name.lstrip('_')}"
        setattr(InstalledTests, name, test)


_one_by_one()


class RequireTests(SynchronousTestCase):
    """
    What a server cannot do without.
    """

    def test_the_installed_libraries_have_it(self) -> None:
        self.assertIsNone(require())  # type: ignore[func-returns-value]

    def test_a_server_is_refused_in_words_without_it(self) -> None:
        owner = "autobahn.twisted.websocket.WebSocketServerProtocol"
        gone = PrivateName(owner, "_onGone", "nothing", "refused", needed=True)
        self.patch(private_names, "PRIVATE_NAMES", (gone,))
        error = self.assertRaises(ImportError, lambda: SocketIOServer().resource())
        self.assertIn(f"needs {owner}._onGone, which the installed autobahn does not have", str(error))
