"""bench/report.py: what is said, and when a verdict is kept back."""

import json
import unittest

from bench import report
from bench.tests import sample


def summary(results, load=sample.QUIET, **order):
    return report.summary(results, dict(sample.ORDER, **order), sample.MACHINE, load, sample.VERSIONS)


class Verdicts(unittest.TestCase):
    def test_sixty_clear_pairs_of_a_quiet_machine_are_judged(self):
        verdicts = summary(sample.results())["operations"]["run"]["verdicts"]
        self.assertEqual({measure: one["verdict"] for measure, one in verdicts.items()}, {"cpu_us": "met", "wall_us": "met"})

    def test_a_target_that_is_missed_is_called_missed(self):
        verdicts = summary(sample.results(tare_us=90.0))["operations"]["run"]["verdicts"]
        self.assertEqual(verdicts["cpu_us"]["verdict"], "missed")

    def test_fifty_nine_pairs_are_not_enough(self):
        said = report.text(summary(sample.results(pairs=59)))
        self.assertIn("needs more pairs", said)
        self.assertNotIn("met", said)

    def test_wall_time_of_a_loud_machine_is_not_judged_and_processor_time_is(self):
        verdicts = summary(sample.results(), sample.LOUD)["operations"]["run"]["verdicts"]
        self.assertEqual(verdicts["cpu_us"]["verdict"], "met")
        self.assertEqual(verdicts["wall_us"]["verdict"], "undecided")
        self.assertIn(report.NOT_QUIET, verdicts["wall_us"]["why"])

    def test_processor_time_that_is_counted_in_ticks_is_not_judged(self):
        results = sample.results()
        for samples in results.samples["run"].values():
            for pair in samples:
                samples[pair] = sample.Cost(4000.0, 5000.0)
        verdicts = summary(results)["operations"]["run"]["verdicts"]
        self.assertEqual((verdicts["cpu_us"]["verdict"], verdicts["cpu_us"]["why"]), ("undecided", report.COARSE))

    def test_a_quick_run_judges_nothing(self):
        results = sample.results()
        results.put("binary", "tare", 10)
        found = summary(results, is_quick=True)
        self.assertNotIn("verdict", found["figures"]["binary"])
        self.assertEqual({one["verdict"] for one in found["operations"]["run"]["verdicts"].values()}, {"undecided"})

    def test_a_figure_without_a_clock_is_judged_by_itself(self):
        results = sample.results()
        results.put("waiting container: resident", "tare", 201)
        results.put("system calls of run", "tare", 350)
        figures = summary(results)["figures"]
        self.assertEqual(figures["waiting container: resident"]["verdict"], "missed")
        self.assertEqual(figures["system calls of run"]["verdict"], "met")


class Texts(unittest.TestCase):
    def test_a_peer_that_fails_is_named(self):
        results = sample.results()
        results.fail("create", "runc", "exit code 1: no cgroup")
        self.assertIn("failed: runc: create: 1 times; first: exit code 1: no cgroup", report.text(summary(results)))

    def test_a_subject_without_samples_leaves_a_dash(self):
        results = sample.results()
        del results.samples["run"]["floor"]
        self.assertIn("–", report.text(summary(results)))

    def test_everything_fits_into_json(self):
        self.assertIn('"run"', json.dumps(summary(sample.results())))

    def test_the_profile_has_a_row_for_each_call_of_tare(self):
        results = sample.results()
        results.put("system calls of run", "tare", 5)
        results.put("calls by name of run", "tare", {"openat": 3, "close": 2})
        said = report.profile(summary(results))
        self.assertIn("| run | 5 |", said)
        self.assertIn("| openat | 3 |", said)


class Pairs(unittest.TestCase):
    def test_only_pairs_with_both_subjects_are_compared(self):
        ours, theirs = sample.results().paired("run", "runc", "crun", "cpu_us")
        self.assertEqual((len(ours), len(theirs)), (20, 20))

    def test_three_failures_put_a_subject_out_of_one_operation(self):
        results = sample.results()
        for _ in range(3):
            results.fail("exec", "runc", "no")
        self.assertTrue(results.is_out("exec", "runc"))
        self.assertFalse(results.is_out("run", "runc"))
