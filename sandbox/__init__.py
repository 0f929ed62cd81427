"""A stand-in for the outside world over real HTTP: exchanges and message providers, with faults."""
