"""How dates and times are written; Django looks for a folder per language."""
