"""bench/figures.py: quantiles, ratios with their interval, verdicts."""

import unittest

from bench import figures


class Quantiles(unittest.TestCase):
    def test_the_median_of_an_even_number_lies_between_the_two_in_the_middle(self):
        self.assertEqual(figures.median([4, 1, 3, 2]), 2.5)

    def test_p10_and_p90_lie_between_ranks(self):
        values = list(range(11))
        self.assertEqual(figures.quantile(values, 0.1), 1)
        self.assertEqual(figures.quantile(values, 0.9), 9)

    def test_a_single_sample_is_all_of_its_quantiles(self):
        self.assertEqual([figures.quantile([7], share) for share in (0, 0.1, 0.5, 1)], [7, 7, 7, 7])


class Ratios(unittest.TestCase):
    def test_the_interval_holds_the_ratio(self):
        theirs = [100 + index % 7 for index in range(60)]
        ratio = figures.ratio_of_medians([value * 0.3 for value in theirs], theirs)
        self.assertAlmostEqual(ratio.value, 0.3)
        self.assertTrue(ratio.low <= ratio.value <= ratio.high)
        self.assertEqual(ratio.pairs, 60)

    def test_pairs_that_rise_and_fall_together_give_a_narrow_interval(self):
        theirs = [100.0 if index % 2 else 300.0 for index in range(61)]
        together = figures.ratio_of_medians([value / 2 for value in theirs], theirs)
        self.assertAlmostEqual(together.low, 0.5)
        self.assertAlmostEqual(together.high, 0.5)

    def test_noise_widens_the_interval(self):
        theirs = [100.0] * 60
        ratio = figures.ratio_of_medians([20.0 + 60 * (index % 2) for index in range(60)], theirs)
        self.assertLess(ratio.low, 0.3)
        self.assertGreater(ratio.high, 0.7)

    def test_the_same_samples_give_the_same_interval(self):
        samples = [1.0, 2.0, 3.0, 5.0, 8.0] * 12
        self.assertEqual(figures.ratio_of_medians(samples, samples[::-1]), figures.ratio_of_medians(samples, samples[::-1]))


class Verdicts(unittest.TestCase):
    def judged(self, low, high, pairs=60, target=0.4):
        return figures.verdict(figures.Ratio((low + high) / 2, low, high, pairs), target)[0]

    def test_met_where_the_whole_interval_is_below(self):
        self.assertEqual(self.judged(0.30, 0.40), figures.MET)

    def test_missed_where_the_whole_interval_is_above(self):
        self.assertEqual(self.judged(0.41, 0.50), figures.MISSED)

    def test_undecided_where_the_interval_holds_the_target(self):
        self.assertEqual(self.judged(0.39, 0.41), figures.UNDECIDED)

    def test_undecided_with_few_pairs_however_clear_it_looks(self):
        word, why = figures.verdict(figures.Ratio(0.1, 0.1, 0.1, 59), 0.4)
        self.assertEqual(word, figures.UNDECIDED)
        self.assertIn("needs more pairs (59 of 60)", why)
