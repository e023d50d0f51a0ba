"""Tests of the kernel CNA."""
