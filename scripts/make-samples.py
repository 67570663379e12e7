#!/usr/bin/env python3
"""Makes the HEIC and FITS files of testkit/samples in the current folder; see scripts/make-samples.

Needs: pip install pillow-heif==1.8.1 numpy (libheif 1.23.6 with x265 4.3) astropy==8.0.2
"""

import numpy as np
import pillow_heif
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
for bits in (10, 12):
    pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
    heic(f"{bits}-bits", sample.astype(np.uint16) * 257, "RGB;16")

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
