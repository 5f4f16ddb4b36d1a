"""The zip that a data set comes in, whoever packed it."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from src.bring.archives import unpack
from src.bring.bring import bring
from src.common.errors import DataError


def pack(path, names, method=zipfile.ZIP_STORED):
    """Packs small files under the very names, also those of Windows."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in names:
            member = zipfile.ZipInfo("x")
            member.filename = name
            member.compress_type = method
            archive.writestr(member, b"text " * 20)
    return path


def patch(path, local, central, value):
    """Writes a byte into the headers of all members, at its places in the local and the central header."""
    content = bytearray(path.read_bytes())
    for sign, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        place = content.find(sign)
        while place >= 0:
            content[place + offset] = value
            place = content.find(sign, place + 4)
    path.write_bytes(content)
    return path


def test_folders_that_a_program_of_windows_packed_are_folders(tmp_path):
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for name, pixels in (("a.jpg", (4, 6, 3)), ("a.png", (4, 6))):
            Image.fromarray(np.ones(pixels, np.uint8)).save(tmp_path / name)
            member = zipfile.ZipInfo("x")
            member.filename = "images\\a.jpg" if name == "a.jpg" else "masks\\a.png"
            packed.writestr(member, (tmp_path / name).read_bytes())
    (row,) = bring(archive, tmp_path / "out").written.train
    assert row.cells["label_path"] == "masks/images/a.png"


def test_a_zip_that_python_cannot_unpack_names_the_member_and_the_way_out(tmp_path):
    protected = patch(pack(tmp_path / "protected.zip", ["d/a.txt"]), 6, 8, 1)
    with pytest.raises(DataError, match=r"protected.zip .* found d/a.txt: it has a password; unpack it by"):
        unpack(protected, tmp_path / "out")
    large = patch(pack(tmp_path / "large.zip", ["a.txt"]), 8, 10, 9)  # Deflate64, as of Windows' Explorer
    with pytest.raises(DataError, match=r"found a.txt: That compression method is not supported; unpack it"):
        unpack(large, tmp_path / "out")
    long = pack(tmp_path / "long.zip", [f"{'n' * 300}.txt"])
    with pytest.raises(DataError, match=r"long.zip must be unpacked first, found nnn.*; unpack it by hand"):
        unpack(long, tmp_path / "out")


def test_packed_bytes_that_changed_are_a_broken_zip(tmp_path):
    broken = pack(tmp_path / "broken.zip", ["a.txt"], zipfile.ZIP_DEFLATED)
    content = bytearray(broken.read_bytes())
    content[35:41] = b"\xff" * 6  # behind the header of 30 bytes and the name
    broken.write_bytes(content)
    with pytest.raises(DataError, match=r"must be a zip, found a broken one .*; download it again"):
        unpack(broken, tmp_path / "out")


@pytest.mark.parametrize("name", ["export.tar.gz", "export.7z", "export.RAR"])
def test_other_archives_are_to_be_unpacked(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DataError, match=r"must be a folder or a zip, found an archive of type .*; unpack it"):
        bring(tmp_path / name, tmp_path / "out")
