"""
The laws of the house: who may import whom, how long things may be, and where protocol versions may be told apart.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "txsocketio"
PLUGIN = ROOT / "twisted" / "plugins" / "txsocketio_plugin.py"

#: Which layer a module or package directly under txsocketio is in.
LAYERS = {
    **dict.fromkeys(("errors", "reasons", "interfaces", "support"), 0),
    "protocol": 1,
    "engine": 2,
    "transports": 3,
    **dict.fromkeys(("core", "mixins", "namespace", "packet", "virtsocket"), 4),
    **dict.fromkeys(("__init__", "server"), 5),
    **dict.fromkeys(("demo", "redis", "tap", "testing", "server.workers", "server.loading"), 6),
}

#: The layers that a layer may import: transports and core are siblings over the engine.
MAY_IMPORT = {
    0: {0},
    1: {0, 1},
    2: {0, 1, 2},
    3: {0, 1, 2, 3},
    4: {0, 1, 4},
    5: {0, 1, 2, 3, 4, 5},
    6: {0, 1, 2, 3, 4, 5, 6},
}

_QUIET_TWISTED = (
    "twisted.internet.defer",
    "twisted.internet.interfaces",
    "twisted.logger",
    "twisted.python.failure",
    "zope.interface",
)

#: What a layer may import from outside besides the standard library; a prefix of the dotted name.
OUTSIDE: dict[int, tuple[str, ...]] = {
    0: ("zope.interface",),
    1: ("orjson", "msgpack", "zope.interface"),
    2: _QUIET_TWISTED,
    3: ("autobahn", "twisted", "zope.interface"),
    4: (*_QUIET_TWISTED, "twisted.cred"),
    5: ("twisted", "zope.interface"),
    6: ("msgpack", "orjson", "twisted", "txredisapi", "zope.interface"),
}

#: A module of more lines says in its docstring why it is so long; there are a few at most.
MODULE_LINES = 600
LONG_MODULES = 3
#: Files and packages directly in the package, the marker of types not counted.
TOP_ENTRIES = 18
FUNCTION_LINES = 50
#: File names that stand in more than one package, ``__init__.py`` among them: the package says which is meant.
TWICE_NAMED = 18
#: The word Any, for each 1,000 lines of the package, imports and docstrings counted. It only falls.
ANY_PER_1000_LINES = 6
#: Docstrings that only say where to look. They only become fewer.
POINTING_DOCSTRINGS = 0

#: Modules that import each other in a circle at run time, each group sorted. None is wanted.
CIRCLES: list[list[str]] = []
#: Names of public classes that stand in several modules. None is wanted.
TWINS: set[str] = set()
#: Where NotImplementedError may be raised, and why.
UNIMPLEMENTED: dict[str, str] = {}

#: Where the numbers of protocol revisions may stand.
VERSIONED = ("protocol/generations.py", "protocol/engineio_v", "protocol/socketio_v", "protocol/legacy")


def all_paths() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    """
    Give the path and the syntax tree of each module, read once for all tests.
    """
    paths = [*all_paths(), PLUGIN]
    return tuple((path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))) for path in paths)


def layer_of(dotted: str) -> int:
    parts = dotted.split(".")
    if parts[0] == "twisted":
        return 6
    return LAYERS.get(".".join(parts[1:3]), LAYERS.get(parts[1] if len(parts) > 1 else "__init__", -1))


def dotted_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def walk_at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if is_type_checking(child):
            continue
        yield child
        yield from walk_at_run_time(child)


def imports(tree: ast.AST) -> Iterator[str]:
    for node in walk_at_run_time(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def our_module(name: str) -> str:
    """
    Give the module that an imported name is or stands in.
    """
    parts = name.split(".")
    path = ROOT.joinpath(*parts)
    if path.is_dir() or path.with_suffix(".py").is_file():
        return name
    return ".".join(parts[:-1])


def stands_in(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def is_standard(name: str) -> bool:
    return name.split(".")[0] in sys.stdlib_module_names


def length(node: Any) -> int:
    """
    Give the lines of a class, or those of a function without its docstring: what is said of it is not its size.
    """
    lines: int = node.end_lineno - node.lineno + 1
    if not isinstance(node, ast.ClassDef) and ast.get_docstring(node) is not None:
        lines -= node.body[0].end_lineno - node.body[0].lineno + 1
    return lines


def docstrings(tree: ast.Module) -> set[int]:
    """
    Give the ids of the constants that are docstrings.
    """
    found = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            found.add(id(body[0].value))
    return found


class ImportLawTests(SynchronousTestCase):
    """
    Every import at run time, wherever it stands in a module, goes down or stays in its layer.
    """

    def test_every_module_has_a_layer(self) -> None:
        names = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in all_paths()}
        self.assertEqual(names - LAYERS.keys(), set(), "say in LAYERS where these belong")

    def test_the_top_of_the_package_can_be_taken_in_at_a_glance(self) -> None:
        entries = {path.name for path in PACKAGE.iterdir()} - {"__pycache__", "py.typed"}
        self.assertLessEqual(len(entries), TOP_ENTRIES, sorted(entries))

    def test_imports_of_ours_obey_the_layers(self) -> None:
        broken = []
        for path, tree in modules():
            layer = layer_of(dotted_name(path))
            for name in imports(tree):
                if stands_in(name, ("txsocketio",)) and layer_of(our_module(name)) not in MAY_IMPORT[layer]:
                    broken.append(f"{path} (layer {layer}) imports {name} (layer {layer_of(our_module(name))})")
        self.assertEqual(broken, [])

    def test_imports_from_outside_obey_the_layers(self) -> None:
        broken = []
        for path, tree in modules():
            allowed = OUTSIDE[layer_of(dotted_name(path))]
            for name in imports(tree):
                known = is_standard(name) or stands_in(name, ("txsocketio", *allowed))
                if not known and not name.endswith(".reactor"):
                    broken.append(f"{path} imports {name}")
        self.assertEqual(broken, [])

    def test_only_the_clock_imports_the_reactor(self) -> None:
        guilty = [path for path, tree in modules() if "twisted.internet.reactor" in set(imports(tree))]
        self.assertEqual(guilty, ["txsocketio/support/clock.py"])

    def test_integrations_use_no_private_names(self) -> None:
        broken = []
        for path, tree in modules():
            if layer_of(dotted_name(path)) == 6:
                broken += [f"{path} imports {name}" for name in imports(tree) if name.split(".")[-1].startswith("_")]
        self.assertEqual(broken, [])

    def test_imports_under_type_checking_are_free(self) -> None:
        tree = ast.parse("if TYPE_CHECKING:\n    import autobahn\ndef late():\n    from json import loads\n")
        self.assertEqual(list(imports(tree)), ["json.loads"])


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """
    Give the groups of nodes of which each reaches all others, sorted; those of a single node are left out.
    """
    reached: dict[str, set[str]] = {}
    for start in graph:
        found, todo = set(), [start]
        while todo:
            for node in graph.get(todo.pop(), set()) - found:
                found.add(node)
                todo.append(node)
        reached[start] = found
    groups = {frozenset(b for b in reached[a] if a in reached.get(b, set())) for a in graph if a in reached[a]}
    return sorted(sorted(group) for group in groups if len(group) > 1)


class CircleTests(SynchronousTestCase):
    """
    Modules can be understood from the ground up: none needs itself, by whatever way round.
    """

    def test_no_module_imports_itself_in_a_circle_at_run_time(self) -> None:
        graph = {}
        for path, tree in modules():
            name = dotted_name(path)
            ours = {our_module(found) for found in imports(tree) if stands_in(found, ("txsocketio",))}
            graph[name] = ours - {name}
        self.assertEqual(circles(graph), CIRCLES)

    def test_a_circle_is_found_by_whatever_way_round(self) -> None:
        graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set(), "f": {"a"}}
        self.assertEqual(circles(graph), [["a", "b", "c"]])


class NameLawTests(SynchronousTestCase):
    """
    A name says which thing is meant, without a look at the imports.
    """

    def test_public_classes_have_names_of_their_own(self) -> None:
        places: dict[str, set[str]] = {}
        for path, tree in modules():
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places.setdefault(node.name, set()).add(path.removeprefix("txsocketio/"))
        twins = {name: paths for name, paths in places.items() if len(paths) > 1 and name not in TWINS}
        self.assertEqual(twins, {})

    def test_few_file_names_stand_twice(self) -> None:
        names = [path.name for path in all_paths()]
        twice = sorted({name for name in names if names.count(name) > 1})
        self.assertLessEqual(len(twice), TWICE_NAMED, twice)


class SizeLawTests(SynchronousTestCase):
    """
    A module is one subject; size asks a question, and a long one answers it in its docstring.
    """

    def test_long_modules_are_few_and_say_why(self) -> None:
        long = {}
        for path in all_paths():
            text = path.read_text("utf-8")
            if len(text.splitlines()) > MODULE_LINES:
                long[path.relative_to(PACKAGE).as_posix()] = (
                    "long" in (ast.get_docstring(ast.parse(text)) or "").lower()
                )
        self.assertLessEqual(len(long), LONG_MODULES, sorted(long))
        self.assertEqual([path for path, says_why in long.items() if not says_why], [])

    def test_functions(self) -> None:
        found = []
        for path, tree in modules():
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and length(node) > FUNCTION_LINES:
                    found.append(f"{path}: {node.name} has {length(node)} lines")
        self.assertEqual(found, [])


class VersionLawTests(SynchronousTestCase):
    """
    Generations are told apart once, when one is chosen; elsewhere its record is asked.
    """

    def _unversioned(self) -> Iterator[tuple[str, ast.Module]]:
        for path, tree in modules():
            if not path.removeprefix("txsocketio/").startswith(VERSIONED):
                yield path, tree

    def test_the_parameter_is_named_in_one_place(self) -> None:
        found = []
        for path, tree in self._unversioned():
            texts = docstrings(tree)
            found += [
                f"{path}:{node.lineno}"
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant)
                and id(node) not in texts
                and node.value in ("EIO", b"EIO", "EIO=", b"EIO=")
            ]
            found += [
                f"{path}:{node.lineno}" for node in ast.walk(tree) if isinstance(node, ast.Name) and "EIO" in node.id
            ]
        self.assertEqual(found, [])

    def test_nobody_compares_generations(self) -> None:
        found = []
        for path, tree in self._unversioned():
            for node in ast.walk(tree):
                if isinstance(node, ast.Compare) and any(map(_is_version, [node.left, *node.comparators])):
                    found.append(f"{path}:{node.lineno}: {ast.unparse(node)}")
        self.assertEqual(found, [])


def _is_version(node: ast.AST) -> bool:
    """
    Say whether an expression is a generation's name or revision, or a constant that is one.
    """
    if isinstance(node, ast.Attribute):
        whose = ast.unparse(node.value).rpartition(".")[2]
        return node.attr in ("revision", "protocol_version") or (node.attr == "name" and whose == "generation")
    return isinstance(node, ast.Constant) and node.value in ("eio3", "eio4", "legacy")


class WholenessTests(SynchronousTestCase):
    """
    What must be there, and what must not.
    """

    def test_no_object_is_cut_into_parts_that_wait_for_each_other(self) -> None:
        found = set()
        for path, tree in modules():
            for function in ast.walk(tree):
                if isinstance(function, ast.FunctionDef):
                    raised = [ast.unparse(node) for node in ast.walk(function) if isinstance(node, ast.Raise)]
                    if any("NotImplementedError" in text for text in raised):
                        found.add(f"{path.removeprefix('txsocketio/')}: {function.name}")
        self.assertEqual(found - UNIMPLEMENTED.keys(), set())

    def test_any_is_said_no_more_often_than_it_was(self) -> None:
        texts = [path.read_text("utf-8") for path in all_paths()]
        said = sum(len(re.findall(r"\bAny\b", text)) for text in texts)
        lines = sum(len(text.splitlines()) for text in texts)
        self.assertLessEqual(1000 * said / lines, ANY_PER_1000_LINES, f"{said} in {lines} lines")

    def test_docstrings_say_something(self) -> None:
        found = []
        for path, tree in modules():
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    text = (ast.get_docstring(node) or "").strip()
                    if text.startswith("See ") and "\n\n" not in text and text.count(". ") == 0:
                        found.append(f"{path}: {node.name}")
        self.assertLessEqual(len(found), POINTING_DOCSTRINGS, "\n".join(found))

    def test_every_module_says_its_subject(self) -> None:
        self.assertEqual([path for path, tree in modules() if not ast.get_docstring(tree)], [])

    def test_twisted_has_no_init_of_ours(self) -> None:
        ours = [path.relative_to(ROOT).as_posix() for path in (ROOT / "twisted").rglob("*.py")]
        self.assertEqual(ours, ["twisted/plugins/txsocketio_plugin.py"])
