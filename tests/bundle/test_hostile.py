"""Whatever bytes somebody sends as a bundle: refused, or files below one folder; never more."""

from __future__ import annotations

import io
import tarfile
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from loadgrpc.bundle import archive, unpack
from loadgrpc.errors import InvalidRequest

parts = st.sampled_from(["a", "b", "..", ".", "", "/", "ü", "c" * 101, "x\udcff", "\n", "a\\b"])
names = st.lists(parts, min_size=1, max_size=4).map("/".join)
kinds = st.sampled_from([*b"\x0001234567xgLKSD"]).map(lambda byte: bytes([byte]))


@st.composite
def members(draw):
    """A member of a tar that may be anything."""
    info = tarfile.TarInfo(draw(names))
    info.type = draw(kinds)
    info.mode = draw(st.integers(0, 0o7777))
    info.linkname = draw(names)
    data = draw(st.binary(max_size=700))
    info.size = draw(st.sampled_from([len(data), 0, 1, 600]))
    if draw(st.booleans()):
        headers = st.sampled_from(["path", "size", "linkpath", "GNU.sparse.major", "hdrcharset"])
        info.pax_headers = draw(st.dictionaries(headers, names | st.just("-1"), max_size=2))
    return info, data


def tar_of(made, form):
    """A tar of members, as far as one can be made."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form, errors="surrogateescape") as tar:
        for info, data in made:
            try:
                header = info.tobuf(form, "utf-8", "surrogateescape")
            except (ValueError, UnicodeError):
                continue
            tar.fileobj.write(header + data + b"\0" * (-len(data) % 512))
    return file.getvalue()


def tried(data):
    """Unpacks a bundle, if it is one; checks that nothing is beside its folder."""
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder) / "deep/inside"
        inside.mkdir(parents=True)
        try:
            found = list(archive.entries(io.BytesIO(data)))
        except InvalidRequest:
            found = None
        try:
            unpack.unpack(io.BytesIO(data), inside)
        except InvalidRequest:
            assert found is None or len(found) != len({each.name for each in found})
        assert [path.name for path in Path(folder).iterdir()] == ["deep"]
        assert [path.name for path in (Path(folder) / "deep").iterdir()] == ["inside"]
        for path in inside.rglob("*"):
            assert not path.is_symlink()
            assert path.is_file() or path.is_dir()
            assert path.stat().st_mode & 0o7000 == 0
        if found is not None:
            for entry in found:
                assert (inside / entry.name).exists()


@given(st.lists(members(), max_size=5), st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))
def test_members_of_any_kind(made, form):
    """Of any type, name, link and header."""
    tried(tar_of(made, form))


@given(
    st.lists(members(), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 255)), max_size=8),
    st.integers(0, 6_000),
)
@example([], [(0, 1)], 6_000)
def test_damaged_bytes(made, changes, length):
    """A tar with bytes changed, and cut off."""
    data = bytearray(tar_of(made, tarfile.PAX_FORMAT)[: length or None])
    for at, byte in changes:
        if at < len(data):
            data[at] = byte
    tried(bytes(data))


@given(st.binary(max_size=2_000))
def test_any_bytes(data):
    """Bytes that are no tar at all."""
    tried(data)


def test_headers_that_never_end():
    """A chain of headers before a file, or of pieces of a sparse one, is not followed."""
    long = tarfile.TarInfo("x")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 1
    chain = (long.tobuf(tarfile.GNU_FORMAT) + b"a" + b"\0" * 511) * 5_000
    sparse = tarfile.TarInfo("x")
    sparse.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    header[482] = 1  # more of it follows
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    more = (b"00000000001\0" * 42 + b"\1" + b"\0" * 7) * 20_000

    for data in (chain, bytes(header) + more):
        try:
            list(archive.entries(io.BytesIO(data)))
        except InvalidRequest as error:
            assert "too long" in str(error)  # noqa: PT017 - it is raised, or the next line fails
        else:
            raise AssertionError("it was read")
