"""Which currencies can be moved where: deposits, withdrawals and their fee per network."""

from django.db import models
from django.utils import timezone

from apps.markets.enums import Gate
from apps.markets.models.exchange import Exchange


class CurrencyNetwork(models.Model):
    """One currency of one exchange on one network; how old the knowledge is stands in the exchange's row."""

    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="networks")
    currency = models.CharField(max_length=40)
    network = models.CharField(max_length=40, help_text="ccxt's unified code")
    deposit = models.CharField(max_length=7, choices=Gate.choices, default=Gate.UNKNOWN)
    withdraw = models.CharField(max_length=7, choices=Gate.choices, default=Gate.UNKNOWN)
    withdraw_fee = models.DecimalField(
        max_digits=36, decimal_places=18, null=True, blank=True, help_text="in the currency; empty = unknown"
    )
    withdraw_min = models.DecimalField(max_digits=36, decimal_places=18, null=True, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["exchange_id", "currency", "network"]
        constraints = [models.UniqueConstraint(fields=["exchange", "currency", "network"], name="network_once")]
        indexes = [models.Index(fields=["currency"], name="network_currency")]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.currency} on {self.network}"
