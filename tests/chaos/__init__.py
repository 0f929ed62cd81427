"""Fault drills: `make chaos [ONLY=name]`. Each breaks something under load and counts every effect afterwards."""
