"""How each exchange tells what a key may do: one file per exchange."""
