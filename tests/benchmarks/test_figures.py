"""
Medians, spreads, ratios and targets.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import load
from benchmarks.figures import Figures, Rounds, Spread, number, written
from benchmarks.model import Target
from benchmarks.run import choose
from tests.benchmarks.records import CASE, failure, record


class RoundsTests(SynchronousTestCase):
    """
    Which rounds make a figure.
    """

    def test_a_figure_is_the_median_with_its_extremes(self) -> None:
        rounds = Rounds.of([record("node", value, position) for position, value in enumerate((3, 9, 4))])
        self.assertEqual(rounds.spread("cpu_us"), Spread(4, 3, 9))

    def test_disturbed_rounds_are_left_out_while_half_are_quiet(self) -> None:
        rounds = Rounds.of([record("node", 5, 0), record("node", 50, 1, foreign=0.5)])
        self.assertEqual((rounds.spread("cpu_us"), rounds.disturbed), (Spread(5, 5, 5), False))

    def test_all_rounds_count_and_say_so_when_most_are_disturbed(self) -> None:
        rounds = Rounds.of([record("node", 5), *(record("node", 50, at, foreign=0.5) for at in (1, 2))])
        self.assertEqual((rounds.spread("cpu_us"), rounds.disturbed), (Spread(50, 5, 50), True))

    def test_stolen_time_disturbs_as_others_processes_do(self) -> None:
        self.assertFalse(load.is_quiet(record("node", 5, stolen=0.2)))
        self.assertTrue(load.is_quiet(record("node", 5, foreign=0.05)))

    def test_a_failed_round_leaves_no_figure(self) -> None:
        rounds = Rounds.of([record("node", 5), failure("node", 1)])
        self.assertEqual((rounds.spread("cpu_us"), rounds.failed), (None, ("it fell over",)))

    def test_a_round_measured_anew_replaces_the_old_one(self) -> None:
        rounds = Rounds.of([failure("node"), record("node", 5)])
        self.assertEqual((rounds.spread("cpu_us"), rounds.total), (Spread(5, 5, 5), 1))

    def test_of_a_repetition_the_quieter_one_is_chosen_whatever_it_says(self) -> None:
        noisy, quieter = record("node", 5, foreign=0.9), record("node", 50, foreign=0.3)
        self.assertIs(choose(noisy, quieter), quieter)
        self.assertIs(choose(quieter, noisy), quieter)
        self.assertEqual(choose(noisy, failure("node")), failure("node"))


class FiguresTests(SynchronousTestCase):
    """
    Ratios and targets.
    """

    def test_a_ratio_compares_figures_of_the_same_round(self) -> None:
        pairs = [(10, 20), (40, 40), (30, 60)]
        records = [record("txsocketio", ours, at) for at, (ours, _) in enumerate(pairs)]
        records += [record("node", theirs, at) for at, (_, theirs) in enumerate(pairs)]
        self.assertEqual(Figures(records).ratio(CASE, "txsocketio", "node"), Spread(0.5, 0.5, 1.0))

    def test_without_a_common_round_medians_are_compared(self) -> None:
        figures = Figures([record("txsocketio", 10, 0), record("node", 20, 1)])
        self.assertEqual(figures.ratio(CASE, "txsocketio", "node"), Spread(0.5, 0.5, 0.5))

    def test_what_was_not_measured_has_no_ratio(self) -> None:
        self.assertIsNone(Figures([record("txsocketio", 10)]).ratio(CASE, "txsocketio", "node"))

    def test_the_best_of_several_has_the_least_median(self) -> None:
        figures = Figures([record("uvicorn", 40), record("aiohttp", 30), failure("node")])
        self.assertEqual(figures.best(CASE, ("uvicorn", "aiohttp", "node")), "aiohttp")
        self.assertIsNone(figures.best(CASE, ("node",)))

    def _verdict(self, target: Target, *records: dict[str, Any]) -> str:
        return Figures(records).verdict(CASE, target).words

    def test_a_target_is_met_up_to_its_number(self) -> None:
        target = Target(0.5, ("node",))
        self.assertEqual(self._verdict(target, record("txsocketio", 10), record("node", 20)), "met")
        self.assertEqual(self._verdict(target, record("txsocketio", 11), record("node", 20)), "not met")

    def test_the_best_reference_counts(self) -> None:
        records = [record("txsocketio", 10), record("uvicorn", 40), record("aiohttp", 15)]
        self.assertEqual(self._verdict(Target(0.5, ("uvicorn", "aiohttp")), *records), "not met")

    def test_a_target_without_reference_is_absolute(self) -> None:
        self.assertEqual(self._verdict(Target(12), record("txsocketio", 12)), "met")
        self.assertEqual(self._verdict(Target(12), record("txsocketio", 12.5)), "not met")

    def test_a_verdict_says_what_stands_against_it(self) -> None:
        target = Target(0.5, ("node",))
        self.assertEqual(self._verdict(target), "not measured")
        self.assertEqual(self._verdict(target, failure("txsocketio"), record("node", 20)), "failed")
        noisy = record("node", 20, foreign=1.0)
        self.assertEqual(self._verdict(target, record("txsocketio", 10), noisy), "met; disturbed")

    def test_numbers_have_three_digits_or_so(self) -> None:
        values = (0.123, 9.994, 9.996, 99.94, 99.96, 1234.5)
        self.assertEqual([number(value) for value in values], ["0.12", "9.99", "10.0", "99.9", "100", "1,234"])

    def test_a_spread_is_written_where_there_is_one(self) -> None:
        self.assertEqual(
            [written(None), written(Spread(2, 2, 2)), written(Spread(2, 1, 3))], ["-", "2.00", "2.00 (1.00 to 3.00)"]
        )
