"""Benches: each module here with `run() -> list[Figure]` is one. None asserts; the goal is shown beside the figure."""
