//! Intel RDT (to be written).
