//! Decodes HEVC still pictures (ITU-T H.265) with the decoder `heifer-hevc-dec`.

use heifer_hevc_dec::Error as HevcError;
use heifer_hevc_dec::nal::{NalUnit, NalUnitType};
use heifer_hevc_dec::params::{ParameterSets, Sps};
use heifer_hevc_dec::recon::{Frame, Reconstructor};
use heifer_hevc_dec::slice::SliceHeader;
use heifer_hevc_dec::syntax::{Picture, decode_slice_segment};
use heifer_isobmff::boxes::HevcConfig;

use super::HEIC;
use super::color::Coding;
use super::tile::{Tile, TileDecoder};
use crate::error::Error;
use crate::format::Format;
use crate::formats::foreign::guarded;

/// The value of `ColourPrimaries` that states nothing (ITU-T H.273, table 2).
const UNSPECIFIED: u16 = 2;

/// Pixels by which a coded picture may exceed the picture that is shown: a coding tree unit.
const MAX_PADDING_PX: u32 = 64;

/// What an `hvcC` property configures.
pub(super) struct HevcDecoder {
    sets: ParameterSets,
    /// Bytes of the length before each NAL unit.
    length_bytes: usize,
    /// Width and height of the pictures in pixels.
    sides: (u32, u32),
}

impl HevcDecoder {
    /// A decoder of pictures of that width and height.
    ///
    /// # Errors
    /// The parameter sets are damaged, or of pictures of another size.
    pub(super) fn new(config: &HevcConfig, sides: (u32, u32)) -> Result<Self, Error> {
        guarded(HEIC, || Self::read(config, sides).map_err(|err| explain(&err)))
    }

    fn read(config: &HevcConfig, sides: (u32, u32)) -> Result<Self, HevcError> {
        let mut sets = ParameterSets::default();
        for nal in &config.nal_units {
            let nal = NalUnit::parse(nal)?;
            let is_used = matches!(nal.header.unit_type, NalUnitType::Sps | NalUnitType::Pps);
            // other layers are other views or depths
            if is_used && nal.header.layer_id == 0 {
                sets.add(&nal)?;
            }
        }
        for sps in sets.sps.iter().flatten() {
            let is_near = |coded: u32, shown: u32| coded <= shown.saturating_add(MAX_PADDING_PX);
            if sps.output_size() != sides
                || !is_near(sps.pic_width_in_luma_samples, sides.0)
                || !is_near(sps.pic_height_in_luma_samples, sides.1)
            {
                return Err(HevcError::Invalid("it states its size twice, differently"));
            }
            if sps.bit_depth_luma != sps.bit_depth_chroma && sps.chroma_format_idc != 0 {
                return Err(HevcError::Unimplemented("chroma of another depth than luma"));
            }
            if sps.bit_depth_luma > 12 || sps.separate_colour_plane_flag {
                return Err(HevcError::Unimplemented("more than 12 bits, or separate planes"));
            }
        }
        if sets.sps.iter().flatten().next().is_none() {
            return Err(HevcError::Invalid("it has no sequence parameter set"));
        }
        Ok(Self { sets, length_bytes: usize::from(config.nal_length_size), sides })
    }

    fn sps(&self) -> impl Iterator<Item = &Sps> {
        self.sets.sps.iter().flatten()
    }

