#!/usr/bin/env python3
"""Makes the files of this folder, most with GDAL: pip install numpy rasterio tifffile imagecodecs lerc, then make.py FOLDER."""
import pathlib
import sys

import lerc
import numpy
import rasterio
import tifffile

FOLDER = pathlib.Path(sys.argv[1])
WIDTH, HEIGHT = 60, 20
TILES = {"tiled": True, "blockxsize": 32, "blockysize": 32}


def values(dtype, bands):
    """Multiples of 4 from 0 to 196, which no loss of LERC below 2 changes."""
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH]
    return numpy.stack([4 * ((x + 3 * y + 10 * band) % 50) for band in range(bands)]).astype(dtype)


def write(name, pixels, **options):
    bands, height, width = pixels.shape
    profile = {"driver": "GTiff", "width": width, "height": height, "count": bands, "dtype": pixels.dtype}
    with rasterio.open(FOLDER / f"{name}.tif", "w", **profile, **options) as file:
        file.write(pixels)


write("zstd-u16-predictor2-tiles", values("uint16", 3), compress="ZSTD", predictor=2, photometric="RGB", **TILES)
write("zstd-f32-predictor3", values("float32", 1), compress="ZSTD", predictor=3)
write("lzma-i16-predictor2", values("int16", 1), compress="LZMA", predictor=2, blockysize=20)
write("lzma-f64-planar", values("float64", 3), compress="LZMA", interleave="band", blockysize=20)
write("lerc-u8", values("uint8", 3), compress="LERC", photometric="RGB")
write("lerc-u16-planar-tiles", values("uint16", 3), compress="LERC", interleave="band", **TILES)
write("lerc-i32-lossy", values("int32", 1), compress="LERC", max_z_error=2)
missing = values("float32", 3)
missing[:, 5:10, 10:30] = numpy.nan
write("lerc-f32-mask", missing, compress="LERC_ZSTD", blockysize=20)
missing[1, 12:18, 30:50] = numpy.nan
write("lerc-f32-masks", missing, compress="LERC_DEFLATE", blockysize=20)
alpha = numpy.concatenate([values("uint8", 3), numpy.full((1, HEIGHT, WIDTH), 255, "uint8")])
alpha[3, 5:10, 10:30] = 0
write("lerc-u8-alpha", alpha, compress="LERC_DEFLATE", photometric="RGB", alpha="yes", blockysize=20)
write("webp-alpha", alpha, compress="WEBP", webp_lossless="yes", photometric="RGB", alpha="yes", blockysize=20)

# GDAL does not write TIFF of JPEG 2000
lossless = {"compression": "jpeg2000", "compressionargs": {"level": 0, "reversible": True}}
for name, pixels, options in [
    ("jpeg2000-u16-tiles", values("uint16", 3).transpose(1, 2, 0), {"tile": (32, 32), "photometric": "rgb"}),
    ("jpeg2000-i16", values("int16", 1)[0], {}),
]:
    tifffile.imwrite(FOLDER / f"{name}.tif", pixels, metadata=None, **lossless, **options)

# GDAL writes LERC of version 4; floating-point numbers without loss are different since version 6
for name, dtype, bands, mask in [
    ("lerc6-f32-mask", "float32", 3, numpy.ones((HEIGHT, WIDTH), bool)),
    ("lerc6-f64", "float64", 1, None),
]:
    pixels = (values(dtype, bands) * numpy.array(0.987654321, dtype)).transpose(1, 2, 0)
    if mask is not None:
        mask[5:10, 10:30] = False
    error, length, blob = lerc.encode(pixels.squeeze(), bands, mask is not None, mask, 0, 1 << 20)
    assert error == 0
    tifffile.imwrite(
        FOLDER / f"{name}.tif",
        data=iter([bytes(blob[:length])]),
        shape=pixels.squeeze().shape,
        dtype=dtype,
        compression="LERC",
        photometric="rgb" if bands == 3 else "minisblack",
        rowsperstrip=HEIGHT,
        metadata=None,
    )
