"""What an address is made of, in either script."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Components:
    """The parts of one address; "" where the text does not give one.

    Areas and names are as written, in lower case and simplified characters; numbers are digits or letters without
    their marker (三号楼 is building "3"). ``place`` is a named estate or house, ``part`` a phase or block of it;
    ``locker`` names a parcel locker, pickup point or post office box. ``rest`` are the Western words that are neither
    street nor unit: suburb, town, county. ``note`` is what names no place: wishes to the courier, persons.
    """

    country: str = ""
    province: str = ""
    city: str = ""
    district: str = ""
    zone: str = ""
    town: str = ""
    community: str = ""
    road: str = ""
    road_number: str = ""
    lane: str = ""
    lane_number: str = ""
    place: str = ""
    part: str = ""
    building: str = ""
    staircase: str = ""
    floor: str = ""
    room: str = ""
    locker: str = ""
    postcode: str = ""
    rest: str = ""
    note: str = ""
    chinese: bool = False

    @property
    def kind(self) -> str:
        """``locker`` for a parcel locker, pickup point or post office box, else ``home``."""
        return "locker" if self.locker else "home"

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers that tell one door of a street from the next."""
        return (self.road_number, self.lane_number, self.building, self.staircase, self.floor, self.room)


@dataclass(frozen=True, slots=True)
class AddressKey:
    """Comparable keys of one address: the door, the house it is in, and whether it is a home or a locker."""

    unit_key: str
    building_key: str
    kind: str = "home"
