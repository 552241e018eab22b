"""Numbers as people read them: three digits that mean something, a unit, a real minus sign.

The units of a Metric: "" (a plain number), "share" (0 to 1, shown in percent), "%" (already in percent), "s", "bytes",
"J", and an ISO 4217 code for money. Any other unit is shown behind the number. The texts are raw: a renderer escapes
them, because a unit may come from anybody.
"""

import math
import re

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_SECONDS = ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_GAP = re.compile(
    r"(?<=[0-9]) (?=(?:%|pp|d|h|min|m?s|[µn]s|bytes|[KMGT]iB|[kMG]?J|rows|[A-Z]{3}|× 10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)(?![^\W_]))"
    r"|(?<=[×±]) (?=[0-9])|(?<=[0-9]) (?=±)|(?<= pp) (?=±)|(?<=[0-9] d) (?=[0-9])|(?<=[0-9] h) (?=[0-9])"
    r"|(?<=[0-9] min) (?=[0-9])|(?<=\bp) (?=[<=] )|(?<=\bp [<=]) (?=[0-9])|(?<=\bKS) (?=[0-9])|(?<=\bTV) (?=[0-9])"
)
_SCALED = frozenset({"share", "%", "s", "bytes", "J"})
_CLOCK = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def plain(value: float, digits: int = 3) -> str:
    """Return `value` with at least `digits` significant digits and no digit that only floating point made."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e15 or size < 1e-4:
        mantissa, exponent = f"{size:.{digits - 1}e}".split("e")
        return _signed(value, f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}")
    if value == int(value):
        return _signed(value, f"{size:,.0f}")
    decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    text = f"{size:,.{decimals}f}"
    # What was written as 0.08 stays 0.08; a measured 0.0800123 keeps the zeros that it earned.
    return _signed(value, text.rstrip("0") if "." in text and float(text.replace(",", "")) == size else text)


def number(value: float, unit: str = "", digits: int = 3) -> str:
    """Return a value with its unit."""
    if unit == "share":
        return f"{_percent(value * 100, digits)} %"
    if unit == "%":
        return f"{_percent(value, digits)} %"
    if unit == "s":
        return duration(value, digits)
    if unit == "bytes":
        return scaled(value, ("bytes", "KiB", "MiB", "GiB", "TiB"), 1024, digits)
    if unit == "J":
        return scaled(value, ("J", "kJ", "MJ", "GJ"), 1000, digits)
    if len(unit) == 3 and unit.isascii() and unit.isupper():
        return money(value, unit)
    return f"{plain(value, digits)} {unit}".rstrip()


def pair(first: float, second: float, unit: str = "") -> tuple[str, str]:
    """Return two values with as many digits, at most five, as it takes to tell them apart."""
    for digits in (3, 4, 5):
        texts = number(first, unit, digits), number(second, unit, digits)
        if texts[0] != texts[1] or first == second:
            break
    return texts if unit in _SCALED or len(unit) == 3 else (_padded(first, *texts), _padded(second, *reversed(texts)))


def _padded(value: float, text: str, other: str) -> str:
    """Give a number that is exact with fewer decimals as many as the other one shows: `0.642` and `0.620`."""
    (size, gap, unit), (beside, _, same) = text.partition(" "), other.partition(" ")
    more = len(beside.partition(".")[2]) - len(size.partition(".")[2])
    exact = float(size.lstrip("−").replace(",", "")) == abs(value)
    if more <= 0 or value == 0 or unit != same or not exact:
        return text
    return f"{size}{'' if '.' in size else '.'}{'0' * more}{gap}{unit}"


def change(value: float, unit: str = "") -> str:
    """Return a difference with its sign; a difference of shares is in percentage points (pp)."""
    if unit in {"share", "%"}:
        text = f"{_percent(value * 100 if unit == 'share' else value, 2)} pp"
    else:
        text = number(value, unit, 2)
    return text if value <= 0 or text.startswith("0 ") else f"+{text}"


def spread(low: float, value: float, high: float, unit: str = "") -> str:
    """Return a difference with its interval: `± half its width`, or both ends where it is lopsided."""
    below, above = value - low, high - value
    if below < 0 or above < 0 or abs(above - below) > 0.25 * max(above, below):
        return f"{change(value, unit)} ({change(low, unit)} … {change(high, unit)})"
    return f"{change(value, unit)} ± {change((high - low) / 2, unit).lstrip('+').removesuffix(' pp')}"


def relative(value: float, base: float) -> str:
    """Return `value` as a signed percentage of `base`: of two digits, unless it is a whole number by itself."""
    ratio = 100 * value / base
    whole = abs(ratio) >= 10 or abs(ratio - round(ratio)) < 1e-9
    text = f"{ratio:+,.0f}" if whole else f"{ratio:+.1f}"
    return "±0 %" if float(text.replace(",", "")) == 0 else text.replace("-", "−") + " %"


def unbroken(text: str) -> str:
    """Put no-break spaces inside the numbers of a text: between digits and their unit, and around `±`."""
    return _GAP.sub("\u00a0", text)


def duration(seconds: float, digits: int = 3) -> str:
    """Return seconds in the two largest units that fit: `4 min 10 s`, `38.2 s`, `0.41 ms`."""
    size = abs(seconds)
    if size < 60:
        scale, unit = next((pair for pair in _SECONDS if size >= pair[0]), _SECONDS[-1] if size else _SECONDS[0])
        return f"{plain(seconds / scale, digits)} {unit}"
    if size >= 1e9:
        return f"{plain(seconds / 86400, digits)} d"
    rest, parts = round(size), []
    for scale, unit in _CLOCK:
        if rest >= scale:
            parts.append(f"{rest // scale} {unit}")
            rest %= scale
    return _signed(seconds, " ".join(parts[:2]))


def scaled(value: float, units: tuple[str, ...], step: int, digits: int = 3) -> str:
    """Return a value in the largest unit that leaves at least one whole."""
    for unit in units[:-1]:
        if abs(value) < step:
            return f"{plain(value, digits)} {unit}"
        value /= step
    return f"{plain(value, digits)} {units[-1]}"


def money(amount: float, currency: str) -> str:
    """Return an amount with its currency; cents unless that would hide all of it."""
    size = f"{abs(amount):,.2f}" if 0.1 <= abs(amount) < 1e15 or amount == 0 else plain(abs(amount), 2)
    symbol = _SYMBOLS.get(currency)
    return _signed(amount, f"{symbol}{size}" if symbol else f"{size} {currency}")


def _percent(value: float, digits: int) -> str:
    # One decimal (97.3) unless more digits are asked for; what would then be 0.0 keeps its size.
    if abs(value) < 0.05 or abs(value) >= 1e6:
        return plain(value, 1)
    text = f"{abs(value):,.{max(1, digits - 2)}f}"
    return _signed(value, text.removesuffix(".0") if abs(value) >= 100 else text)


def _signed(value: float, size: str) -> str:
    return f"−{size}" if value < 0 else size
