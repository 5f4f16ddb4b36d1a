"""Photos and depth maps as cameras, phones and broken downloads leave them: read right, or refused."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from src.common.errors import DataError
from src.data import depth_files, image_files, mask_files
from src.data.doctor import examine
from src.data.orientation import read_exif, read_xmp

SHAPE = (48, 64)
XMP = '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"/>'


def draw_quarters():
    """A photo whose quarters differ, so that each way of turning it is told apart."""
    photo = np.zeros((*SHAPE, 3), np.uint8)
    photo[:24, :32], photo[:24, 32:], photo[24:, :32] = (200, 0, 0), (0, 200, 0), (0, 0, 200)
    return photo


def turn_by_hand(photo, orientation):
    """What EXIF means: 0th row and column of the file are seen at ... (its table 4.6.4)."""
    return {
        1: photo,
        2: photo[:, ::-1],  # top, right
        3: photo[::-1, ::-1],  # bottom, right
        4: photo[::-1],  # bottom, left
        5: photo.transpose(1, 0, 2),  # left, top
        6: photo.transpose(1, 0, 2)[:, ::-1],  # right, top
        7: photo.transpose(1, 0, 2)[::-1, ::-1],  # right, bottom
        8: photo.transpose(1, 0, 2)[::-1],  # left, bottom
    }[orientation]


def exif(orientation, order=">"):
    head = b"MM" if order == ">" else b"II"
    return head + struct.pack(f"{order}HIHHHIHHI", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def jpeg(photo=None, **how):
    with io.BytesIO() as file:
        Image.fromarray(draw_quarters() if photo is None else photo).save(file, "JPEG", quality=95, **how)
        return file.getvalue()


def jpeg_with(*parts):
    """A JPEG with some APP1 segments."""
    content = jpeg()
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part for part in parts)
    return content[:2] + segments + content[2:]


def png(**how):
    with io.BytesIO() as file:
        Image.fromarray(draw_quarters()).save(file, "PNG", **how)
        return file.getvalue()


def png_with(key, text, compressed=False, international=False):
    info = PngInfo()
    if international:
        info.add_itxt(key, text, zip=compressed)
    else:
        info.add_text(key, text, zip=compressed)
    return png(pnginfo=info)


def segment_of_exif(orientation, order=">"):
    return b"Exif\0\0" + exif(orientation, order)


def segment_of_xmp(orientation):
    return b"http://ns.adobe.com/xap/1.0/\0" + (XMP % orientation).encode()


def profile(orientation):
    data = b"Exif\0\0" + exif(orientation)
    return f"\nexif\n{len(data):8d}\n{data.hex()}\n"


def behind_pixels(chunk, content):
    """Puts a chunk behind a PNG's pixels."""
    return content[:-12] + chunk + content[-12:]


def exif_chunk(orientation):
    body = b"eXIf" + exif(orientation)
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


ORIENTATIONS = {  # where orientations are stored: the file, and the orientation that counts
    **{f"EXIF {number}": (jpeg_with(segment_of_exif(number)), number) for number in range(1, 9)},
    "EXIF, little-endian": (jpeg_with(segment_of_exif(6, "<")), 6),
    "EXIF of no known number": (jpeg_with(segment_of_exif(9)), 1),
    "XMP": (jpeg_with(segment_of_xmp(6)), 6),
    "XMP, then EXIF": (jpeg_with(segment_of_xmp(1), segment_of_exif(8)), 8),
    "EXIF, then XMP": (jpeg_with(segment_of_exif(8), segment_of_xmp(1)), 8),
    "EXIF without one, then XMP": (jpeg_with(segment_of_exif(0), segment_of_xmp(6)), 6),
    "PNG, eXIf": (png(exif=exif(6)), 6),
    "PNG, eXIf behind the pixels": (behind_pixels(exif_chunk(6), png()), 6),
    "PNG, XMP": (png_with("XML:com.adobe.xmp", XMP % 8, international=True), 8),
    "PNG, packed XMP": (png_with("XML:com.adobe.xmp", XMP % 8, compressed=True, international=True), 8),
    "PNG, raw profile": (png_with("Raw profile type exif", profile(6)), 6),
    "PNG, packed raw profile": (png_with("Raw profile type exif", profile(6), compressed=True), 6),
    "PNG, raw profile APP1": (png_with("Raw profile type APP1", profile(5)), 5),
    "PNG, a large text": (png_with("history", "a" * 3_000_000, compressed=True), 1),
}


