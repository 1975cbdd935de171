"""The order of the functions, from what each command uses to a linker script."""

import unittest

from bench import function_order


class FunctionOrder(unittest.TestCase):
    def test_a_clones_functions_come_first_then_those_of_short_commands_then_those_of_a_birth(self):
        mains = {"state": [1, 2, 8], "start": [1, 3], "kill": [1], "delete": [1, 2], "exec": [1, 5], "create": [1, 4, 5], "run": [6, 4, 7]}
        used = {name: {"main": addresses, "clone": []} for name, addresses in mains.items()}
        used["run"]["clone"] = [9, 8, 7]
        self.assertEqual(function_order.ordered(used), [8, 9, 7, 1, 2, 3, 5, 6, 4])

    def test_a_pattern_holds_for_any_hash_of_a_crate(self):
        name = "_RNvMs_NtNtCsb89e7d12_4tare5state6recordNtB4_6Record5parse"
        for given in (name, name + ".890"):
            self.assertEqual(function_order.pattern(given), "_RNvMs_NtNtCs*_4tare5state6recordNtB*_6Record5parse")

    def test_the_script_names_each_pattern_once_and_no_function_of_the_c_library(self):
        script = function_order.script(["_RNvCs1_4tare4main", "_RNvCs2_4tare4main", "strlen"])
        self.assertEqual(script.count(".text._RNvCs*_4tare4main*"), 1)
        self.assertNotIn("strlen", script)
        self.assertIn("INSERT BEFORE .text;", script)


if __name__ == "__main__":
    unittest.main()
