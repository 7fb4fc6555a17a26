"""
Find namespace classes by the names that ``--namespaces`` takes: a module, ``module:Class`` or ``module:mapping``.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType, TracebackType
from typing import TypeGuard

from txsocketio.core.mounts import normalise_name
from txsocketio.errors import UsageError
from txsocketio.namespace import BaseNamespace

NamespaceClass = type[BaseNamespace]


def load_namespaces(names: Iterable[str]) -> dict[str, NamespaceClass]:
    """
    Import what the names say and collect the namespace classes; the current directory comes first on ``sys.path``.

    :param names: each a module, ``module:Class`` or ``module:mapping``.
    :return: namespace names (``""`` is the root) and their classes.
    :raises UsageError: for what cannot be imported, is no namespace, or claims a name that another class has.
    """
    _put_current_directory_first()
    found: dict[str, NamespaceClass] = {}
    for name in names:
        for given, cls in _load(name):
            mount = normalise_name(given)
            other = found.setdefault(mount, cls)
            if other is not cls:
                raise UsageError(f"the namespace {mount or '/'} has two classes, {other!r} and {cls!r}")
    if not found:
        raise UsageError("say what to serve: --namespaces=MODULE, MODULE:CLASS or MODULE:MAPPING")
    return found


def _put_current_directory_first() -> None:
    try:
        directory = os.getcwd()
    except OSError as error:
        raise UsageError(f"the current directory cannot be read: {error.strerror}") from None
    if sys.path[:1] != [directory]:
        sys.path.insert(0, directory)
    importlib.invalidate_caches()


def _load(name: str) -> Iterator[tuple[object, NamespaceClass]]:
    module_name, colon, attribute = name.partition(":")
    module = _import(module_name)
    if not colon:
        yield from _from_module(module)
        return
    if not attribute:
        raise UsageError(f"{name} ends in a colon; write MODULE:CLASS or MODULE:MAPPING")
    value = vars(module).get(attribute)
    if isinstance(value, Mapping):
        yield from _from_mapping(name, value)
    elif _is_namespace(value):
        yield _own_name(value) or "", value
    elif value is None:
        raise UsageError(f"there is no {attribute} in the module {module_name}")
    else:
        raise UsageError(f"{name} is neither a subclass of BaseNamespace nor a mapping of names to such classes")


def _import(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"{name!r} is not the name of a module; write MODULE, MODULE:CLASS or MODULE:MAPPING")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise UsageError(f"there is no module {name}{_hint(name)}") from None
        raise UsageError(_failure(name, error)) from None
    except (Exception, SystemExit) as error:
        raise UsageError(_failure(name, error)) from None


def _hint(name: str) -> str:
    parent, _, last = name.rpartition(".")
    if parent not in sys.modules:
        return f" in {os.getcwd()} or elsewhere on sys.path"
    if last == "py":
        return f"; write {parent}, without .py"
    return f"; did you mean {parent}:{last}?" if hasattr(sys.modules[parent], last) else f" in the package {parent}"


def _failure(name: str, error: BaseException) -> str:
    """
    Say in one sentence why an import failed and where.

    :param name: the module.
    :param error: what it raised.
    :return: the sentence; of a message of several lines, all in one.
    """
    if isinstance(error, SyntaxError):
        where, what = f"{error.filename}, line {error.lineno}", f"{type(error).__name__}: {error.msg}"
    else:
        where = _place(error.__traceback__)
        what = "".join(traceback.format_exception_only(type(error), error))
    return f"the module {name} cannot be imported: {' '.join(what.split())} ({where})"


def _place(trace: TracebackType | None) -> str:
    frames = [frame for frame in traceback.extract_tb(trace) if not frame.filename.startswith("<frozen ")]
    return f"{frames[-1].filename}, line {frames[-1].lineno}"


def _is_namespace(value: object) -> TypeGuard[NamespaceClass]:
    return isinstance(value, type) and issubclass(value, BaseNamespace) and value is not BaseNamespace


def _own_name(cls: NamespaceClass) -> str | None:
    for base in cls.__mro__[: cls.__mro__.index(BaseNamespace)]:
        if "ns_name" in vars(base):
            name = vars(base)["ns_name"]
            if not isinstance(name, str):
                raise UsageError(f"ns_name of {cls!r} must be a text like '/chat', not {name!r}")
            return name
    return None


def _from_mapping(where: str, mapping: Mapping[object, NamespaceClass]) -> Iterator[tuple[object, NamespaceClass]]:
    # What stands in it is verified when it is mounted, as for every other way of giving a mapping.
    if not mapping:
        raise UsageError(f"{where} is empty")
    yield from mapping.items()


def _from_module(module: ModuleType) -> Iterator[tuple[object, NamespaceClass]]:
    mapping = vars(module).get("namespaces")
    if isinstance(mapping, Mapping):
        yield from _from_mapping(f"{module.__name__}.namespaces", mapping)
        return
    if mapping is not None and not isinstance(mapping, ModuleType):
        raise UsageError(f"{module.__name__}.namespaces must be a mapping like {{'/chat': Chat}}")
    public = {name: value for name, value in vars(module).items() if not name.startswith("_") and _is_namespace(value)}
    classes = dict.fromkeys(value for value in public.values() if value.__module__ == module.__name__)
    if not classes:
        imported = f"; it imports {', '.join(public)}: write namespaces = {{...}} there" if public else ""
        raise UsageError(f"the module {module.__name__} defines no subclass of BaseNamespace{imported}")
    for cls in classes:
        name = _own_name(cls)
        if name is None and len(classes) > 1:
            raise UsageError(
                f"{cls!r} has no ns_name and is not alone: write namespaces = {{...}} in {module.__name__}"
            )
        yield name or "", cls
