"""Headers: sizes and orientations of every format and variant, broken claims, and no endless loop."""

import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from model.contract.image import ImageError, ImageHeader, read_header

Encoder = Callable[..., bytes]

SIGNATURES = (
    b"\xff\xd8",
    b"\xff\xd8\xff\xe1\0\x20Exif\0\0II*\0",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"BM",
    b"GIF89a",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
    b"RIFF\x10\0\0\0WEBPVP8X",
    b"RIFF\x10\0\0\0WEBPVP8 ",
    b"\0\0\0\x14ftypavif\0\0\0\0mif1\0\0\0\x40meta",
)


def exif_block(orientation: int, order: str = "<", kind: int = 3) -> bytes:
    mark = b"II" if order == "<" else b"MM"
    number = struct.pack(order + {1: "B3x", 3: "H2x", 4: "I"}[kind], orientation)
    return mark + struct.pack(order + "HIHHHI", 42, 8, 1, 274, kind, 1) + number + b"\0\0\0\0"


def jpeg(*segments: tuple[int, bytes], size: tuple[int, int] = (96, 64), frame: int = 0xC0) -> bytes:
    parts = [*segments, (frame, struct.pack(">BHHB", 8, size[1], size[0], 3) + b"\0" * 9), (0xDA, b"\0" * 10)]
    return b"\xff\xd8" + b"".join(bytes([0xFF, m]) + struct.pack(">H", len(c) + 2) + c for m, c in parts)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 96, 64, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def profile_text(block: bytes, name: bytes = b"exif") -> bytes:
    return b"\n" + name + b"\n" + str(len(block)).encode() + b"\n" + block.hex().encode()


def reason_of(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        read_header(data)
    return caught.value.reason


def test_every_format_tells_its_size(samples: dict[str, bytes]) -> None:
    for name, data in samples.items():
        header = read_header(data)
        assert header.format == name.split()[0]
        assert (header.width, header.height) == (96, 64), name


def test_sizes_of_photographs_agree_with_pillow(photographs: dict[str, bytes]) -> None:
    for name, data in photographs.items():
        if name.endswith(".HEIC"):
            continue
        header = read_header(data)
        assert header.width > 0, name
        assert 1 <= header.orientation <= 8, name
    assert read_header(photographs["recurser__Portrait_5.jpg"]) == ImageHeader("jpeg", 1800, 1200, 5)
    assert read_header(photographs["pillow__Tests_images_exif_imagemagick_orientation.png"]).orientation == 3
    assert read_header(photographs["pillow__Tests_images_hopper_orientation_6.webp"]).orientation == 6


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [1, 3, 4])
def test_jpeg_exif_of_both_byte_orders(orientation: int, order: str, kind: int) -> None:
    data = jpeg((0xE0, b"JFIF\0"), (0xE1, b"Exif\0\0" + exif_block(orientation, order, kind)))
    header = read_header(data)
    assert header == ImageHeader("jpeg", 96, 64, orientation)
    assert header.upright_size == ((64, 96) if orientation >= 5 else (96, 64))


