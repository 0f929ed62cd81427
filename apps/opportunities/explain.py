"""An opportunity's pictures with their words."""

from collections.abc import Sequence
from decimal import Decimal

from apps.opportunities.alerts import ORIGIN_WORDS, net_if_converged
from apps.opportunities.enums import Origin
from apps.opportunities.models import EdgePoint, Opportunity
from apps.opportunities.pictures import Caption, Point, history_svg, waterfall_svg
from apps.opportunities.waterfall import ROUNDING, waterfall_of

# Half of a figure's last place, 0.0001 %.
_SEEN = Decimal("5e-7")


def waterfall_picture(opportunity: Opportunity) -> str | None:
    """The way from gross to net as SVG; None for what is not priced or promises no edge."""
    steps = waterfall_of(opportunity)
    if not steps:
        return None
    priced = f", priced {opportunity.priced_at:%Y-%m-%d %H:%M:%S} UTC" if opportunity.priced_at else ""
    met = net_if_converged(opportunity)
    converged = "" if met is None else f"; net {met:.4%} if both prices have met by then"
    words = f"{opportunity.get_kind_display()} at {opportunity.size:,.2f} USD{priced}{converged}"
    # What the last place of a figure can't show would be a bar of nothing.
    seen = [step for step in steps if step.total or step.name != ROUNDING or abs(step.change) >= _SEEN]
    return waterfall_svg(seen, Caption(_title(opportunity), words, _note(opportunity)))


def history_picture(opportunity: Opportunity, points: Sequence[EdgePoint]) -> str | None:
    """How the net edge went as SVG; None where nothing was noted, or not any more."""
    if not points:
        return None
    drawn = [Point(point.at, point.net_edge) for point in points]
    return history_svg(drawn, Caption(_title(opportunity), "net edge at its size over time", _note(opportunity)))


def _title(opportunity: Opportunity) -> str:
    return f"{opportunity.symbol}: " + ", ".join(f"{leg['side']} on {leg['exchange']}" for leg in opportunity.legs)


def _note(opportunity: Opportunity) -> str:
    return f"{ORIGIN_WORDS[Origin(opportunity.origin)]}; fractions of notional".capitalize()
