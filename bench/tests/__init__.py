"""Tests of the parts of bench that decide or draw something. Run by scripts/check-bench; they need no root and measure nothing."""
