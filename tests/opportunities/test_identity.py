from datetime import UTC, datetime, timedelta, timezone

from apps.opportunities.identity import fingerprint_of, opportunity_id_of

LEGS = [("binance", "BTC/USDT", "buy"), ("okx", "BTC/USDT", "sell")]
OPENED = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def test_the_same_edge_has_the_same_fingerprint() -> None:
    assert fingerprint_of("cross_exchange", "BTC", LEGS) == fingerprint_of("cross_exchange", "BTC", list(LEGS))
    assert len(fingerprint_of("cross_exchange", "BTC", LEGS)) == 64


def test_anything_else_has_another_one() -> None:
    others = {
        fingerprint_of("funding_rate", "BTC", LEGS),
        fingerprint_of("cross_exchange", "ETH", LEGS),
        fingerprint_of("cross_exchange", "BTC", LEGS[::-1]),
        fingerprint_of("cross_exchange", "BTC", LEGS[:1]),
        fingerprint_of("cross_exchange", "BTC|binance", [("BTC/USDT", "buy", "okx"), LEGS[1]]),
    }
    assert fingerprint_of("cross_exchange", "BTC", LEGS) not in others
    assert len(others) == 5


def test_an_episode_has_its_own_id_and_the_moment_decides_not_its_zone() -> None:
    fingerprint = fingerprint_of("cross_exchange", "BTC", LEGS)
    first = opportunity_id_of(fingerprint, OPENED)
    assert first.version == 5
    assert first == opportunity_id_of(fingerprint, OPENED.astimezone(timezone(timedelta(hours=9))))
    assert first != opportunity_id_of(fingerprint, OPENED + timedelta(microseconds=1))
