"""The rooms of ArbEdge; the floors they stand on are held by import-linter (pyproject.toml)."""
