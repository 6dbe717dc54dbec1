"""Who is in the flow archive: the people of the MEGC2019 composite by data set and class.

How many maps of each class every subject has (negative, positive, surprise), as published in the
challenge's list; a rendered archive of the same shape is as uneven as the real one.
"""

from __future__ import annotations

from dataclasses import dataclass

_COUNTS = {
    "casme2": (
        "sub01:2/1/0 sub02:5/1/3 sub03:4/0/1 sub04:2/0/0 sub05:0/1/5 sub06:1/1/2 sub07:5/0/0 "
        "sub08:1/0/0 sub09:5/5/0 sub11:4/0/0 sub12:5/2/4 sub13:0/2/0 sub14:0/3/0 sub15:1/1/1 "
        "sub16:1/2/0 sub17:23/7/1 sub19:3/3/5 sub20:2/0/0 sub21:1/0/0 sub22:2/0/0 sub23:7/1/0 "
        "sub24:2/0/1 sub25:3/0/2 sub26:9/2/0"
    ),
    "samm": (
        "006:9/0/2 007:1/5/2 009:3/0/1 010:4/0/0 011:13/7/0 012:2/0/1 013:6/0/0 014:2/7/1 "
        "015:2/0/1 016:2/1/2 017:3/0/1 018:2/0/1 019:0/1/0 020:2/2/0 021:2/0/0 022:3/2/0 "
        "023:1/0/0 024:1/0/0 026:9/0/0 028:1/0/2 030:3/0/0 031:1/0/0 032:4/0/0 033:4/1/0 "
        "034:3/0/0 035:7/0/1 036:1/0/0 037:1/0/0"
    ),
    "smic": (
        "s01:3/2/1 s02:0/1/5 s03:22/11/6 s04:10/4/5 s05:1/0/1 s06:2/0/2 s08:9/4/0 s09:0/1/3 "
        "s11:3/3/1 s12:0/8/1 s13:0/10/0 s14:3/2/5 s15:1/1/2 s18:2/0/5 s19:0/1/1 s20:14/3/5"
    ),
}


@dataclass(frozen=True, slots=True)
class Member:
    """One subject: data set, name, maps of each class."""

    dataset: str
    name: str
    counts: tuple[int, int, int]


def members() -> tuple[Member, ...]:
    """Return the 68 people."""
    found = []
    for dataset, text in _COUNTS.items():
        for entry in text.split():
            name, counts = entry.split(":")
            negative, positive, surprise = (int(count) for count in counts.split("/"))
            found.append(Member(dataset, name, (negative, positive, surprise)))
    return tuple(found)
