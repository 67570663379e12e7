#!/usr/bin/env python3
"""Makes the HEIC files of testkit/samples in the current folder; see scripts/make-samples.

Needs: pip install pillow-heif==1.8.1 numpy (libheif 1.23.6 with x265 4.3)
"""

import numpy as np
import pillow_heif

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
