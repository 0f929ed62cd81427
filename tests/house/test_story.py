"""What happens is told in sentences a newcomer understands."""

from arbedge.story import Story

FACTS = {
    "kind_label": "cross-exchange",
    "symbol": "ABC/USDT",
    "legs_text": "buy on binance, sell on okx",
    "net_edge_percent": "0.42",
    "gross_edge_percent": "0.71",
    "size": "1000",
    "origin": "sandbox",
}


def test_found_names_the_opportunity_and_its_origin() -> None:
    story = Story(lambda opportunity_id: FACTS)
    (line,) = story.tell("OpportunitiesActive", {"opportunity_ids": ["1"]})
    for word in ("cross-exchange", "ABC/USDT", "buy on binance", "0.42 %", "sandbox"):
        assert word in line


def test_frequent_things_are_summed_up() -> None:
    story = Story(lambda opportunity_id: FACTS)
    for _ in range(3):
        assert story.tell("SnapshotStored", {"exchange": "okx", "kind": "spot", "rows": 1200, "refused": 2}) == []
    assert story.tell("DeliveriesFinished", {"delivered": 5, "retried": 0, "failed": 1, "channels": ["email"]}) == []
    read, delivered = story.summary()
    assert "okx spot 1,200" in read
    assert "6 rows refused" in read
    assert "5 messages by email" in delivered
    assert "1 failed" in delivered
    assert story.summary() == []


def test_a_refused_feed_is_told_with_its_reason() -> None:
    story = Story(lambda opportunity_id: FACTS)
    data = {"exchange": "binance", "kind": "spot", "state": "stale", "reason": "4 years behind"}
    assert story.tell("FeedStateChanged", data) == ["feed       binance spot is stale: 4 years behind"]


def test_unknown_news_is_nothing_to_tell() -> None:
    assert Story(lambda opportunity_id: FACTS).tell("SomethingElse", {}) == []
