"""Ways to run deliveries, by what matters most; operators add their own in the admin."""

from typing import Final

# How many are sent at a time and how many are under way, how long one may take (s), how often it is tried, and for how
# many days its statistics are kept.
PROFILES: Final = {
    "balanced": {"batch": 50, "concurrency": 100, "timeout_s": 20, "attempts": 4, "statistics_days": 60},
    "high_performance": {"batch": 100, "concurrency": 200, "timeout_s": 15, "attempts": 3, "statistics_days": 30},
    "high_reliability": {"batch": 25, "concurrency": 50, "timeout_s": 60, "attempts": 5, "statistics_days": 90},
}
