"""What every room needs and no domain: errors, clock, queue, limits, vault, outbound HTTP."""
