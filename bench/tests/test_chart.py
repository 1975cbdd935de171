"""bench/chart.py: well-formed SVG, bars in proportion."""

import unittest
from xml.etree import ElementTree

from bench import chart, report
from bench.tests import sample

SVG = "{http://www.w3.org/2000/svg}"


def drawn(tare_us=30.0):
    found = report.summary(sample.results(tare_us=tare_us), sample.ORDER, sample.MACHINE, sample.QUIET, sample.VERSIONS)
    return ElementTree.fromstring(chart.draw(found))


def bars(tree, subject):
    found = [one for one in tree.iter(f"{SVG}rect") if one.get("class") == subject and one.get("width") != "10"]
    return [float(one.get("width")) for one in found]


class Chart(unittest.TestCase):
    def test_text_of_the_machine_is_escaped_and_the_rest_is_xml(self):
        said = "".join(text.text or "" for text in drawn().iter(f"{SVG}text"))
        self.assertIn("A & B", said)

    def test_a_bar_for_each_panel_as_long_as_its_ratio(self):
        tree = drawn()
        self.assertEqual(len(bars(tree, "tare")), 2)
        self.assertAlmostEqual(bars(tree, "tare")[0] / bars(tree, "floor")[0], 30 / 20, places=2)

    def test_what_is_too_long_is_cut_off_and_written(self):
        tree = drawn()
        self.assertAlmostEqual(bars(tree, "runc")[0], chart.scaled(chart.RATIO_MOST), places=1)
        self.assertIn("7.0 ›", [text.text for text in tree.iter(f"{SVG}text")])

    def test_nothing_measured_gives_an_empty_chart(self):
        found = report.summary(sample.Results(), sample.ORDER, sample.MACHINE, sample.QUIET, sample.VERSIONS)
        ElementTree.fromstring(chart.draw(found))
