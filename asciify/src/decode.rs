//! Decodes one picture of a file that has passed the door, in the quickest way that will do.

use std::cell::RefCell;
use std::io::{BufRead, Cursor, Read, Seek, SeekFrom};

use crate::light::{self, Row};
use crate::picture::{Picture, Sampled};
use crate::probe::Found;
use crate::sample::Pixels;
use crate::source::Source;
use crate::spec::Spec;
use crate::tiff::{self, Scale, Tiff};
use crate::view::View;
use crate::walk::Walk;
use crate::{Error, Format, Limits, eighth, library, rare_jpeg, scanlines, vp8};

/// Samples for each of `specs`, in their order.
pub(crate) fn sample<R: BufRead + Seek>(
    source: &mut Source<R>,
    found: &Found,
    specs: &[Spec],
    limits: &Limits,
) -> Result<Vec<Sampled>, Error> {
    let mut file = File { source, found, limits };
    let specs: Vec<&Spec> = specs.iter().collect();
    in_groups(&specs, View::of, |view, specs| match found.header.format {
        Format::Tiff => file.tiff(view, specs),
        Format::Jpeg => file.jpeg(view, specs),
        Format::WebP => file.webp(view, specs),
        _ => file.rows(view, specs),
    })
}

/// Draws specs of one key together, and gives what came of them in the order of `specs`.
fn in_groups<K: PartialEq>(
    specs: &[&Spec],
    key: impl Fn(&Spec) -> K,
    mut draw: impl FnMut(K, &[&Spec]) -> Result<Vec<Sampled>, Error>,
) -> Result<Vec<Sampled>, Error> {
    let mut sampled: Vec<Option<Sampled>> = specs.iter().map(|_| None).collect();
    while let Some(next) = sampled.iter().position(Option::is_none) {
        let of_next = key(specs[next]);
        let places: Vec<usize> =
            (next..specs.len()).filter(|place| key(specs[*place]) == of_next).collect();
        let alike: Vec<&Spec> = places.iter().map(|place| specs[*place]).collect();
        let drawn = draw(of_next, &alike)?;
        places.into_iter().zip(drawn).for_each(|(place, it)| sampled[place] = Some(it));
    }
    Ok(sampled.into_iter().flatten().collect())
}

struct File<'a, R> {
    source: &'a mut Source<R>,
    found: &'a Found,
    limits: &'a Limits,
}