@pytest.mark.parametrize(
    "block", [b"", b"II", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", exif_block(0), exif_block(9), b"x" * 50]
)
def test_broken_exif_counts_as_upright(block: bytes) -> None:
    assert read_header(jpeg((0xE1, b"Exif\0\0" + block))).orientation == 1
    assert read_header(png(chunk(b"eXIf", block))).orientation == 1


def test_xmp_before_exif_is_passed_over() -> None:
    segments = ((0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"), (0xE1, b"Exif\0\0" + exif_block(8)))
    assert read_header(jpeg(*segments)).orientation == 8


@pytest.mark.parametrize("frame", [0xC0, 0xC1, 0xC2, 0xC9])
def test_jpeg_frames_of_all_kinds(frame: int) -> None:
    tables = (0xC4, b"\0" * 20)  # a Huffman table has a marker among the frames' but is none
    assert read_header(jpeg(tables, frame=frame)).width == 96


def test_jpeg_fill_bytes_and_stray_bytes_are_passed_over() -> None:
    data = jpeg()
    assert read_header(data[:2] + b"\xff\xff\xff" + data[2:]).width == 96
    assert read_header(data[:2] + b"stray" + data[2:]).width == 96


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xe0\0\x01",
        b"\xff\xd8" + b"\xff" * 5000,
        b"\xff\xd8" + b"\xff\xe0\0\x02" * 100_000,
        jpeg(size=(0, 64)),
        jpeg(size=(96, 0)),
        jpeg()[:15],
        jpeg((0xDA, b"\0" * 10)),
    ],
)
def test_broken_jpegs_are_corrupt(data: bytes) -> None:
    assert reason_of(data) == "corrupt"


@pytest.mark.parametrize("name", [b"exif", b"APP1"])
@pytest.mark.parametrize("with_mark", [True, False])
def test_png_text_profiles(name: bytes, with_mark: bool) -> None:
    block = (b"Exif\0\0" if with_mark else b"") + exif_block(6, ">")
    key, text = b"Raw profile type " + name + b"\0", profile_text(block, name)
    packed = zlib.compress(text)
    for kind, content in (
        (b"tEXt", text),
        (b"zTXt", b"\0" + packed),
        (b"iTXt", b"\0\0en\0exif\0" + text),
        (b"iTXt", b"\x01\0en\0exif\0" + packed),
    ):
        data = png(chunk(b"IDAT", b"\0" * 10), chunk(kind, key + content))
        assert read_header(data).orientation == 6, (kind, content[:1])


def test_png_exif_wins_whichever_writer(encode_image: Encoder) -> None:
    assert read_header(png(chunk(b"eXIf", exif_block(7)))).orientation == 7
    info = PngInfo()
    info.add_text("Comment", "nothing about orientation")
    assert read_header(encode_image("PNG", Image.new("RGB", (3, 5)), pnginfo=info)) == ImageHeader("png", 3, 5, 1)


def test_png_text_is_unpacked_to_a_bound_only() -> None:
    bomb = zlib.compress(b"\n" * (30 << 20), 9)
    data = png(chunk(b"zTXt", b"Raw profile type exif\0\0" + bomb))
    assert read_header(data).orientation == 1


@pytest.mark.parametrize(
    "data",
    [
        png()[:20],
        png()[:40],
        png(chunk(b"IDAT", b"\0" * 100))[:-30],
        png().replace(b"IHDR", b"IHDX"),
        png().replace(struct.pack(">I", 96), b"\xff\xff\xff\xff", 1),
        png().replace(struct.pack(">I", 96), b"\0\0\0\0", 1),
        png(*[chunk(b"tEXt", b"")] * 70_000),
    ],
)
def test_broken_pngs_are_corrupt(data: bytes) -> None:
    assert reason_of(data) == "corrupt"


def test_webp_extended_sizes_and_prefixed_exif() -> None:
    size = (5000 - 1).to_bytes(3, "little") + (16384 - 1).to_bytes(3, "little")
    exif = b"Exif\0\0" + exif_block(3)
    chunks = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + size + b"EXIF" + struct.pack("<I", len(exif)) + exif
    data = b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks
    assert read_header(data) == ImageHeader("webp", 5000, 16384, 3)
    assert reason_of(data[:-1]) == "corrupt"


def test_bmp_variants() -> None:
    core = b"BM" + b"\0" * 12 + struct.pack("<IHH", 12, 300, 200) + b"\0" * 8
    assert read_header(core) == ImageHeader("bmp", 300, 200, 1)
    top_down = b"BM" + b"\0" * 12 + struct.pack("<Iii", 40, 300, -200) + b"\0" * 28
    assert read_header(top_down) == ImageHeader("bmp", 300, 200, 1)
    for broken in (core[:20], top_down[:22], b"BM" + b"\0" * 12 + struct.pack("<Iii", 40, -300, 200)):
        assert reason_of(broken) == "corrupt"


def tiff(order: str, entries: list[tuple[int, int, int]]) -> bytes:
    """A directory alone: (tag, type, number)."""
    codes = {3: "H2x", 4: "I"}
    body = b"".join(struct.pack(order + "HHI" + codes[kind], tag, kind, 1, n) for tag, kind, n in entries)
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(order + "HIH", 42, 8, len(entries)) + body + b"\0" * 4


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])
def test_tiff_of_both_byte_orders(order: str, kind: int) -> None:
    entries = [(256, kind, 96), (257, kind, 64), (274, 3, 6)]
    assert read_header(tiff(order, entries)) == ImageHeader("tiff", 96, 64, 6)
    assert read_header(tiff(order, [*entries, (256, kind, 9999)])).width == 96  # as libtiff: the first counts


def test_tiff_with_giant_tiles_is_corrupt() -> None:
    size = [(256, 3, 96), (257, 3, 64)]
    assert read_header(tiff("<", [*size, (322, 3, 256), (323, 3, 256)])).width == 96
    assert reason_of(tiff("<", [*size, (322, 4, 1 << 20), (323, 4, 1 << 20)])) == "corrupt"


def test_broken_tiffs_are_corrupt() -> None:
    whole = tiff("<", [(256, 3, 96), (257, 3, 64)])
    for broken in (whole[:9], whole[:20], tiff("<", [(256, 3, 96)]), tiff("<", [(256, 3, 96), (257, 3, 0)])):
        assert reason_of(broken) == "corrupt"


def test_avif_is_known_by_any_of_its_brands(samples: dict[str, bytes]) -> None:
    data = samples["avif"]
    renamed = data[:8] + b"mif1" + data[12:]
    assert read_header(renamed).format == "avif"
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + data[data.index(b"meta") - 4 :]
    assert reason_of(heic) == "unsupported"
    with pytest.raises(ImageError, match="HEIC"):
        read_header(heic)


@given(st.sampled_from(SIGNATURES), st.binary(max_size=300))
def test_no_bytes_after_a_signature_raise_anything_else(signature: bytes, rest: bytes) -> None:
    try:
        header = read_header(signature + rest)
    except ImageError:
        return
    assert header.width > 0
    assert header.height > 0
