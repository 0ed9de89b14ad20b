"""From the suffix of a symbol to the exchange whose calendar it follows."""

from __future__ import annotations

from collections.abc import Mapping

# The suffixes that the large data vendors put behind a symbol, and the ISO 10383 code of the exchange.
CALENDAR_BY_SUFFIX: Mapping[str, str] = {
    "AS": "XAMS",
    "AT": "ASEX",
    "AX": "XASX",
    "BA": "XBUE",
    "BD": "XBUD",
    "BK": "XBKK",
    "BO": "XBOM",
    "BR": "XBRU",
    "CO": "XCSE",
    "DE": "XETR",
    "DU": "XDUS",
    "F": "XFRA",
    "HE": "XHEL",
    "HK": "XHKG",
    "HM": "XHAM",
    "IC": "XICE",
    "IL": "XLON",
    "IR": "XDUB",
    "IS": "XIST",
    "JK": "XIDX",
    "JO": "XJSE",
    "KL": "XKLS",
    "KQ": "XKRX",
    "KS": "XKRX",
    "L": "XLON",
    "LS": "XLIS",
    "MC": "XMAD",
    "MI": "XMIL",
    "MX": "XMEX",
    "NS": "XBOM",
    "NZ": "XNZE",
    "OL": "XOSL",
    "PA": "XPAR",
    "PR": "XPRA",
    "RG": "XRIS",
    "SA": "BVMF",
    "SG": "XSTU",
    "SI": "XSES",
    "SN": "XSGO",
    "SR": "XSAU",
    "SS": "XSHG",
    "ST": "XSTO",
    "SW": "XSWX",
    "SZ": "XSHG",
    "T": "XTKS",
    "TA": "XTAE",
    "TL": "XTAL",
    "TO": "XTSE",
    "TW": "XTAI",
    "TWO": "XTAI",
    "V": "XTSE",
    "VI": "XWBO",
    "VS": "XLIT",
    "WA": "XWAR",
}


def calendar_name_for(symbol: str, given: Mapping[str, str], default: str) -> str:
    """The name of the calendar that a symbol follows.

    It is what `given` says for the symbol, else what the suffix behind the last dot says (`AZN.L` follows
    XLON), else `default`. A suffix that is no exchange is part of the name: `BRK.B` follows the default. The
    names in `given` and `default` are passed on as they are, `calendar` refuses those it does not know.
    """
    if symbol in given:
        return given[symbol]
    name, dot, suffix = symbol.rpartition(".")
    return CALENDAR_BY_SUFFIX.get(suffix, default) if name and dot else default
