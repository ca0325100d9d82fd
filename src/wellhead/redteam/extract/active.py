"""The pool attacks under their own names."""

from __future__ import annotations

from typing import ClassVar

from wellhead.redteam.extract.pool import Pool

_ACTIVETHIEF = "Pal et al., ActiveThief, AAAI 2020, arXiv 1905.09165"


class Random(Pool, frozen=True, kw_only=True, eq=False):
    """At random: what every other choice has to beat.

    Costs as many queries as it is given.
    """

    name: ClassVar[str] = "random"


class Uncertainty(Pool, frozen=True, kw_only=True, eq=False):
    """Where the clone's best class is least likely.

    Costs as many queries as it is given.
    """

    name: ClassVar[str] = "uncertainty"
    paper: ClassVar[str] = "Lewis and Gale, A Sequential Algorithm for Training Text Classifiers, SIGIR 1994"
    pick: str = "uncertainty"


class Margin(Pool, frozen=True, kw_only=True, eq=False):
    """Where the clone's two best classes are nearest to each other.

    Costs as many queries as it is given.
    """

    name: ClassVar[str] = "margin"
    paper: ClassVar[str] = "Scheffer et al., Active Hidden Markov Models, IDA 2001; " + _ACTIVETHIEF
    pick: str = "margin"


class KCenter(Pool, frozen=True, kw_only=True, eq=False):
    """Farthest from all that was asked, in the clone's probabilities (ActiveThief, section 4).

    Costs as many queries as it is given.
    """

    name: ClassVar[str] = "k_center"
    paper: ClassVar[str] = "Sener and Savarese, Core-Set, ICLR 2018, arXiv 1708.00489; " + _ACTIVETHIEF
    pick: str = "k_center"
