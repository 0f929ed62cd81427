"""What became of deliveries: counts and latencies, hour by hour, that can be added up over any span."""