    /// Decodes the picture in an item's data: NAL units after their lengths (ISO/IEC 14496-15,
    /// 8.3). Parameter sets are those of the `hvcC` property; others are ignored.
    ///
    /// # Errors
    /// The data are damaged, or use what the decoder does not support.
    fn decode_units(&self, data: &[u8]) -> Result<HevcPicture, HevcError> {
        let mut state: Option<(Picture<'_>, Reconstructor<'_>)> = None;
        let mut previous = None;
        let mut rest = data;
        while let Some((length, tail)) = rest.split_at_checked(self.length_bytes) {
            let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            let (nal, tail) = tail.split_at_checked(length).ok_or(HevcError::UnexpectedEof)?;
            rest = tail;
            let nal = NalUnit::parse(nal)?;
            if !nal.header.unit_type.is_slice() || nal.header.layer_id != 0 {
                continue;
            }
            let header = SliceHeader::parse(&nal.rbsp, &nal.header, &self.sets, previous.as_ref())?;
            if header.first_slice_segment_in_pic_flag && state.is_some() {
                break;
            }
            let (pps, sps) = self.sets.get(usize::from(header.slice_pic_parameter_set_id))?;
            let (picture, reconstructor) =
                state.get_or_insert_with(|| (Picture::new(sps, pps), Reconstructor::new(sps, pps)));
            // each part of the picture is decoded once, so that the work has a bound
            let address = picture.layout.rs_to_ts.get(header.slice_segment_address as usize);
            if address != Some(&picture.decoded_ctbs) {
                return Err(HevcError::Invalid("its slices are out of order"));
            }
            reconstructor.start_slice(&header);
            let data = nal.rbsp.get(header.header_size..).unwrap_or_default();
            let qp = header.slice_qp_y(&self.sets)?;
            decode_slice_segment(picture, &header, qp, data, reconstructor)?;
            if let Some(err) = reconstructor.error.take() {
                return Err(err);
            }
            if !header.dependent_slice_segment_flag {
                previous = Some(header);
            }
        }
        let (picture, reconstructor) = state.ok_or(HevcError::Invalid("it holds no picture"))?;
        if !picture.is_complete() {
            return Err(HevcError::Invalid("its picture is incomplete"));
        }
        let [left, _, top, _] = picture.sps.conf_win_offsets;
        Ok(HevcPicture {
            corner: (left, top),
            sides: self.sides,
            frame: reconstructor.finish(false),
        })
    }
}

impl TileDecoder for HevcDecoder {
    fn format(&self) -> Format {
        HEIC
    }

    fn bits(&self) -> u32 {
        self.sps().map(|sps| sps.bit_depth_luma.into()).max().unwrap_or(8)
    }

    fn is_monochrome(&self) -> bool {
        self.sps().all(|sps| sps.chroma_format_idc == 0)
    }

    fn bytes_per_px(&self) -> u64 {
        let samples = |sps: &Sps| match sps.chroma_format_idc {
            0 => 2,
            1 => 3,
            2 => 4,
            _ => 6,
        };
        self.sps().map(samples).max().unwrap_or(6)
    }

    fn working_bytes_per_px(&self) -> u64 {
        // what the decoder knows of each block of 4 × 4 pixels, and a copy of a plane for its filters
        4
    }

    fn max_pixels_per_byte(&self) -> u64 {
        256
    }

    fn decode(&self, data: Vec<u8>) -> Result<Box<dyn Tile>, Error> {
        guarded(HEIC, || self.decode_units(&data).map_err(|err| explain(&err)))
            .map(|picture| Box::new(picture) as Box<dyn Tile>)
    }
}

/// Translates the decoder's error.
fn explain(err: &HevcError) -> Error {
    match err {
        HevcError::UnexpectedEof => Error::cut_off(HEIC, "its picture is complete"),
        HevcError::Unimplemented(_) => {
            Error::Unsupported(format!("this {HEIC} uses a feature of HEVC that we cannot decode"))
        }
        HevcError::Invalid(reason) => Error::malformed(HEIC, reason),
        HevcError::HashMismatch(_) => Error::malformed(HEIC, "its picture has errors"),
    }
}

struct HevcPicture {
    frame: Frame,
    /// The left and the top edge of the conformance window, in chroma samples.
    corner: (u32, u32),
    /// Width and height of the conformance window, in pixels.
    sides: (u32, u32),
}

impl Tile for HevcPicture {
    fn sides(&self) -> (u32, u32) {
        self.sides
    }

    fn chroma_shift(&self) -> Option<(u32, u32)> {
        match self.frame.chroma_format {
            0 => None,
            1 => Some((1, 1)),
            2 => Some((1, 0)),
            _ => Some((0, 0)),
        }
    }

    fn bits(&self) -> u32 {
        self.frame.bit_depth[0].into()
    }

    fn coding(&self) -> Coding {
        Coding {
            // the decoder does not tell
            primaries: UNSPECIFIED,
            matrix: self.frame.matrix_coeffs.into(),
            is_full_range: self.frame.full_range,
        }
    }

    fn read_row(&self, plane: usize, y: u32, samples: &mut Vec<u16>) {
        let shift = self.chroma_shift().unwrap_or((0, 0));
        let (left, top) = match plane {
            0 => (self.corner.0 << shift.0, self.corner.1 << shift.1),
            _ => self.corner,
        };
        let width = self.frame.widths[plane] as usize;
        let row = self.frame.planes[plane].chunks_exact(width.max(1)).nth((top + y) as usize);
        samples.clear();
        samples.extend_from_slice(row.and_then(|row| row.get(left as usize..)).unwrap_or_default());
    }
}
