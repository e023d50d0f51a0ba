"""Tests of NVD."""
