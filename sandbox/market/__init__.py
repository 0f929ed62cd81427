"""The synthetic market: who lists what, what it costs at any moment, and which opportunities it holds."""
