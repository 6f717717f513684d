"""Places of users whose number rises and falls."""

from loadgrpc.stats.seating import LOOK_S, Seating


def given(seating, wanted, taken=frozenset()):
    """Places that get a new user."""
    return list(seating.rise(wanted, taken.__contains__))


def test_places_are_given_as_the_level_rises():
    """Each once; who has left by itself is not replaced while the level stays above its place."""
    seating = Seating()

    assert given(seating, 2) == [0, 1]
    assert given(seating, 2) == []
    assert given(seating, 4) == [2, 3]
    assert given(seating, 4) == []


def test_a_place_is_given_again_when_the_level_has_fallen_below_it():
    """To somebody else; the others keep theirs."""
    seating = Seating()
    given(seating, 4)

    assert given(seating, 1) == []
    assert given(seating, 3) == [1, 2]


def test_nobody_gets_a_place_that_is_taken():
    """It is given when its user has left, if it is still wanted then."""
    seating = Seating()
    given(seating, 3)
    given(seating, 1)

    assert given(seating, 3, {2}) == [1]
    assert given(seating, 3, {1, 2}) == []
    assert given(seating, 3, {1}) == [2]
    given(seating, 0)
    given(seating, 2, {0, 1})
    assert given(seating, 1, {0, 1}) == []
    assert given(seating, 1) == [0]


def test_places_are_looked_at_one_by_one():
    """What is done for the first may take the last room there is."""
    room = [1]
    got = []
    for place in Seating().rise(3, lambda _: not room):
        got.append(place)
        room.pop()

    assert got == [0]


def test_when_to_look_again():
    """Often while the level changes, or a place is waited for; otherwise when it may change."""
    seating = Seating()

    assert seating.look_again_s(1.0, 5.0) == 4.0
    assert seating.look_again_s(1.0, 1.0) == LOOK_S
    given(seating, 1, {0})
    assert seating.look_again_s(1.0, 5.0) == LOOK_S
