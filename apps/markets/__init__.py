"""What exchanges say."""
