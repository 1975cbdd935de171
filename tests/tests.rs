//! The tests, one binary. Each module mirrors a folder of src.

mod layering; // ARCHITECTURE.md against the code

mod cgroup {
    mod devices; // device rules, by BPF and by v1's files
    mod translate; // limits -> files of v1 and v2
}

mod plan {
    mod limits; // linux.resources
}
