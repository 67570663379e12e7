//! What is looked at: a picture that is drawn again and again.

use asciify::{Band, Bands, pixel_values, probe, render_keeping};
use asciify::{BandLabel, Error, Grid, Header, KeptStatistics, Limits, ReadSeek, Spec};

/// The values of a pixel; `None` is "no data".
pub(crate) type Values = Vec<(BandLabel, Option<f64>)>;

/// Why there is nothing to show.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It is no longer wanted.
    Cancelled,
    /// A message for the reader.
    Message(String),
}

impl From<Error> for Failure {
    fn from(err: Error) -> Self {
        match err {
            Error::Cancelled => Self::Cancelled,
            err => Self::Message(err.to_string()),
        }
    }
}

/// A picture that can be drawn, until `is_cancelled` returns true.
pub(crate) trait Picture: Send {
    /// What its file says about itself.
    fn header(&self) -> &Header;

    /// # Errors
    /// It cannot be read or drawn, or is no longer wanted.
    fn draw(&mut self, spec: &Spec, is_cancelled: &dyn Fn() -> bool) -> Result<Grid, Failure>;

    /// The values of a pixel, of the bands that are shown.
    ///
    /// # Errors
    /// As those of [`draw`](Self::draw).
    fn values(
        &mut self,
        spec: &Spec,
        pixel: (u32, u32),
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Values, Failure>;
}

/// A file.
pub(crate) struct LocalPicture<R> {
    source: R,
    header: Header,
    limits: Limits,
    kept: KeptStatistics,
}

impl<R: ReadSeek> LocalPicture<R> {
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn open(mut source: R, limits: Limits) -> Result<Self, Error> {
        let header = probe(&mut source, &limits)?;
        Ok(Self { source, header, limits, kept: KeptStatistics::default() })
    }
}

impl<R: ReadSeek + Send> Picture for LocalPicture<R> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn draw(&mut self, spec: &Spec, is_cancelled: &dyn Fn() -> bool) -> Result<Grid, Failure> {
        self.source.rewind().map_err(Error::Read)?;
        let specs = std::slice::from_ref(spec);
        let Self { source, limits, kept, .. } = self;
        let grids = render_keeping(source, specs, limits, kept, is_cancelled)?;
        Ok(grids.into_iter().next().expect("there is one for each spec"))
    }

    fn values(
        &mut self,
        spec: &Spec,
        pixel: (u32, u32),
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Values, Failure> {
        self.source.rewind().map_err(Error::Read)?;
        let bands = bands(spec);
        Ok(pixel_values(&mut self.source, (spec, &bands), pixel, &self.limits, is_cancelled)?)
    }
}

/// The bands that are shown; none stands for all.
pub(crate) fn bands(spec: &Spec) -> Vec<Band> {
    match spec.bands() {
        Bands::Auto => Vec::new(),
        Bands::Grey(band) => vec![band.clone()],
        Bands::Rgb(bands) => bands.to_vec(),
    }
}
