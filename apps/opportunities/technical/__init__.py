"""Technical analysis: indicators of candles, conditions on them, signals, and how those lead or lag arbitrage."""