impl<R: BufRead + Seek> File<'_, R> {
    /// From the smallest copy that gives what each spec needs.
    fn tiff(&mut self, view: View, specs: &[&Spec]) -> Result<Vec<Sampled>, Error> {
        let mut tiff = Tiff::open(Walk::new(self.source, Format::Tiff)?)?;
        let levels = tiff.levels(view.frame, self.limits)?;
        let full = levels[0].page.sides();
        let orientation = levels[0].page.orientation();
        let pixels = |level: &tiff::Level| {
            let held = level.page.sides();
            Pixels { full, held, scale: 1, orientation }
        };
        let tiff = RefCell::new(tiff);
        let values = (view.bands, view.stretch);
        let scale = Scale::of(&tiff, &levels, values, self.limits)?;
        let smallest =
            |spec: &Spec| levels.iter().rposition(|it| pixels(it).suffice(spec)).unwrap_or(0);
        in_groups(specs, smallest, |level, specs| {
            let level = &levels[level];
            level.page.admit(self.limits)?;
            let mut picture = Picture::new(specs, &pixels(level));
            tiff::rows(&tiff, level, values, &scale, |row| picture.push(row))?;
            Ok(picture.finish().collect())
        })
    }

    /// At an eighth of the size where that gives what a spec needs.
    fn jpeg(&mut self, view: View, specs: &[&Spec]) -> Result<Vec<Sampled>, Error> {
        let pixels = Pixels { scale: eighth::SCALE, ..self.pixels() };
        // so little of it is there that no memory is taken for the rest
        let is_thin = self.found.is_thin;
        let is_small = |spec: &Spec| is_thin || pixels.suffice(spec);
        in_groups(specs, is_small, |is_small, specs| {
            let small = if is_small { eighth::read(self.bytes()?) } else { None };
            let Some(small) = small else {
                return match is_thin {
                    true => Err(Error::cut_off(Format::Jpeg, "its picture is complete")),
                    false => self.rows(view, specs),
                };
            };
            let mut picture = Picture::new(specs, &pixels);
            let most = self.most();
            small.rows(|row| view.apply(Row::Rgb8(row), most, |row| picture.push(row)));
            Ok(picture.finish().collect())
        })
    }

    /// At an eighth, a quarter or half of the size where that gives what a spec needs.
    fn webp(&mut self, view: View, specs: &[&Spec]) -> Result<Vec<Sampled>, Error> {
        let whole = self.pixels();
        let pixels = |scale| Pixels { scale, ..whole };
        let scale = |spec: &Spec| [8, 4, 2].into_iter().find(|it| pixels(*it).suffice(spec));
        let file = match view.frame == 0 && specs.iter().any(|spec| scale(spec).is_some()) {
            true => self.bytes()?,
            false => Vec::new(),
        };
        let lossy = vp8::chunk(&file);
        in_groups(
            specs,
            |spec| lossy.and_then(|_| scale(spec)),
            |scale, specs| {
                if let (Some(scale), Some(lossy)) = (scale, lossy) {
                    let mut picture = Picture::new(specs, &pixels(scale));
                    let most = self.most();
                    let push = |row: &[_]| {
                        view.apply(Row::Rgb8(row), most, |row| picture.push(row));
                    };
                    if vp8::rows(lossy, scale, push).is_some() {
                        return Ok(picture.finish().collect());
                    }
                }
                self.rows(view, specs)
            },
        )
    }

    /// From all rows of the picture.
    fn rows(&mut self, view: View, specs: &[&Spec]) -> Result<Vec<Sampled>, Error> {
        let (pixels, most) = (self.pixels(), self.most());
        let mut picture = Picture::new(specs, &pixels);
        let mut push = |row: Row<'_>| view.apply(row, most, |row| picture.push(row));
        let format = self.found.header.format;
        let is_read = match (format, view.frame) {
            (Format::Png, 0) => scanlines::rows(self.source, self.found.stored, &mut push)?,
            (Format::Ico, _) if let Some(at) = self.found.png_at => {
                let file = self.bytes()?;
                let png = file.get(at as usize..).unwrap_or_default();
                let mut source = Source::new(Cursor::new(png));
                scanlines::rows(&mut source, self.found.stored, &mut push)?
            }
            (Format::Jpeg, _) if self.found.is_rare => {
                rare_jpeg::rows(&self.bytes()?, &mut push).is_some()
            }
            _ => false,
        };
        if is_read {
            return Ok(picture.finish().collect());
        }
        match library::picture(self.source, self.found, view.frame, self.limits) {
            Ok(whole) => light::rows(&whole, &mut push),
            // what is left of a damaged one is drawn, as browsers do
            Err(err) if format == Format::Jpeg => {
                rare_jpeg::rows(&self.bytes()?, &mut push).ok_or(err)?;
            }
            Err(err) => return Err(err),
        }
        Ok(picture.finish().collect())
    }

    /// All of the picture, as it is stored.
    fn pixels(&self) -> Pixels {
        let stored = self.found.stored;
        Pixels { full: stored, held: stored, scale: 1, orientation: self.found.orientation }
    }

    /// The value that white has in the file.
    fn most(&self) -> f64 {
        libm::ldexp(1.0, self.found.header.bit_depth.min(16) as i32) - 1.0
    }

    /// The whole file.
    fn bytes(&mut self) -> Result<Vec<u8>, Error> {
        let mut file = Vec::new();
        let end = self.source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
        self.source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
        file.reserve_exact(usize::try_from(end).unwrap_or(0));
        self.source.read_to_end(&mut file).map_err(Error::Read)?;
        Ok(file)
    }
}
