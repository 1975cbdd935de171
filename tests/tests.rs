//! The tests, one binary. Each module mirrors a folder of src.

mod layering; // ARCHITECTURE.md against the code
