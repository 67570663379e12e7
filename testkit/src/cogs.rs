//! Builds cloud-optimised TIFFs: all IFDs first, then the tiles of the smallest overview, and so on.

/// Pixels of a side of a tile.
pub const TILE: u32 = 512;
/// Bytes of a tile of [`cog`].
const TILE_BYTES: u32 = TILE * TILE * 2;
/// Bytes before the first tile.
const HEAD_BYTES: u32 = 1 << 15;

/// A COG of one band of 16 bits that is not compressed, brighter to the right, of `side` × `side`
/// pixels, with overviews down to one tile.
pub fn cog(side: u32) -> Vec<u8> {
    let mut sides = vec![side];
    while sides.last().is_some_and(|side| *side > TILE) {
        sides.extend(sides.last().map(|side| side.div_ceil(2)));
    }
    of_levels(&sides)
}

/// The same without overviews.
pub fn without_overviews(side: u32) -> Vec<u8> {
    of_levels(&[side])
}

fn of_levels(sides: &[u32]) -> Vec<u8> {
    let data = |level: usize| {
        HEAD_BYTES + sides[level + 1..].iter().map(|side| tiles(*side)).sum::<u32>() * TILE_BYTES
    };
    let mut file = b"II\x2a\0\x08\0\0\0".to_vec();
    for (level, side) in sides.iter().enumerate() {
        let is_last = level + 1 == sides.len();
        let at = file.len() as u32;
        file.extend(directory((*side, 16), level > 0, at, data(level), is_last));
    }
    assert!(file.len() <= HEAD_BYTES as usize, "its directories fit its head");
    file.resize(HEAD_BYTES as usize, 0);
    for side in sides.iter().rev() {
        let across = side.div_ceil(TILE);
        for tile in 0..tiles(*side) {
            let value = |x: u32| ((tile % across * TILE + x) * 50_000 / side) as u16;
            let row: Vec<u8> = (0..TILE).flat_map(|x| value(x).to_le_bytes()).collect();
            (0..TILE).for_each(|_| file.extend(&row));
        }
    }
    file
}

/// Tiles of a picture of `side` × `side` pixels.
pub fn tiles(side: u32) -> u32 {
    side.div_ceil(TILE).pow(2)
}

/// An IFD of `side` × `side` pixels of one band, in tiles that are not compressed and lie one after
/// another at `data`. It is written at `at`, with its tables of tile offsets and byte counts.
pub fn directory(
    (side, bits): (u32, u32),
    is_overview: bool,
    at: u32,
    data: u32,
    is_last: bool,
) -> Vec<u8> {
    const ENTRIES: u32 = 11;
    const LONG: u16 = 4;
    let tiles = tiles(side);
    let tile_bytes = TILE * TILE * bits / 8;
    let tables = at + 2 + 12 * ENTRIES + 4;
    let (offsets, lengths) = match tiles {
        1 => (data, tile_bytes),
        _ => (tables, tables + 4 * tiles),
    };
    let mut bytes = (ENTRIES as u16).to_le_bytes().to_vec();
    for (tag, count, value) in [
        (254_u16, 1, u32::from(is_overview)),
        (256, 1, side),
        (257, 1, side),
        (258, 1, bits),
        (259, 1, 1),
        (262, 1, 1),
        (277, 1, 1),
        (322, 1, TILE),
        (323, 1, TILE),
        (324, tiles, offsets),
        (325, tiles, lengths),
    ] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(LONG.to_le_bytes());
        bytes.extend([count, value].map(u32::to_le_bytes).as_flattened());
    }
    let end = tables + if tiles == 1 { 0 } else { 8 * tiles };
    bytes.extend(if is_last { 0 } else { end }.to_le_bytes());
    if tiles > 1 {
        (0..tiles).for_each(|tile| bytes.extend((data + tile * tile_bytes).to_le_bytes()));
        (0..tiles).for_each(|_| bytes.extend(tile_bytes.to_le_bytes()));
    }
    bytes
}
