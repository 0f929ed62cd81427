"""Who gets which opportunity."""
