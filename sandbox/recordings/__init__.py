"""HAR recordings of real exchanges: read, played, written."""
