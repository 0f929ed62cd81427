"""What a text costs as SMS: GSM 03.38 septets or UCS-2 units, packed into segments; and a text cut to so many of them.

Alphabet and escape: 3GPP TS 23.038, sections 6.2.1 and 6.2.1.1. Segments: 3GPP TS 23.040, section 9.2.3.24.1: six
octets of header in each part of a long message leave 153 septets or 67 units."""

import unicodedata

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Written as an escape and a second septet, so they cost two.
_EXTENDED = frozenset("\f^{}\\[~]|€")
# Alone, and as a part of several.
_GSM = (160, 153)
_UCS2 = (70, 67)
ELLIPSIS = "..."
_ZWJ = "\u200d"
# Typography with a twin in the GSM alphabet: one such character would make the whole text cost more than twice as much.
_TWINS = str.maketrans(
    {
        "‘": "'", "’": "'", "‚": "'", "′": "'", "“": '"', "”": '"', "„": '"', "″": '"', "«": '"', "»": '"',
        "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-", "•": "-", "·": "-", "…": "...",
        "\u00a0": " ", "\u2002": " ", "\u2003": " ", "\u2007": " ", "\u2009": " ", "\u200a": " ", "\u202f": " ",
        "\t": " ", "≈": "~", "≤": "<=", "≥": ">=", "×": "x", "→": "->", "←": "<-",
        "\u00ad": "", "\u200b": "", "\u2060": "", "\ufeff": "",
    }
)  # fmt: skip


def smooth(text: str) -> str:
    """`text` with typography in its plainest spelling and without control characters but the line feed."""
    plain = text.replace("\r\n", "\n").translate(_TWINS)
    return "".join(c for c in plain if c == "\n" or unicodedata.category(c) != "Cc")


def is_gsm(text: str) -> bool:
    """Whether the GSM alphabet holds all of it."""
    return all(c in _BASIC or c in _EXTENDED for c in text)


def segments(text: str) -> int:
    """How many SMS the text takes, as networks count them: no escape and no surrogate pair is torn between two."""
    if is_gsm(text):
        costs, (alone, part) = [2 if c in _EXTENDED else 1 for c in text], _GSM
    else:
        costs, (alone, part) = [2 if c > "\uffff" else 1 for c in text], _UCS2
    if sum(costs) <= alone:
        return 1
    count, used = 1, 0
    for cost in costs:
        if used + cost > part:
            count, used = count + 1, 0
        used += cost
    return count


def fit(text: str, most: int) -> str:
    """`text` in at most `most` segments: cut after a line or, where a line is long, between what readers see as
    characters."""
    if segments(text) <= most:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if segments(text[:middle] + ELLIPSIS) <= most:
            low = middle
        else:
            high = middle - 1
    line_end = text.rfind("\n", 0, low) + 1
    kept = text[:line_end] if line_end > low // 2 else text[: _boundary(text, low)].rstrip()
    return kept + ELLIPSIS


def _boundary(text: str, at: int) -> int:
    """The last place at or before `at` where no accent, joined emoji or flag is torn apart."""
    while 0 < at < len(text) and _joined(text, at):
        at -= 1
    return at


def _joined(text: str, at: int) -> bool:
    """Whether what stands at `at` belongs to what stands before it (the cases of UAX #29 that people write)."""
    here = text[at]
    if text[at - 1] == _ZWJ or here == _ZWJ or unicodedata.category(here) in ("Mn", "Me", "Mc"):
        return True
    if "\U0001f3fb" <= here <= "\U0001f3ff" or "\U000e0020" <= here <= "\U000e007f":
        return True
    before = at
    while before and _is_flag_half(text[before - 1]):
        before -= 1
    return _is_flag_half(here) and (at - before) % 2 == 1


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
