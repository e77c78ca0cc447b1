import pytest

from machinami.linkage.importing.catalogue import find_town
from machinami.linkage.importing.model import Town
from machinami.linkage.importing.position import parse_degrees, read_position, split_pair

TOWN = find_town("372013")


@pytest.mark.parametrize(
    ("latitude", "longitude", "code"),
    [
        (None, None, "import.position.missing"),
        ("", " ", "import.position.missing"),
        ("34.3", "", "import.position.half"),
        ("0", "0", "import.position.zero"),
        (0.0, 0, "import.position.zero"),
        ("134.04", "34.34", "import.position.swapped"),
        ("95", "200", "import.position.impossible"),
        ("43.06", "141.35", "import.position.far"),
        ("-34.3", "134.0", "import.position.far"),
        ("本庁舎前", "134.0", "import.position.unreadable"),
        (float("nan"), 134.0, "import.position.unreadable"),
    ],
)
def test_read_position_does_not_place_when_something_speaks_against_it(latitude, longitude, code):
    position = read_position(latitude, longitude, TOWN)
    assert not position.placed
    assert [note for note, _ in position.notes] == [code]


def test_read_position_proposes_order_when_swapped():
    assert read_position("134.04", "34.34", TOWN).notes == (("import.position.swapped", "34.34, 134.04"),)


def test_read_position_gives_geojson_order_when_plain():
    position = read_position("34.34277", "134.04654", TOWN)
    assert position.geometry() == {"type": "Point", "coordinates": [134.04654, 34.34277]}
    assert position.notes == ()


@pytest.mark.parametrize("text", ["34度20分34秒", "34°20'34\"", "北緯34度20分34秒", "N34.20.34", "３４度２０分３４秒"])
def test_read_position_reads_and_notes_when_degrees_minutes_seconds(text):
    position = read_position(text, "134度2分48秒", TOWN)
    assert position.latitude == pytest.approx(34 + 20 / 60 + 34 / 3600)
    assert [code for code, _ in position.notes] == ["import.position.read_as"]


def test_read_position_uses_japan_when_the_town_has_no_centre():
    anywhere = Town("999999", "某県", "某市")
    assert read_position("43.06", "141.35", anywhere).placed
    assert read_position("141.35", "43.06", anywhere).notes[0][0] == "import.position.swapped"
    assert read_position("1.5", "103.8", anywhere).notes[0][0] == "import.position.far"


def test_parse_degrees_refuses_when_minutes_exceed_59():
    assert parse_degrees("34度75分10秒") == (None, False)


def test_split_pair_finds_both_parts_when_combined_in_one_cell():
    assert split_pair("34.3428, 134.0467") == ("34.3428", "134.0467")
    assert split_pair("町役場前") is None
