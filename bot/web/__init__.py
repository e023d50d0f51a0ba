"""Board, feeds and JSON over HTTP: read-only views of what is stored."""
