"""A bundle contains files and folders below one folder, and nothing else gets out of it."""

from __future__ import annotations

import io
import tarfile

import pytest

from loadgrpc.bundle import archive, unpack
from loadgrpc.bundle.pack import pack
from loadgrpc.errors import InvalidRequest


def tar_of(*members, tail=b""):
    """A tar of members: a name, or a TarInfo, each with its bytes."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member, data in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    file.write(tail)
    return file


def of_type(name, kind, **fields):
    """A member of another type."""
    info = tarfile.TarInfo(name)
    info.type = kind
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def test_what_is_packed_is_unpacked(tmp_path):
    """Content, modes, folders and long names come out as they went in."""
    there = tmp_path / "there"
    (there / "a").mkdir(parents=True, mode=0o750)
    long = "ü" * 100
    for name, mode in (("a/run.sh", 0o755), ("a/key", 0o600), (long, 0o644)):
        (there / name).write_text(name)
        (there / name).chmod(mode)
    names = ("a", "a/run.sh", "a/key", long)
    here = tmp_path / "here"
    here.mkdir()

    with pack({name: there / name for name in names}) as bundle:
        unpack.unpack(bundle.file, here)

    found = sorted(path.relative_to(here).as_posix() for path in here.rglob("*"))
    assert found == sorted(names)
    for name in names:
        assert (here / name).stat().st_mode == (there / name).stat().st_mode
        assert (here / name).is_dir() or (here / name).read_text() == name


HOSTILE = {
    "absolute path": [("/etc/passwd", b"")],
    "leaves its folder by": [("a/../../b", b"")],
    "which leaves its folder": [("..", b"")],
    "plain relative path": [("a//b", b"")],
    "is not UTF-8": [("a\udcff", b"")],
    "1,024 bytes": [("/".join(["x" * 200] * 6), b"")],
    "255 bytes": [("x" * 256, b"")],
    "64 folders deep": [("/".join("x" * 65), b"")],
    "symbolic link": [(of_type("a", tarfile.SYMTYPE, linkname="/etc"), b"")],
    "hard link": [("b", b"x"), (of_type("a", tarfile.LNKTYPE, linkname="b"), b"")],
    "a device": [(of_type("a", tarfile.CHRTYPE), b"")],
    "a pipe": [(of_type("a", tarfile.FIFOTYPE), b"")],
    "unknown type": [(of_type("a", b"7"), b"")],
    "special mode 4755": [(of_type("a", tarfile.REGTYPE, mode=0o4755), b"")],
    "'a' twice": [("a", b"1"), ("a", b"2")],
    "'a/b' below a file": [("a", b"1"), ("a/b", b"2")],
    "'a' twice ": [("a/b", b"2"), ("a", b"1")],
    "20,000 files": [(f"{at}", b"") for at in range(20_001)],
    "a header that is too long": [
        (of_type("a", tarfile.REGTYPE, pax_headers={"comment": "x" * 70_000}), b"")
    ],
}
"""What is said about a bundle, and its members."""


@pytest.mark.parametrize("said", HOSTILE)
def test_what_is_hostile_is_refused_by_name(said, tmp_path):
    """Nobody who packs, keeps or unpacks a bundle takes it, and nothing of it is outside."""
    inside = tmp_path / "inside"
    inside.mkdir()
    file = tar_of(*HOSTILE[said])

    with pytest.raises(InvalidRequest, match=said.strip()):
        list(archive.entries(file))
    with pytest.raises(InvalidRequest, match=said.strip()):
        unpack.unpack(file, inside)
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


def test_what_is_damaged_is_refused():
    """Behind a damaged header would be files that nobody gets; a tar that is cut off, too."""
    file = tar_of(("a", b"x" * 600), ("b", b"y"))
    whole = file.getvalue()
    damaged = bytearray(whole)
    damaged[1536] ^= 255

    assert [entry.name for entry in archive.entries(io.BytesIO(whole))] == ["a", "b"]
    for bad, said in (
        (bytes(damaged), "from byte 1,536 on"),
        (whole[:1000], "cut off within 'a'"),
        (whole[:2560], "cut off: a tar ends in zeros"),
        (whole + b"x", "from byte"),
        (b"", "cannot be read"),
        (b"no tar at all" * 100, "cannot be read"),
    ):
        with pytest.raises(InvalidRequest, match=said):
            list(archive.entries(io.BytesIO(bad)))


def test_links_that_are_there_lead_nowhere(tmp_path):
    """A link that a test has left in the folder is replaced, or in the way; never followed."""
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "file").write_text("mine")
    (inside / "a").symlink_to(outside)
    (inside / "f").symlink_to(outside / "file")

    with pytest.raises(InvalidRequest, match="'a/file' cannot be unpacked"):
        unpack.unpack(tar_of(("a/file", b"x")), inside)
    unpack.unpack(tar_of(("f", b"x")), inside)

    assert (outside / "file").read_text() == "mine"
    assert (inside / "f").read_text() == "x"
    assert not (inside / "f").is_symlink()
