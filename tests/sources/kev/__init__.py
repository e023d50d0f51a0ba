"""Tests of the KEV catalogue."""
