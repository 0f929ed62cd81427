"""Our own SVG pictures as PNG, for those who can't show SVG: just the elements that `pictures` writes.

Pillow is loaded by who draws, which are workers of the `default` queue."""

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

# Twice as many pixels as units: phones show pictures as wide as they are.
SCALE: Final = 2
_PAPER: Final = "#ffffff"
# What Pillow's own font lacks of the letters that pictures write.
_SPELT: Final = str.maketrans({"\N{NO-BREAK SPACE}": " ", "\N{MINUS SIGN}": "-"})


def png_of(svgs: Sequence[str]) -> bytes:
    """The pictures below each other, the first on top; the same pictures give the same bytes."""
    from PIL import Image, ImageDraw

    # Bandit's warning is about strangers' XML; this is made by `pictures`, which escapes what exchanges say.
    roots = [ElementTree.fromstring(svg) for svg in svgs]  # noqa: S314
    sizes = [(int(root.attrib["width"]), int(root.attrib["height"])) for root in roots]
    image = Image.new("RGB", (max(w for w, _ in sizes) * SCALE, sum(h for _, h in sizes) * SCALE), _PAPER)
    draw, top = ImageDraw.Draw(image), 0
    for root, (_, height) in zip(roots, sizes, strict=True):
        for element in root:
            _drawn(draw, element, top)
        top += height
    stream = BytesIO()
    image.quantize(64, Image.Quantize.FASTOCTREE).save(stream, "PNG")
    return stream.getvalue()


def _drawn(draw: "ImageDraw", element: "ElementTree.Element[str]", top: int) -> None:
    def at(x: str, y: str) -> tuple[float, float]:
        return _number(element, x) * SCALE, (_number(element, y) + top) * SCALE

    match element.tag.rpartition("}")[2]:
        case "rect":
            left, upper = at("x", "y")
            right = left + _number(element, "width") * SCALE - 1
            lower = upper + _number(element, "height") * SCALE - 1
            draw.rectangle((left, upper, max(right, left), max(lower, upper)), fill=element.attrib["fill"])
        case "line":
            draw.line((*at("x1", "y1"), *at("x2", "y2")), fill=element.attrib["stroke"], width=SCALE)
        case "polyline":
            pairs = [pair.split(",") for pair in element.attrib["points"].split()]
            points = [(float(x) * SCALE, (float(y) + top) * SCALE) for x, y in pairs]
            if len(points) > 1:
                draw.line(points, fill=element.attrib["stroke"], width=2 * SCALE, joint="curve")
        case "circle":
            (x, y), radius = at("cx", "cy"), _number(element, "r") * SCALE
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=element.attrib["fill"])
        case "text":
            _text(draw, element, at("x", "y"))


def _text(draw: "ImageDraw", element: "ElementTree.Element[str]", at: tuple[float, float]) -> None:
    from PIL import ImageFont

    anchor: Any = {"start": "ls", "end": "rs", "middle": "ms"}[element.attrib["text-anchor"]]
    words, colour = (element.text or "").translate(_SPELT), element.attrib["fill"]
    bold = 0.4 if element.attrib["font-weight"] == "bold" else 0
    draw.text(
        at,
        words,
        fill=colour,
        font=ImageFont.load_default(13 * SCALE),
        anchor=anchor,
        stroke_width=bold,
        stroke_fill=colour,
    )


def _number(element: "ElementTree.Element[str]", name: str) -> float:
    return float(element.attrib.get(name, "0"))
