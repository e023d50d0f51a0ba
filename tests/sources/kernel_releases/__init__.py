"""Tests of the list of kernel releases."""
