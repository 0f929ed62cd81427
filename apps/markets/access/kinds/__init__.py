"""One file per kind of data that may be asked for."""
