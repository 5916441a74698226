"""Numbers as people write them."""

import numpy as np


def number(value: float, digits: int = 3) -> str:
    """Write a number for people: few digits, commas between thousands, powers of ten that do not break at a line's end.

    Examples
    --------
    >>> number(34421), number(0.01234), number(float("nan"))
    ('34,421', '0.0123', '–')
    >>> print(number(3.2e-13).replace("\u00a0", " "))
    3.2 × 10⁻¹³
    """
    if not np.isfinite(value):
        return "∞" if value == np.inf else "–"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.{digits - 2}e}".split("e")
        raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return f"{mantissa}\u00a0×\u00a010{raised}".replace("-", "−")
    return f"{value:,.{max(digits - 1 - int(np.floor(np.log10(abs(value)))), 0)}f}".replace("-", "−")


def percent(value: float) -> str:
    """Write a share as a percentage: ``0.0123`` as ``1.23 %`` (with a space that does not break)."""
    return f"{number(100 * value)}\u00a0%"


def two_columns(rows: list[tuple[str, str]]) -> str:
    """Lay out names and values for a terminal."""
    return "\n".join(f"{name:<12} {value}" for name, value in rows)
