"""The outer layer of the web processes: answers again what was answered a moment ago and holds event streams, on one
event loop; everything else is Django's, in a bounded number of threads. docs/decisions/019 says what may be
repeated."""
