"""Settled funding: what was really paid, kept apart from the predicted rates of the feeds."""

from django.db import models

from apps.markets.models.market import Market


class SettledFunding(models.Model):
    """One settlement of one perpetual; `rate` is the fraction of notional that longs paid shorts."""

    market = models.ForeignKey(Market, on_delete=models.CASCADE, related_name="settled_fundings")
    settled_at = models.DateTimeField()
    rate = models.FloatField()

    class Meta:
        ordering = ["market_id", "-settled_at"]
        constraints = [models.UniqueConstraint(fields=["market", "settled_at"], name="settled_funding_once")]

    def __str__(self) -> str:
        return f"{self.market_id} {self.settled_at:%Y-%m-%d %H:%M} {self.rate:+.6%}"
