"""
The page on limits is complete: every option, its default, and a test that exists.
"""

import re
from dataclasses import MISSING, fields
from importlib import import_module
from inspect import getmembers, isclass

from twisted.trial.unittest import SynchronousTestCase

from tests.kits.peers import StackCase
from tests.processes import ROOT
from txsocketio.support.options import EngineOptions, SocketOptions

PAGE = ROOT / "docs" / "limits.rst"
OPTIONS = {field.name: field for record in (EngineOptions, SocketOptions) for field in fields(record)}
NUMBERS = {name for name, field in OPTIONS.items() if re.search(r"\b(int|float)\b", str(field.type))}

#: Limits that both transports have: their tests are in a class that one for each inherits.
BOTH = {
    "connect_timeout",
    "hold_timeout",
    "max_attachment_bytes",
    "max_attachments",
    "max_held_bytes",
    "max_held_packets",
    "max_namespaces",
    "max_outgoing_attachments",
    "max_outgoing_bytes",
    "max_pending_acks",
    "max_unfinished_handlers",
}


def tables():
    """
    Read the tables of the page: rows of cells, without their heads.
    """
    found = []
    for table in PAGE.read_text("utf-8").split(".. list-table::")[1:]:
        rows = re.split(r"^   \* - ", table, flags=re.MULTILINE)[2:]
        found.append([[" ".join(cell.split()) for cell in re.split(r"^     - ", row, flags=re.M)] for row in rows])
    return found


def names(cell):
    return re.findall(r"``(test_\w+\.\w+\.\w+)``", cell)


def find(name):
    """
    Give the class and the test that a name of the page means.
    """
    module, cls, test = name.split(".")
    found = getattr(import_module(f"tests.limits.{module}"), cls)
    return found, getattr(found, test)


def runs(cls):
    """
    Give the classes whose tests are run that have those of a class.
    """
    module = import_module(cls.__module__)
    return [made for _, made in getmembers(module, isclass) if issubclass(made, cls) and issubclass(made, StackCase)]


class Inventory(SynchronousTestCase):
    def setUp(self):
        self.numbers, self.others, self.bad_input = tables()

    def test_every_number_is_in_the_first_table(self):
        self.assertEqual({row[0].strip("`") for row in self.numbers}, NUMBERS)
        self.assertEqual(len(self.numbers), len(NUMBERS))

    def test_every_other_option_is_in_the_second(self):
        self.assertEqual({row[0].strip("`") for row in self.others}, set(OPTIONS) - NUMBERS)

    def test_the_defaults_are_those_of_the_code(self):
        for option, default, *_ in self.numbers:
            field = OPTIONS[option.strip("`")]
            self.assertIsNot(field.default, MISSING)
            if field.default is None:
                self.assertTrue(default.startswith("``None``: "), option)
            else:
                self.assertEqual(float(default.replace(",", "")), field.default, option)

    def test_every_row_has_a_test_that_exists_and_runs(self):
        for row in [*self.numbers, *self.others, *self.bad_input]:
            self.assertTrue(names(row[-1]), row[0])
            for name in names(row[-1]):
                cls, test = find(name)
                self.assertTrue(callable(test), name)
                self.assertTrue(runs(cls), name)

    def test_limits_of_both_transports_are_reached_over_both(self):
        for row in self.numbers:
            if row[0].strip("`") in BOTH:
                cls, _ = find(names(row[-1])[0])
                kinds = {made.kind.transport for made in runs(cls)}
                self.assertEqual(kinds, {"websocket", "polling"}, row[0])

    def test_the_rest_of_the_page_names_tests_that_exist(self):
        for name in names(PAGE.read_text("utf-8")):
            find(name)
