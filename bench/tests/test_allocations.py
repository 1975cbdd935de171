"""bench/allocations.py and bench/heap_trace.py: whose allocation it is, what is held at the peak, which pages are counted."""

import unittest

from bench import allocations, heap_trace, report
from bench.heap_trace import FREES, RESIZES, TAKES

MALLOC = allocations.Frame("alloc", "library/alloc/src/raw_vec.rs:10")
HEAP = allocations.Frame("tare[0123456789abcdef]::sys::heap::alloc", "./src/sys/heap.rs:40")
READ = allocations.Frame("<tare[0123456789abcdef]::plan::seccomp::profile::Profile>::read::<u8>", "./src/plan/seccomp/profile.rs:90")
LAUNCH = allocations.Frame("tare::launch::begin", "src/launch/mod.rs:7 (discriminator 2)")
SERDE = allocations.Frame("parse", "serde_json-1.0.154/src/read.rs:5")


class Places:
    """Stacks are lists of frames already."""

    @staticmethod
    def frames(stack):
        return stack


class Owners(unittest.TestCase):
    def test_the_innermost_module_of_tare_is_the_owner_but_not_the_heap(self):
        self.assertEqual(allocations.owner([MALLOC, HEAP, SERDE, READ, LAUNCH], "module"), "plan::seccomp")
        self.assertEqual(allocations.owner([MALLOC, LAUNCH], "module"), "launch")

    def test_what_is_not_of_tare_has_a_name_too(self):
        self.assertEqual(allocations.owner([MALLOC, SERDE], "module"), allocations.OUTSIDE)

    def test_a_name_has_neither_hashes_nor_generic_arguments(self):
        self.assertEqual(READ.name, "<tare::plan::seccomp::profile::Profile>::read (src/plan/seccomp/profile.rs:90)")
        self.assertEqual(LAUNCH.name, "tare::launch::begin (src/launch/mod.rs:7)")

    def test_inlined_functions_belong_to_one_address(self):
        said = "0x01\ninner\nsrc/a.rs:1\nouter\nsrc/b.rs:2\n0x02\nother\nsrc/c.rs:3\n"
        self.assertEqual([[frame.function for frame in frames] for frames in allocations.parse_places(said)], [["inner", "outer"], ["other"]])


class Profiles(unittest.TestCase):
    # A block of 100 bytes that grows to 150 elsewhere while one of 30 is there; then all is smaller.
    EVENTS = [[TAKES, 1, 100, 0, 0, 0], [TAKES, 2, 30, 0, 0, 1], [RESIZES, 3, 150, 1, 100, 0], [FREES, 2, 30, 0, 0, 0],
              [TAKES, 2, 20, 0, 0, 1], [FREES, 3, 150, 0, 0, 0]]
    STACKS = [[READ], [LAUNCH]]

    def setUp(self):
        self.profile = allocations.Profile.of(self.EVENTS, self.STACKS, Places)

    def test_counts_and_bytes(self):
        found = self.profile
        self.assertEqual((found.count, found.resized, found.freed, found.bytes), (3, 1, 2, 200))

    def test_the_peak_and_who_holds_it(self):
        self.assertEqual(self.profile.peak_bytes, 180)
        held = {module: share.peak_bytes for module, share in self.profile.by_module.items()}
        self.assertEqual(held, {"plan::seccomp": 150, "launch": 30})

    def test_a_clone_frees_what_its_parent_took(self):
        found = allocations.Profile.of([[FREES, 9, 64, 0, 0, 0]], [], Places)
        self.assertEqual((found.freed, found.peak_bytes), (1, 0))


class Program(unittest.TestCase):
    def test_the_four_functions_are_found_by_their_endings(self):
        names = {f"_RNvCsabc_7___rustc{len(name)}__{name}": address for address, name in enumerate(allocations.FUNCTIONS)}
        found = allocations.allocating({**names, "_RNvCsabc_7___rustc26___rust_alloc_error_handler": 9})
        self.assertEqual(found, dict(enumerate(allocations.FUNCTIONS.values())))

    def test_a_program_without_them_is_refused(self):
        with self.assertRaises(allocations.prepare.Missing):
            allocations.allocating({"main": 1})


class Pages(unittest.TestCase):
    SMAPS = """00400000-00500000 r-xp 00000000 00:01 1 /bin/tare
Anonymous:            64 kB
00500000-00501000 rw-p 00100000 00:01 1 /bin/tare
Anonymous:             4 kB
00501000-00503000 rw-p 00000000 00:00 0
Anonymous:             8 kB
7f0000000000-7f0000010000 rw-p 00000000 00:00 0
Anonymous:            40 kB
7ff000000000-7ff000021000 rw-p 00000000 00:00 0 [stack]
Anonymous:            20 kB
7ff000030000-7ff000032000 r-xp 00000000 00:00 0 [vdso]
Anonymous:             0 kB
"""

    def test_heap_stack_and_data_are_told_apart_and_code_is_left_out(self):
        self.assertEqual(heap_trace.touched_pages(self.SMAPS, "/bin/tare"), {"heap": 10, "stack": 5, "data": 3})


class Page(unittest.TestCase):
    def test_only_the_tables_of_that_name_are_replaced(self):
        page = "a\n<!-- bench: one -->\nold\n<!-- bench: end -->\n<!-- bench: two -->\nold\n<!-- bench: end -->\n"
        filled = report.filled(page, "two", "new\n")
        self.assertEqual(filled, page.replace("two -->\nold", "two -->\nnew"))
