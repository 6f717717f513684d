"""Events on disk: what has a place is read again, and what is damaged is never believed."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadgrpc.agent import spool as module
from loadgrpc.agent.spool import Full, Message, Spool, SpoolRoom

MESSAGES = st.lists(st.binary(max_size=30), min_size=1, max_size=12)


def messages(requests, *, first=1):
    """Messages of one event each."""
    return [Message(first + at, first + at, request) for at, request in enumerate(requests)]


def read(folder):
    """What another life of the agent finds, as it was said."""
    spool = Spool(folder, SpoolRoom())
    return [
        Message(found.first_sequence, found.last_sequence, spool.read(found.place))
        for found in spool.recover()
    ]


def size(folder):
    """Bytes on disk."""
    return sum(path.stat().st_size for path in folder.iterdir())


@pytest.fixture
def short(monkeypatch):
    """Files are closed after a record or two."""
    monkeypatch.setattr(module, "SEGMENT_BYTES", 60)


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch):
    """A disk that need not survive a power cut is quick; `synced` counts what it was asked."""
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    return synced


def test_nothing_is_there_before_it_is_needed(tmp_path):
    """A spool that nothing was put into makes no file and no folder."""
    folder = tmp_path / "spool"
    spool = Spool(folder, SpoolRoom())
    assert spool.recover() == []
    assert not spool.droppable(10**9)
    spool.drop(10**9)
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_what_was_put_there_is_found(tmp_path, short):
    """Messages are read at their places, and found in their order by another life."""
    spool = Spool(tmp_path, SpoolRoom())
    said = messages([b"a" * at for at in range(20)])
    places, trouble = spool.append(said[:5])
    assert trouble is None
    places += spool.append(said[5:])[0]
    assert [spool.read(place) for place in places] == [one.request for one in said]
    spool.close()
    assert len(list(tmp_path.iterdir())) > 3
    assert read(tmp_path) == said


def test_a_group_is_synced_once(tmp_path, no_fsync):
    """However many messages are put there together, each file they are in is synced once."""
    spool = Spool(tmp_path, SpoolRoom())
    spool.append(messages([b"x"]))
    no_fsync.clear()
    spool.append(messages([b"y"] * 50, first=2))
    assert len(no_fsync) == 1
    spool.close()


def test_files_go_when_all_in_them_is_committed(tmp_path, short):
    """A file stays while one of its messages is wanted; what goes gives its room back."""
    room = SpoolRoom()
    spool = Spool(tmp_path, room)
    spool.append(messages([b"x" * 10] * 10))
    for upto in range(11):
        spool.drop(upto)
        assert {one.first_sequence for one in read(tmp_path)} >= set(range(upto + 1, 11))
        assert room.used_bytes == size(tmp_path)
        assert not spool.droppable(upto)
    assert list(tmp_path.iterdir()) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=MESSAGES, data=st.data())
def test_damage_cuts_and_invents_nothing(tmp_path_factory, no_fsync, said, data):
    """Wherever a file is cut or a byte of it changed: what is found is the beginning of it."""
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool(folder, SpoolRoom())
    said = messages(said)
    spool.append(said)
    spool.close()
    (path,) = folder.iterdir()
    whole = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        del whole[at:]
    else:
        whole[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)

    found = read(folder)
    assert found == said[: len(found)]
    ends, end = [], 0
    for one in said:
        end += module._HEAD.size + module._NUMBERS.size + len(one.request)
        ends.append(end)
    assert len(found) == sum(end <= at for end in ends)  # all that is before the damage
    assert read(folder) == found  # what was cut off stays so
    if found:
        assert size(folder) == ends[len(found) - 1]
    else:
        assert list(folder.iterdir()) == []


def test_damage_in_one_file_leaves_the_others(tmp_path, short):
    """What was put on disk later is in other files, and still good."""
    spool = Spool(tmp_path, SpoolRoom())
    said = messages([b"x" * 30] * 6)
    spool.append(said)
    spool.close()
    second = sorted(tmp_path.iterdir())[1]
    second.write_bytes(b"\0" * 100)
    found = read(tmp_path)
    assert found[0] == said[0]
    assert found[-1] == said[-1]
    assert len(found) < len(said)


def test_a_message_that_was_damaged_or_dropped_is_not_read(tmp_path):
    """Who asks for it is told that there is nothing."""
    spool = Spool(tmp_path, SpoolRoom())
    (place,), _ = spool.append(messages([b"abc"]))
    data = bytearray(place.path.read_bytes())
    data[-1] ^= 1
    place.path.write_bytes(data)
    assert spool.read(place) is None
    spool.drop(1)
    assert spool.read(place) is None


def test_a_bound_is_kept_by_all_together(tmp_path):
    """What does not fit is not taken, by none of the spools, until there is room again."""
    room = SpoolRoom(max_bytes=150)
    one, two = Spool(tmp_path / "1", room), Spool(tmp_path / "2", room)
    places, trouble = one.append(messages([b"x" * 26] * 4))  # 50 bytes each
    assert (len(places), type(trouble)) == (3, Full)
    assert "150 of 150 bytes" in str(trouble)
    assert two.append(messages([b"y"]))[0] == []
    one.drop(3)
    places, trouble = two.append(messages([b"y" * 26] * 3))
    assert (len(places), trouble) == (3, None)
    assert room.used_bytes == 150
    one.close()
    two.close()


def test_what_is_found_takes_its_room(tmp_path):
    """Another life of the agent counts what is there already."""
    Spool(tmp_path, SpoolRoom()).append(messages([b"x" * 26] * 4))
    room = SpoolRoom(max_bytes=100)
    spool = Spool(tmp_path, room)
    spool.recover()
    assert room.used_bytes == 200
    assert isinstance(spool.append(messages([b"y"], first=5))[1], Full)
    spool.drop(4)
    assert room.used_bytes == 0


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_takes_half_a_record(tmp_path, monkeypatch, number):
    """What was written before is good, the half is taken back, and it goes on when it can."""
    room = SpoolRoom()
    spool = Spool(tmp_path, room)
    write, left = os.write, [70]

    def full(descriptor, data):
        if not left[0]:
            raise OSError(number, "no")
        some = write(descriptor, bytes(data)[: left[0]])
        left[0] -= some
        return some

    monkeypatch.setattr(os, "write", full)
    places, trouble = spool.append(messages([b"x" * 26] * 3))
    assert (len(places), trouble.errno) == (1, number)
    assert room.used_bytes == size(tmp_path) == 50
    left[0] = 10**6
    places, trouble = spool.append(messages([b"x" * 26] * 2, first=2))
    assert (len(places), trouble) == (2, None)
    spool.close()
    assert [one.first_sequence for one in read(tmp_path)] == [1, 2, 3]


@pytest.mark.parametrize("before", [0, 1])
def test_a_disk_that_does_not_sync(tmp_path, monkeypatch, no_fsync, before):
    """What is not synced has no place, is cut off, and may be put there again."""
    room = SpoolRoom()
    spool = Spool(tmp_path, room)
    spool.append(messages([b"a"] * before))

    def fails(_):
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr(os, "fsync", fails)
    again = messages([b"b", b"c"], first=before + 1)
    places, trouble = spool.append(again)
    assert (places, trouble.errno) == ([], errno.EIO)
    assert room.used_bytes == size(tmp_path)
    monkeypatch.setattr(os, "fsync", no_fsync.append)
    places, trouble = spool.append(again)
    assert (len(places), trouble) == (2, None)
    assert [one.request for one in read(tmp_path)] == [b"a"] * before + [b"b", b"c"]
    spool.drop(before + 1)
    assert [spool.read(place) for place in places] == [b"b", b"c"]
    spool.close()


def test_a_folder_that_cannot_be_made(tmp_path):
    """Nothing is taken, and it is said why."""
    (tmp_path / "file").write_text("")
    room = SpoolRoom()
    spool = Spool(tmp_path / "file" / "spool", room)
    places, trouble = spool.append(messages([b"x"]))
    assert (places, type(trouble), room.used_bytes) == ([], NotADirectoryError, 0)
    assert spool.read(module.Place(Path("/nowhere"), 0, 10)) is None
