//! Builds HEIF files by hand, from pictures that a foreign encoder has coded.

/// An item of a file.
#[derive(Clone)]
pub struct Item {
    /// Its four-character code: `hvc1`, `av01`, `grid`.
    pub kind: [u8; 4],
    /// Its data.
    pub data: Vec<u8>,
    /// Its properties: whole boxes.
    pub properties: Vec<Vec<u8>>,
}

/// A reference: its kind, the item that refers, and those that it refers to. Items count from 1.
pub type Reference<'a> = (&'a [u8; 4], u16, &'a [u16]);

/// A HEIF file of a major brand. The first item is primary.
pub fn heif(brand: &[u8; 4], items: &[Item], references: &[Reference<'_>]) -> Vec<u8> {
    let ftyp = boxed(b"ftyp", &[&brand[..], &[0; 4], b"mif1", brand].concat());
    // the length of `meta` does not depend on the offsets in it
    let length = meta(items, references, 0).len();
    let start = ftyp.len() + length + 8;
    let data: Vec<u8> = items.iter().flat_map(|item| item.data.clone()).collect();
    [ftyp, meta(items, references, start as u32), boxed(b"mdat", &data)].concat()
}

fn meta(items: &[Item], references: &[Reference<'_>], mut at: u32) -> Vec<u8> {
    let count = items.len() as u16;
    let (mut infos, mut locations) = (count.to_be_bytes().to_vec(), vec![0x44, 0]);
    locations.extend(count.to_be_bytes());
    let (mut properties, mut associations) = (Vec::new(), u32::from(count).to_be_bytes().to_vec());
    let mut property = 0_u16;
    for (item, id) in items.iter().zip(1_u16..) {
        let info = [&id.to_be_bytes()[..], &[0, 0], &item.kind, &[0]].concat();
        infos.extend(full(b"infe", 2, &info));
        locations.extend([id, 0, 1].map(u16::to_be_bytes).as_flattened());
        let length = item.data.len() as u32;
        locations.extend([at, length].map(u32::to_be_bytes).as_flattened());
        at += length;
        associations.extend(id.to_be_bytes());
        associations.push(item.properties.len() as u8);
        for it in &item.properties {
            property += 1;
            properties.extend(it);
            associations.extend(property.to_be_bytes());
        }
    }
    let references = references.iter().flat_map(|(kind, from, to)| {
        let ids = [*from, to.len() as u16].into_iter().chain(to.iter().copied());
        boxed(kind, &ids.flat_map(u16::to_be_bytes).collect::<Vec<u8>>())
    });
    // flags 1: indices of properties have 15 bits
    let mut ipma = full(b"ipma", 0, &associations);
    ipma[11] = 1;
    let children = [
        full(b"hdlr", 0, &[&[0; 4][..], b"pict", &[0; 13]].concat()),
        full(b"pitm", 0, &1_u16.to_be_bytes()),
        full(b"iinf", 0, &infos),
        full(b"iloc", 0, &locations),
        full(b"iref", 0, &references.collect::<Vec<u8>>()),
        boxed(b"iprp", &[boxed(b"ipco", &properties), ipma].concat()),
    ];
    full(b"meta", 0, &children.concat())
}

/// A box.
pub fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
}

/// A box with a version and no flags.
pub fn full(kind: &[u8; 4], version: u8, content: &[u8]) -> Vec<u8> {
    boxed(kind, &[&[version, 0, 0, 0], content].concat())
}

/// The property `ispe`: width and height in pixels.
pub fn size(width: u32, height: u32) -> Vec<u8> {
    full(b"ispe", 0, [width, height].map(u32::to_be_bytes).as_flattened())
}

/// The property `irot`: quarters anticlockwise.
pub fn rotation(quarters: u8) -> Vec<u8> {
    boxed(b"irot", &[quarters])
}

/// The property `imir`: 0 exchanges top and bottom, 1 left and right.
pub fn mirror(axis: u8) -> Vec<u8> {
    boxed(b"imir", &[axis])
}

/// The property `clap`: width and height, and how far the middle moves, in half pixels.
pub fn crop(width: u32, height: u32, x: i32, y: i32) -> Vec<u8> {
    let numbers = [width, 1, height, 1, x as u32, 2, y as u32, 2];
    boxed(b"clap", numbers.map(u32::to_be_bytes).as_flattened())
}

/// The property `auxC` of an alpha plane.
pub fn alpha_type() -> Vec<u8> {
    full(b"auxC", 0, b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
}

/// The item `grid`, of a picture of that width and height.
pub fn grid(rows: u8, columns: u8, width: u16, height: u16) -> Item {
    let sides = [width, height].map(u16::to_be_bytes);
    let data = [&[0, 0, rows - 1, columns - 1], sides.as_flattened()].concat();
    Item { kind: *b"grid", data, properties: vec![size(width.into(), height.into())] }
}

/// A file of a grid of equal tiles of 64 × 64 pixels. The last row and column show half a tile.
pub fn tiled(brand: &[u8; 4], tile: &Item, rows: u8, columns: u8) -> Vec<u8> {
    let side = |tiles: u8| u16::from(tiles) * 64 - 32;
    let count = u16::from(rows) * u16::from(columns);
    let mut items = vec![grid(rows, columns, side(columns), side(rows))];
    items.extend((0..count).map(|_| tile.clone()));
    let ids: Vec<u16> = (2..count + 2).collect();
    heif(brand, &items, &[(b"dimg", 1, &ids)])
}

/// A file of a picture of 64 × 64 pixels that is cropped, rotated and mirrored, with an alpha plane.
pub fn turned(brand: &[u8; 4], picture: &Item) -> Vec<u8> {
    let (mut shown, mut alpha) = (picture.clone(), picture.clone());
    shown.properties.extend([crop(40, 30, 3, -4), rotation(1), mirror(0)]);
    alpha.properties.push(alpha_type());
    heif(brand, &[shown, alpha], &[(b"auxl", 2, &[1]), (b"prem", 1, &[2])])
}

/// The only coded picture of a foreign file: the data after the header of `mdat`, with the
/// properties that say how it is coded.
///
/// # Panics
/// If the file does not have these boxes.
pub fn coded(file: &[u8]) -> Item {
    let box_named = |name: &[u8; 4]| {
        let at = file.windows(4).position(|it| it == name)? - 4;
        let length = u32::from_be_bytes(*file[at..].first_chunk()?) as usize;
        file.get(at..at + length)
    };
    let (kind, configuration) = match box_named(b"hvcC") {
        Some(configuration) => (*b"hvc1", configuration),
        None => (*b"av01", box_named(b"av1C").expect("a configuration")),
    };
    let data = box_named(b"mdat").expect("data")[8..].to_vec();
    let others = [b"ispe", b"colr"].map(|name| box_named(name).expect("a property").to_vec());
    let properties = [configuration.to_vec()].into_iter().chain(others).collect();
    Item { kind, data, properties }
}
