"""The outside comes in: one sub-package per source, fetch (I/O) apart from parse (pure)."""
