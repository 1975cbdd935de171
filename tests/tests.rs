//! The tests, one binary. Each module mirrors a folder of src.
