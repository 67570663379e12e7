#!/usr/bin/env python3
"""Makes the HEIC, AVIF, JPEG XL, JPEG 2000 and FITS files of testkit/samples in the current folder; see
scripts/make-samples.

Needs: pip install pillow-heif==1.8.1 pillow==13.0.0 numpy astropy==8.0.2 (libheif 1.23.6 with x265 4.3), and
apt-get install libavif-bin libjxl-tools libopenjp2-tools (libavif 0.11.1 with aom 3.6.0, libjxl 0.7.0, OpenJPEG 2.5.0)
"""

import subprocess
import tempfile

import numpy as np
import pillow_heif
from PIL import Image
from astropy.io import fits

# The pictures of testkit/src/pictures.rs.
y, x = np.mgrid[0:16, 0:24]
corner = (x >= 13) & (y >= 6)
sample = np.where(corner[..., None], (250, 240, 30), np.stack([x // 2 * 20, y * 15, 0 * x + 120], -1)).astype(np.uint8)
clear = np.dstack([sample, np.where(corner, 0, 255).astype(np.uint8)])
y, x = np.mgrid[0:32, 0:48]
white = (x < 12) & (y < 20)
lopsided = np.where(white[..., None], 255, np.stack([x * 4, y * 6, 0 * x + 20], -1)).astype(np.uint8)
alpha = np.zeros((32, 16, 4), np.uint8)
alpha[...] = (255, 220, 0, 0)
alpha[..., 3] = (np.arange(32) * 255 // 31)[:, None]
dot = np.array([[[200, 100, 50]]], np.uint8)
y, x = np.mgrid[0:64, 0:64]
tile = np.stack([x * 4, y * 4, x + y], -1).astype(np.uint8)
y, x = np.mgrid[0:2048, 0:2048]
large = np.stack([x // 8, y // 8, (x + y) // 16], -1).astype(np.uint8)


def heic(name, picture, mode, **options):
    height, width = picture.shape[:2]
    file = pillow_heif.from_bytes(mode, (width, height), picture.tobytes())
    file.save(f"libheif-{name}.heic", **{"quality": 90, "chroma": 444, **options})


heic("lopsided", lopsided, "RGB")
heic("alpha", alpha, "RGBA")
heic("dot", dot, "RGB")
for chroma in (420, 422, 444):
    heic(f"{chroma}", sample, "RGB", chroma=chroma)
heic("grey", sample[..., 1].copy(), "L")
heic("clear", clear, "RGBA")
heic("lossless", sample, "RGB", quality=-1, matrix_coefficients=0)
heic("tile", tile, "RGB", quality=80, chroma=420)
heic("large", large, "RGB", quality=20, chroma=420)
for bits in (10, 12):
    pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
    heic(f"{bits}-bits", sample.astype(np.uint16) * 257, "RGB;16")


def jp2(name, planes, *options, bits=8, steps=None):
    """Codes planes of samples with OpenJPEG. `steps`: pixels per sample of each plane."""
    steps = steps or ["1x1"] * len(planes)
    height, width = planes[0].shape
    sign = "s" if planes[0].dtype.kind == "i" else "u"
    with tempfile.NamedTemporaryFile(suffix=".rawl") as raw:
        for plane in planes:
            raw.write(plane.astype("u1" if bits <= 8 else "<u2").tobytes())
        raw.flush()
        form = f"{width},{height},{len(planes)},{bits},{sign}@{':'.join(steps)}"
        command = ["opj_compress", "-i", raw.name, "-F", form, "-o", f"openjpeg-{name}"]
        command += ["-n", "3", *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def planes(picture):
    return list(np.moveaxis(picture, -1, 0))


y, x = np.mgrid[0:120, 0:200]
waves = (32768 + 20000 * np.sin(x / 20) + 8000 * np.sin(y / 11)).astype(np.uint16)
luma, low = np.mgrid[0:32, 0:48].astype(np.uint8)[1] * 5, np.mgrid[0:16, 0:24].astype(np.uint8)
jp2("lopsided.jp2", planes(lopsided))
jp2("alpha.j2k", planes(alpha))
jp2("dot.jp2", planes(dot), "-n", "1")
jp2("lossless.jp2", planes(sample), "-p", "RPCL", "-c", "[32,32]", "-SOP", "-EPH", "-b", "16,16")
jp2("lossy.jp2", planes(sample), "-I", "-q", "46", "-p", "CPRL")
jp2("layers.j2k", planes(sample), "-r", "8,4,1", "-t", "16,16", "-p", "PCRL", "-M", "5", "-TP", "R", "-PLT")
jp2("16-bits.j2k", [waves], "-t", "64,64", "-n", "4", bits=16)
jp2("offset.j2k", [waves], "-t", "64,64", "-n", "4", "-d", "13,7", "-T", "5,3", bits=16)
jp2("signed.j2k", [(waves.astype(int) - 32768).astype(np.int16)], "-n", "4", bits=16)
jp2("grey.j2k", [lopsided[..., 1]])
jp2("bands.j2k", [lopsided[..., band % 3] // (1 + band // 3) for band in range(5)], "-mct", "0")
jp2("420.j2k", [luma, low[1] * 8, low[0] * 12], steps=["1x1", "2x2", "2x2"])
work = tempfile.mkdtemp()


def encode(picture, command, file, *options):
    """Encodes a picture with a command of the form COMMAND INPUT OUTPUT OPTIONS…"""
    if isinstance(picture, np.ndarray):
        array, picture = picture, f"{work}/picture.png"
        Image.fromarray(array).save(picture)
    subprocess.run([command, picture, file, *options], check=True, capture_output=True)


def avif(name, picture, *options):
    encode(picture, "avifenc", f"libavif-{name}.avif", "--min", "4", "--max", "10", "-s", "4", *options)


avif("lopsided", lopsided)
avif("alpha", alpha)
avif("dot", dot)
for chroma in (420, 422, 444):
    avif(f"{chroma}", sample, "-y", f"{chroma}")
avif("grey", sample[..., 1].copy())
avif("clear", clear)
avif("premultiplied", clear, "--premultiply")
avif("limited", sample, "-r", "limited")
avif("tile", tile, "-y", "420")
avif("grain", tile, "-y", "420", "-a", "film-grain-test=1")
for bits in (10, 12):
    avif(f"{bits}-bits", sample, "-d", f"{bits}")
encode(sample, "avifenc", "libavif-lossless.avif", "--lossless")
Image.fromarray(lopsided).save("libavif-sequence.avif", save_all=True, append_images=[Image.fromarray(255 - lopsided)], subsampling="4:4:4", quality=95)
encode(np.full((4096, 4096), 128, np.uint8), "avifenc", "libavif-flat.avif", "-s", "9")


def jxl(name, picture, *options):
    encode(picture, "cjxl", f"libjxl-{name}.jxl", *options)


lossless = ("-d", "0", "-e", "9")
jxl("lopsided", lopsided, *lossless)
jxl("alpha", alpha, *lossless)
jxl("dot", dot, *lossless)
jxl("lossless", sample, *lossless)
jxl("lossless-clear", clear, *lossless)
jxl("lossless-grey", sample[..., 1].copy(), *lossless)
jxl("container", sample, *lossless, "--container=1")
jxl("lossy", sample, "-d", "0.3")
jxl("progressive", tile, "-d", "1", "-p")
jxl("modular", sample, "-m", "1", "-d", "0.3")
jxl("jpeg", "libjpeg-baseline.jpg")
with open(f"{work}/deep.ppm", "wb") as file:
    file.write(b"P6 24 16 65535\n" + (sample.astype(">u2") * 257).tobytes())
jxl("16-bits", f"{work}/deep.ppm", *lossless)
with open(f"{work}/float.pfm", "wb") as file:
    file.write(b"PF\n24 16\n-1.0\n" + (sample[::-1].astype("<f4") / 255).tobytes())
jxl("float", f"{work}/float.pfm", *lossless, "-x", "color_space=RGB_D65_SRG_Rel_SRG")
frames = [Image.fromarray(sample), Image.fromarray(255 - sample)]
frames[0].save(f"{work}/animation.png", save_all=True, append_images=frames[1:], duration=100)
jxl("animation", f"{work}/animation.png", *lossless)
exif = Image.Exif()
exif[274] = 6
Image.fromarray(lopsided).save(f"{work}/turned.jpg", exif=exif, quality=95, subsampling=0)
jxl("orientation-6", f"{work}/turned.jpg")
jxl("flat", np.full((4096, 4096), 128, np.uint8), *lossless[:2], "-e", "1")
# Numbers for FITS: a ramp with some texture; of the floats, three are NaN and four are zero.
y, x = np.mgrid[0:16, 0:24]
integers = (x * 40 + y * 25 + x * y % 7).astype(np.int16)
floats = (integers / 7 - 20).astype(np.float32)
floats[2, 3:6] = np.nan
floats[5, 5:9] = 0


def fits_file(name, numbers, compression=None, **options):
    hdus = [fits.PrimaryHDU(numbers)]
    if compression:
        hdus = [fits.PrimaryHDU(), fits.CompImageHDU(numbers, compression_type=compression, **options)]
    fits.HDUList(hdus).writeto(f"astropy-{name}.fits")


fits_file("integers", integers)
fits_file("rice", integers, "RICE_1")
fits_file("rice-tiles", integers, "RICE_1", tile_shape=(5, 7))
fits_file("gzip-1", integers, "GZIP_1")
fits_file("gzip-2", integers, "GZIP_2")
fits_file("floats", floats)
quantized = {"quantize_level": -0.5}
fits_file("no-dither", floats, "RICE_1", quantize_method=-1, **quantized)
fits_file("dither-1", floats, "RICE_1", quantize_method=1, dither_seed=77, **quantized)
fits_file("dither-2", floats, "GZIP_2", quantize_method=2, dither_seed=9990, tile_shape=(4, 24), **quantized)
fits_file("lossless", floats, "GZIP_2", quantize_level=0)