@pytest.mark.parametrize("kind", ORIENTATIONS)
def test_size_and_pixels_are_turned_alike(tmp_path, kind):
    content, orientation = ORIENTATIONS[kind]
    path = tmp_path / "photo.jpg"  # whatever the format: its name counts nothing
    path.write_bytes(content)
    expected = turn_by_hand(draw_quarters(), orientation)
    assert image_files.read_size(str(path)) == expected.shape[:2]
    photo = image_files.load_photo(str(path), expected.shape[:2]).astype(int)
    assert np.abs(photo - expected).mean() < 3
    small = image_files.load_photo(str(path), (expected.shape[0] // 4, expected.shape[1] // 4)).astype(int)
    assert np.abs(small - expected[2::4, 2::4]).mean() < 6


def test_a_mask_of_the_unturned_pixels_is_explained(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg_with(segment_of_exif(6)))
    assert "turned by its EXIF or XMP" in image_files.explain_size(str(tmp_path / "a.jpg"), SHAPE)
    assert "at the photo's size" in image_files.explain_size(str(tmp_path / "a.jpg"), (9, 9))


def draw_noise():
    rng = np.random.default_rng(0)
    return cv2.resize(
        rng.integers(0, 256, (40, 60, 3), np.uint8), (480, 320), interpolation=cv2.INTER_NEAREST
    )


PLAIN = jpeg(draw_noise())
PROGRESSIVE = jpeg(draw_noise(), progressive=True)
HALF = len(PLAIN) // 2
PREVIEW = b"Exif\0\0" + exif(1) + jpeg(np.full((120, 160, 3), 90, np.uint8))
WITH_PREVIEW = PLAIN[:2] + b"\xff\xe1" + struct.pack(">H", len(PREVIEW) + 2) + PREVIEW + PLAIN[2:]
BROKEN = {
    "cut": PLAIN[:HALF],
    "cut, with a preview": WITH_PREVIEW[: HALF + len(PREVIEW)],
    "cut within the preview": WITH_PREVIEW[: len(PREVIEW) // 2],
    "cut, progressive": PROGRESSIVE[: len(PROGRESSIVE) * 6 // 10],
    "cut, with an end mark": PLAIN[:HALF] + b"\xff\xd9",
    "cut, progressive, with an end mark": PROGRESSIVE[: len(PROGRESSIVE) * 6 // 10] + b"\xff\xd9",
    "rest is zeros": PLAIN[:HALF] + bytes(len(PLAIN) - HALF),
    "a hole of zeros": PLAIN[: HALF // 2] + bytes(HALF) + PLAIN[HALF // 2 + HALF :],
    "a piece is missing": PLAIN[:HALF] + PLAIN[HALF + 2000 :],
    "nothing but zeros": bytes(5000),
    "a mark alone": b"\xff\xd8\xff\xd9",
    "12 bits": PLAIN.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"),
    "PNG, cut": png()[: len(png()) // 2],
    "PNG, without its end": png()[:-12],
    "PNG, rest is zeros": png()[:60] + bytes(len(png()) - 60),
}
WHOLE = {
    "plain": PLAIN,
    "progressive": PROGRESSIVE,
    "preview": WITH_PREVIEW,
    "text behind its end": PLAIN + b"\n<!-- proxy -->",
    "film behind its end": PLAIN + b"film \xff\xda film",
    "another photo behind its end": PLAIN + jpeg(),
    "a few bytes before its end": PLAIN[:-2] + bytes(3) + PLAIN[-2:],
}


@pytest.mark.parametrize("kind", BROKEN)
def test_photo_that_lost_pixels_is_refused_without_noise(tmp_path, capfd, kind):
    path = tmp_path / "photo.jpg"
    path.write_bytes(BROKEN[kind])
    for size in ((320, 480), (40, 60)):
        with pytest.raises(DataError, match=r"photo\.jpg must be a whole JPEG or PNG image"):
            image_files.load_photo(str(path), size)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", WHOLE)
def test_photo_that_lost_nothing_is_read(tmp_path, capfd, kind):
    (tmp_path / "photo.jpg").write_bytes(WHOLE[kind])
    photo = image_files.load_photo(str(tmp_path / "photo.jpg"), (320, 480)).astype(int)
    assert np.abs(photo - draw_noise()).mean() < 12
    assert capfd.readouterr() == ("", "")


OTHERS = {
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400),
    "AVIF": b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf" + bytes(400),
    "JPEG XL": b"\xff\x0a" + bytes(400),
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(400),
}
for kind in ("BMP", "WebP", "TIFF", "GIF"):
    with io.BytesIO() as file:
        Image.fromarray(draw_quarters()).save(file, kind)
        OTHERS[kind] = file.getvalue()


@pytest.mark.parametrize("ending", ["jpg", "png", "heic"])
@pytest.mark.parametrize("kind", OTHERS)
def test_another_format_is_named_for_what_it_is(tmp_path, kind, ending):
    path = str(tmp_path / f"photo.{ending}")
    (tmp_path / f"photo.{ending}").write_bytes(OTHERS[kind])
    for read, remedy in (
        (lambda: image_files.read_size(path), "save it again as JPEG or PNG"),
        (lambda: image_files.load_photo(path, (32, 32)), "save it again as JPEG or PNG"),
        (lambda: mask_files.read_ids(path), "save it again as PNG"),
        (lambda: depth_files.load_steps(path), "save it again as PNG"),
    ):
        with pytest.raises(DataError, match=rf"photo\.{ending} .*found {kind}, another format; {remedy}"):
            read()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!doctype html><html>not found</html>", r"found HTML, .* download the image again, this is a web"),
        (b"\n\n  <HTML>\n<head>", r"found HTML, .* download the image again"),
        (b'{"error": {"code": 429}}', r"found JSON, .* download the image again, this is a text"),
        (bytes(5000), r"found zeros at its start, as after a loss of power; copy, download or export"),
        (png().replace(b"\r\n", b"\n"), r"found PNG with changed line ends, .* as binary and not as text"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><Error>', r"found XML, .* download the image again"),
        (b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(99), r"found AppleDouble, .* drop it, it is no image"),
    ],
)
def test_what_no_saving_makes_an_image_gets_its_own_remedy(tmp_path, content, words):
    (tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(DataError, match=rf"photo\.jpg must be a whole JPEG or PNG image, {words}"):
        image_files.read_size(str(tmp_path / "photo.jpg"))


ODD = {
    "bytes before a marker": lambda content: content.replace(b"\xff\xda", bytes(12) + b"\xff\xda", 1),
    "a byte more, as of webcams": lambda content: content.replace(b"\xff\xdb", b"\0\xff\xdb", 1),
    "an unknown revision": lambda content: content.replace(b"JFIF\0\x01", b"JFIF\0\x05", 1),
}


@pytest.mark.parametrize(
    "kind", ["cut, with an end mark", "rest is zeros", "a hole of zeros", "a piece is missing"]
)
@pytest.mark.parametrize("odd", ODD)
def test_what_is_odd_in_a_jpeg_does_not_hide_that_it_lost_pixels(tmp_path, capfd, odd, kind):
    path = tmp_path / "photo.jpg"
    path.write_bytes(ODD[odd](BROKEN[kind]))
    with pytest.raises(
        DataError, match=r"photo\.jpg must be a whole JPEG or PNG image, .* cut short or broken"
    ):
        image_files.load_photo(str(path), (320, 480))
    assert capfd.readouterr() == ("", "")


def test_a_jpeg_with_changed_line_ends_is_refused(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(PLAIN.replace(b"\n", b"\r\n"))
    with pytest.raises(DataError, match=r"photo\.jpg must be a whole JPEG or PNG image"):
        image_files.load_photo(str(tmp_path / "photo.jpg"), (320, 480))


@pytest.mark.parametrize("change", ODD.values())
def test_what_is_odd_in_a_jpeg_does_not_hide_that_it_is_cut_short(tmp_path, change):
    path = tmp_path / "photo.jpg"
    content = change(jpeg())
    path.write_bytes(content)
    whole = image_files.load_photo(str(path), (32, 48)).astype(int)
    path.write_bytes(jpeg())
    assert np.abs(whole - image_files.load_photo(str(path), (32, 48))).max() <= 2
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(DataError, match="cut short"):
        image_files.load_photo(str(path), (32, 48))


def test_a_mask_saved_as_jpeg_is_to_be_exported_and_not_saved_again(tmp_path):
    (tmp_path / "mask.png").write_bytes(jpeg())
    with pytest.raises(
        DataError, match=r"mask\.png .*found JPEG, .*from where it was made.* changes the values"
    ):
        mask_files.read_ids(str(tmp_path / "mask.png"))


def test_a_photo_of_108_megapixels_is_to_be_made_smaller(tmp_path):
    content = jpeg().replace(struct.pack(">HH", *SHAPE), struct.pack(">HH", 9000, 12000), 1)
    (tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(
        DataError, match=r"photo\.jpg must have at most .* found 108,000,000 pixels; make the"
    ):
        image_files.read_size(str(tmp_path / "photo.jpg"))


def test_a_file_that_git_annex_has_not_fetched_names_the_command(tmp_path):
    (tmp_path / "photo.jpg").write_text("/annex/objects/SHA256E-s9--00.jpg\n")
    with pytest.raises(DataError, match=r"photo\.jpg must be an image, found a git-annex .* git annex get"):
        image_files.read_size(str(tmp_path / "photo.jpg"))


def test_a_header_that_pillow_does_not_know_is_said_without_an_address(tmp_path):
    content = png()
    head = b"IHDR" + content[16:27] + b"\x40" + content[28:29]  # there is one kind of filters, 0
    path = tmp_path / "photo.png"
    path.write_bytes(content[:12] + head + struct.pack(">I", zlib.crc32(head)) + content[33:])
    with pytest.raises(DataError, match=r"photo\.png .* found one that is broken, its header is wrong; exp"):
        image_files.load_photo(str(path), SHAPE)


def test_a_file_that_git_lfs_has_not_fetched_names_the_command(tmp_path):
    path = tmp_path / "photo.png"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    for read in (image_files.read_size, mask_files.read_ids, depth_files.load_steps):
        with pytest.raises(DataError, match=r"photo\.png must be an image, .* git lfs pull"):
            read(str(path))


def deep_png(folder, values, name="deep.png"):
    cv2.imwrite(str(folder / name), values)
    return str(folder / name)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [10, 12])
def test_a_photo_that_uses_few_of_16_bits_is_refused(tmp_path, bits, channels):
    values = np.full((8, 8, channels), 2**bits - 1, np.uint16)
    with pytest.raises(DataError, match=rf"deep\.png must use its 16 bits, found at most {2**bits - 1} of"):
        image_files.load_photo(deep_png(tmp_path, values), (8, 8))


def test_a_photo_that_uses_its_16_bits_is_read_in_its_colours(tmp_path):
    values = np.zeros((8, 8, 3), np.uint16)
    values[..., 2] = 200 * 256 + 77  # red, for OpenCV writes BGR
    assert image_files.load_photo(deep_png(tmp_path, values), (8, 8))[4, 4].tolist() == [200, 0, 0]
    grey = values[..., 2]
    assert image_files.load_photo(deep_png(tmp_path, grey), (8, 8))[4, 4].tolist() == [200] * 3


def test_a_photo_of_14_bits_is_warned_of(train_folder):
    (train_folder / "frame_003.jpg").unlink()
    deep_png(train_folder, np.full((64, 96), 2**14 - 1, np.uint16), "frame_003.png")
    table = train_folder / "data.csv"
    table.write_text(table.read_text().replace("frame_003.jpg", "frame_003.png"))
    warnings = [problem.text for problem in examine(train_folder).problems if problem.level == "warning"]
    assert any("row 5: frame_003.png holds at most 16,383 of 65,535" in text for text in warnings)


def test_depth_that_asks_to_be_turned_is_refused(tmp_path):
    deep_png(tmp_path, np.full((8, 12), 700, np.uint16))
    content = (tmp_path / "deep.png").read_bytes()
    (tmp_path / "deep.png").write_bytes(behind_pixels(exif_chunk(6), content))
    with pytest.raises(
        DataError, match=r"deep\.png must be stored upright like its photo.*export the depth without"
    ):
        depth_files.load_steps(str(tmp_path / "deep.png"))


def test_depth_of_an_unturned_photo_is_an_error(train_folder):
    photo = Image.open(train_folder / "frame_003.jpg")
    Image.fromarray(np.rot90(np.asarray(photo)).copy()).save(
        train_folder / "frame_003.jpg", exif=b"Exif\0\0" + exif(6)
    )
    deep_png(train_folder, np.full((96, 64), 700, np.uint16), "d.png")
    table = train_folder / "data.csv"
    lines = table.read_text().splitlines()
    lines = [line + (",d.png" if "frame_003" in line else ",") for line in lines]
    table.write_text("\n".join([lines[0] + "depth_path", *lines[1:]]) + "\n")
    errors = [problem.text for problem in examine(train_folder).problems if problem.level == "error"]
    assert any(
        "row 5" in text and "d.png must have its photo's height and width" in text for text in errors
    ), errors


def test_ids_are_listed_shortly():
    assert mask_files.shorten([1, 2, 3]) == "[1, 2, 3]"
    assert mask_files.shorten(list(range(3, 33))) == "[3, 4, 5, 6, 7, 8, 9 ... 32] (30 of them)"


def test_texts_that_tell_no_orientation_are_no_fault():
    for data in (b"", b"MM\0*", exif(6)[:14], b"Exif\0\0II*\0\xff\xff\xff\xff", b"junk" * 9):
        assert read_exif(data) == 0
    assert read_xmp(b"<tiff:Orientation>3</tiff:Orientation>") == 3
    assert read_xmp(b"tiff:Orientation='8'") == 8
