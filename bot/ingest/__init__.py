"""From parsed documents to stored state: one transaction per batch (DESIGN section 2, steps 3 and 4)."""
