"""
Namespace classes found by the names that ``--namespaces`` takes, in modules that are on the disk.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.tap import Options

NAMESPACE = "from txsocketio.namespace import BaseNamespace\n"


class InDirectory(SynchronousTestCase):
    """
    Work in a directory of modules that are forgotten afterwards.
    """

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir(parents=True)
        before, known, path = os.getcwd(), set(sys.modules), list(sys.path)
        os.chdir(self.directory)

        def forget() -> None:
            os.chdir(before)
            sys.path[:] = path
            for name in set(sys.modules) - known:
                if str(self.directory) in (getattr(sys.modules[name], "__file__", None) or ""):
                    del sys.modules[name]

        self.addCleanup(forget)

    def module(self, name: str, text: str) -> None:
        path = self.directory / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")

    def parse(self, *arguments: str) -> Options:
        options = Options()
        options.parseOptions(arguments)
        return options

    def mounted(self, *arguments: str) -> dict[str, str]:
        server = self.parse(*arguments).server
        return {name: mount.cls.__name__ for name, mount in server.mounts.items()}

    def refused(self, *arguments: str) -> str:
        sentence = str(self.assertRaises(usage.UsageError, self.parse, *arguments))
        self.assertNotIn("\n", sentence)
        return sentence


class NamespacesTests(InDirectory):
    """
    ``--namespaces`` finds classes by module, ``module:Class`` and ``module:mapping``.
    """

    def test_a_module_of_classes_with_names(self) -> None:
        self.module(
            "sample",
            NAMESPACE
            + "class Chat(BaseNamespace):\n    ns_name = '/chat'\n"
            + "class News(BaseNamespace):\n    ns_name = '/news'\n",
        )
        self.assertEqual(self.mounted("--namespaces=sample"), {"/chat": "Chat", "/news": "News"})

    def test_a_name_is_inherited(self) -> None:
        self.module(
            "sample",
            NAMESPACE + "class _Base(BaseNamespace):\n    ns_name = '/chat'\nclass Chat(_Base):\n    pass\n",
        )
        self.assertEqual(self.mounted("--namespaces=sample"), {"/chat": "Chat"})

    def test_a_lone_class_without_a_name_is_the_root(self) -> None:
        self.module("sample", NAMESPACE + "class Chat(BaseNamespace):\n    pass\n")
        self.assertEqual(self.mounted("--namespaces=sample"), {"": "Chat"})

    def test_an_alias_is_the_same_class(self) -> None:
        self.module("sample", NAMESPACE + "class Chat(BaseNamespace):\n    pass\nOther = Chat\n")
        self.assertEqual(self.mounted("--namespaces=sample"), {"": "Chat"})

    def test_two_classes_of_which_one_has_no_name(self) -> None:
        self.module(
            "sample",
            NAMESPACE + "class Chat(BaseNamespace):\n    pass\nclass News(BaseNamespace):\n    ns_name = '/news'\n",
        )
        sentence = self.refused("--namespaces=sample")
        self.assertIn("sample.Chat", sentence)
        self.assertIn("write namespaces = {...} in sample", sentence)

    def test_the_mapping_of_a_module_wins(self) -> None:
        self.module(
            "sample",
            NAMESPACE
            + "class Chat(BaseNamespace):\n    pass\nclass News(BaseNamespace):\n    pass\n"
            + "namespaces = {'/': Chat, '/news': News}\n",
        )
        self.assertEqual(self.mounted("--namespaces=sample"), {"": "Chat", "/news": "News"})

    def test_imported_classes_are_not_taken(self) -> None:
        self.module("first", NAMESPACE + "class Chat(BaseNamespace):\n    ns_name = '/chat'\n")
        self.module("second", NAMESPACE + "from first import Chat\nclass News(BaseNamespace):\n    ns_name = '/news'\n")
        self.assertEqual(self.mounted("--namespaces=second"), {"/news": "News"})

    def test_a_module_that_only_imports_classes(self) -> None:
        self.module("first", NAMESPACE + "class Chat(BaseNamespace):\n    ns_name = '/chat'\n")
        self.module("second", "from first import Chat\n")
        self.assertIn("imports Chat", self.refused("--namespaces=second"))

    def test_one_class(self) -> None:
        self.module(
            "sample",
            NAMESPACE + "class Chat(BaseNamespace):\n    pass\nclass News(BaseNamespace):\n    ns_name = '/news'\n",
        )
        self.assertEqual(self.mounted("--namespaces=sample:Chat"), {"": "Chat"})
        self.assertEqual(self.mounted("--namespaces=sample:News"), {"/news": "News"})

    def test_one_mapping(self) -> None:
        self.module("sample", NAMESPACE + "class Chat(BaseNamespace):\n    pass\nserved = {'/a': Chat, '/b': Chat}\n")
        self.assertEqual(self.mounted("--namespaces=sample:served"), {"/a": "Chat", "/b": "Chat"})

    def test_several_names(self) -> None:
        self.module("first", NAMESPACE + "class One(BaseNamespace):\n    ns_name = '/one'\n")
        self.module("second", NAMESPACE + "class Two(BaseNamespace):\n    ns_name = '/two'\n")
        self.module("third", NAMESPACE + "class Three(BaseNamespace):\n    ns_name = '/three'\n")
        mounted = self.mounted("--namespaces=first, second", "--namespaces", "third:Three")
        self.assertEqual(mounted, {"/one": "One", "/two": "Two", "/three": "Three"})

    def test_the_same_class_twice_is_once(self) -> None:
        self.module("sample", NAMESPACE + "class Chat(BaseNamespace):\n    ns_name = '/chat'\n")
        self.assertEqual(self.mounted("--namespaces=sample,sample:Chat"), {"/chat": "Chat"})

    def test_two_classes_on_one_name(self) -> None:
        self.module("first", NAMESPACE + "class One(BaseNamespace):\n    ns_name = '/'\n")
        self.module("second", NAMESPACE + "class Two(BaseNamespace):\n    ns_name = ''\n")
        sentence = self.refused("--namespaces=first,second")
        for word in ("namespace / ", "first.One", "second.Two"):
            self.assertIn(word, sentence)

    def test_a_package(self) -> None:
        self.module("bundle/__init__", "")
        self.module("bundle/chat", NAMESPACE + "class Chat(BaseNamespace):\n    ns_name = '/chat'\n")
        self.assertEqual(self.mounted("--namespaces=bundle.chat"), {"/chat": "Chat"})

    def test_the_current_directory_comes_first_and_is_absolute(self) -> None:
        self.module("sample", NAMESPACE + "class Chat(BaseNamespace):\n    pass\n")
        self.mounted("--namespaces=sample")
        self.assertEqual(sys.path[0], str(self.directory))

    def test_loading_twice_adds_the_directory_once(self) -> None:
        self.module("sample", NAMESPACE + "class Chat(BaseNamespace):\n    pass\n")
        self.mounted("--namespaces=sample")
        length = len(sys.path)
        self.mounted("--namespaces=sample")
        self.assertEqual(len(sys.path), length)


class RefusedNamespacesTests(InDirectory):
    """
    What cannot be served is said in one sentence, never as a traceback.
    """

    def test_none_given(self) -> None:
        self.assertIn("--namespaces=MODULE", self.refused())

    def test_a_module_that_is_not_there(self) -> None:
        sentence = self.refused("--namespaces=nowhere_to_be_found")
        self.assertIn("there is no module nowhere_to_be_found", sentence)
        self.assertIn(str(self.directory), sentence)

    def test_a_file_name(self) -> None:
        self.module("sample", NAMESPACE)
        self.assertIn("write sample, without .py", self.refused("--namespaces=sample.py"))

    def test_a_dot_in_place_of_the_colon(self) -> None:
        self.module("sample", NAMESPACE + "class Chat(BaseNamespace):\n    pass\n")
        self.assertIn("did you mean sample:Chat?", self.refused("--namespaces=sample.Chat"))

    def test_names_that_no_module_has(self) -> None:
        for name in ("", "a/b", ".sample", "sa mple", ":Chat", ",sample", "-", "\u00e9\x00"):
            self.assertIn("is not the name of a module", self.refused(f"--namespaces={name}"), name)

    def test_a_syntax_error_in_the_module(self) -> None:
        self.module("sample", "x = 1\ndef broken(:\n")
        sentence = self.refused("--namespaces=sample")
        for word in ("the module sample cannot be imported", "SyntaxError", "sample.py, line 2"):
            self.assertIn(word, sentence)

    def test_an_import_error_in_the_module(self) -> None:
        self.module("sample", "import os\nimport missing_thing\n")
        sentence = self.refused("--namespaces=sample")
        for word in ("the module sample cannot be imported", "No module named 'missing_thing'", "sample.py, line 2"):
            self.assertIn(word, sentence)

    def test_a_missing_name_in_an_import(self) -> None:
        self.module("sample", "from os import nothing_like_it\n")
        self.assertIn("cannot import name 'nothing_like_it'", self.refused("--namespaces=sample"))

    def test_any_other_error_in_the_module(self) -> None:
        self.module("sample", "def fail():\n    raise RuntimeError('first\\nsecond')\nfail()\n")
        sentence = self.refused("--namespaces=sample")
        for word in ("RuntimeError: first second", "sample.py, line 2"):
            self.assertIn(word, sentence)

    def test_a_module_that_exits(self) -> None:
        self.module("sample", "import sys\nsys.exit('good bye')\n")
        self.assertIn("SystemExit: good bye", self.refused("--namespaces=sample"))

    def test_a_module_without_namespaces(self) -> None:
        self.module("sample", NAMESPACE + "class _Hidden(BaseNamespace):\n    pass\n")
        self.assertIn("defines no subclass of BaseNamespace", self.refused("--namespaces=sample"))

    def test_a_missing_class(self) -> None:
        self.module("sample", NAMESPACE)
        self.assertIn("there is no Chat in the module sample", self.refused("--namespaces=sample:Chat"))

    def test_nothing_after_the_colon(self) -> None:
        self.module("sample", NAMESPACE)
        self.assertIn("sample: ends in a colon", self.refused("--namespaces=sample:"))

    def test_something_else_after_the_colon(self) -> None:
        self.module("sample", NAMESPACE + "Chat = 3\n")
        for name in ("sample:Chat", "sample:BaseNamespace"):
            self.assertIn("is neither a subclass of BaseNamespace nor a mapping", self.refused(f"--namespaces={name}"))

    def test_an_empty_mapping(self) -> None:
        self.module("sample", "namespaces = {}\n")
        self.assertIn("sample.namespaces is empty", self.refused("--namespaces=sample"))

    def test_namespaces_that_are_no_mapping(self) -> None:
        self.module("sample", "namespaces = [1]\n")
        self.assertIn("sample.namespaces must be a mapping", self.refused("--namespaces=sample"))

    def test_a_mapping_of_something_else(self) -> None:
        for text in ("{'/chat': 3}", "{3: BaseNamespace}", "{'/a,b': BaseNamespace}"):
            self.module("sample", NAMESPACE + f"namespaces = {text}\n")
            self.refused("--namespaces=sample")
            del sys.modules["sample"]

    def test_a_name_that_is_no_text(self) -> None:
        self.module("sample", NAMESPACE + "class Chat(BaseNamespace):\n    ns_name = 3\n")
        self.assertIn("ns_name of", self.refused("--namespaces=sample"))

    def test_a_current_directory_that_is_gone(self) -> None:
        self.directory.rmdir()
        self.assertIn("current directory", self.refused("--namespaces=sample"))
