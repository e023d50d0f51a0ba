"""Readers of formats that several sources share: pure functions from bytes or text to values."""
