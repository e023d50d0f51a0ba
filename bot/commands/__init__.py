"""The chat words: what a subscriber may ask, the same in every chat."""
