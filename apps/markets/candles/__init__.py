"""Candles: the minute that forms out of quotes, bars as blocks of arrays, folding, and their store."""
