"""What is worth looking for: one file per kind, pure functions over arrays."""
