"""What a person holds at exchanges; for now: whether their keys work, and what those may do."""
