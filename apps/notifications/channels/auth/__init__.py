"""Ways to sign in at a receiver's own server: a class and a row in `registry.py` each."""
