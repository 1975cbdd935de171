"""The smaller decisions: options, cgroup layouts, the bisection, system call names, the bundle beside bench/floor.c."""

import contextlib
import io
import re
import unittest
from pathlib import Path

from bench import bundle, cgroups, footprint, options, syscall_names

HYBRID = """cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,xattr,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
cgroup2 /mnt/again cgroup2 rw,relatime 0 0
"""


class Options(unittest.TestCase):
    def refused(self, *words):
        with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
            options.parse(words)

    def test_everything_with_sixty_pairs_is_the_default(self):
        chosen = options.parse([])
        self.assertEqual((chosen.pairs, chosen.sections), (60, options.SECTIONS))

    def test_quick_leaves_out_what_takes_long(self):
        chosen = options.parse(["--quick"])
        self.assertLess(chosen.pairs, 60)
        self.assertNotIn("scale", chosen.sections)

    def test_scale_is_a_section_alone(self):
        self.assertEqual(options.parse(["--scale"]).sections, ("scale",))

    def test_a_part_or_a_quick_run_is_not_published(self):
        self.refused("--publish", "--quick")
        self.refused("--publish", "--only", "times")

    def test_an_unknown_section_and_no_pairs_are_refused(self):
        self.refused("--only", "speed")
        self.refused("--pairs", "0")


class Cgroups(unittest.TestCase):
    def test_hierarchies_are_found_once_each(self):
        found = cgroups.parse_mounts(HYBRID)
        self.assertEqual([one.controllers for one in found], ["cpu,cpuacct", "name=systemd", "unified"])
        self.assertEqual(str(found[2].path), "/sys/fs/cgroup/unified")

    def test_layouts_are_told_apart(self):
        found = cgroups.parse_mounts(HYBRID)
        self.assertTrue(cgroups.is_hybrid(found))
        self.assertEqual(cgroups.layout_name(found[:2]), "v1")
        self.assertEqual(cgroups.layout_name(found[2:]), "v2")


class Smallest(unittest.TestCase):
    def test_the_least_step_that_works_is_found(self):
        self.assertEqual(footprint.smallest(lambda limit: limit >= 188 * 1024), 188 * 1024)
        self.assertEqual(footprint.smallest(lambda limit: limit > 188 * 1024), 192 * 1024)

    def test_nothing_is_said_if_nothing_works(self):
        self.assertIsNone(footprint.smallest(lambda limit: False))


class SyscallNames(unittest.TestCase):
    def test_numbers_are_those_of_the_machine(self):
        text = syscall_names.TABLE.read_text()
        self.assertEqual(syscall_names.parse(text, "x86_64")[257], "openat")
        self.assertEqual(syscall_names.parse(text, "aarch64")[56], "openat")


class Bundle(unittest.TestCase):
    FLOOR = (Path(bundle.__file__).parent / "floor.c").read_text()

    def test_the_floor_masks_the_same_paths(self):
        for path in bundle.MASKED + bundle.READ_ONLY:
            self.assertIn(f'"{path[1:]}"', self.FLOOR)

    def test_the_floor_mounts_the_same_filesystems(self):
        for destination, *_ in bundle.MOUNTS:
            self.assertIn(f'"{destination[1:]}"', self.FLOOR)

    def test_the_floor_keeps_as_many_capabilities(self):
        mask = int(re.search(r"#define CAPABILITIES (0x[0-9a-f]+)", self.FLOOR)[1], 16)
        self.assertEqual(bin(mask).count("1"), len(bundle.CAPABILITIES))

    def test_a_configuration_says_where_its_cgroup_is(self):
        made = bundle.configuration("/rootfs", "/bench/c1", ["/bin/true"], 4096, {})
        self.assertEqual(made["linux"]["cgroupsPath"], "/bench/c1")
        self.assertEqual(made["linux"]["resources"]["memory"], {"limit": 4096})
