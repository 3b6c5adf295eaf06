"""Check digits: whether the last digit of a number fits the ones before it.

Not here: which columns have one (the contract says), and the form of the number (its pattern).
"""

from __future__ import annotations


def has_check_digit(digits: str) -> bool:
    """Whether ASCII digits pass the Luhn test of ISO/IEC 7812-1, annex B; anything else does not."""
    if not (digits.isascii() and digits.isdecimal()):
        return False
    # From the right, every second digit counts double, less 9 where that has two digits.
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(map(int, digits[::-2]))) % 10 == 0
