//! Cropping, rotating and mirroring, in the order in which a file states them (ISO/IEC 23008-12,
//! 6.5.9, 6.5.10 and 6.5.12).

use heifer_isobmff::boxes::Property;
use image::metadata::Orientation;

/// Which part of the stored picture is shown, and how it is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transform {
    /// The left and the top edge of the part in the stored picture, in pixels.
    pub(super) corner: (u32, u32),
    /// Width and height of the part as it is stored.
    pub(super) sides: (u32, u32),
    /// Whether columns of the stored part are rows of the shown picture.
    is_transposed: bool,
    /// Whether the stored part's columns, and its rows, are shown in reverse order.
    is_reversed: (bool, bool),
}

impl Transform {
    /// All transformations of an item of that width and height. `None` for a crop that is not inside
    /// the picture.
    pub(super) fn new<'a>(
        sides: (u32, u32),
        properties: impl Iterator<Item = &'a Property>,
    ) -> Option<Self> {
        let mut whole =
            Self { corner: (0, 0), sides, is_transposed: false, is_reversed: (false, false) };
        for property in properties {
            match property {
                Property::Rotation(quarters) => (0..*quarters).for_each(|_| whole.rotate()),
                Property::Mirror(top_and_bottom) => whole.mirror(*top_and_bottom),
                Property::CleanAperture { width, height, horiz_offset, vert_offset } => {
                    whole.crop((*width, *horiz_offset), (*height, *vert_offset))?;
                }
                _ => {}
            }
        }
        Some(whole)
    }

    /// Rotates by 90° anticlockwise: the top right corner becomes the top left one.
    fn rotate(&mut self) {
        // columns of the shown picture become its rows, in reverse order
        self.reverse(true);
        self.is_transposed = !self.is_transposed;
    }

    /// Exchanges top and bottom, or left and right.
    fn mirror(&mut self, top_and_bottom: bool) {
        self.reverse(!top_and_bottom);
    }

    /// Reverses the order of columns, or of rows, of the shown picture.
    fn reverse(&mut self, columns: bool) {
        match columns != self.is_transposed {
            true => self.is_reversed.0 ^= true,
            false => self.is_reversed.1 ^= true,
        }
    }

    /// Crops the shown picture: its width and height, and how far their middle lies from the middle
    /// of the picture, as fractions of pixels.
    fn crop(&mut self, x: ((u32, u32), (i32, u32)), y: ((u32, u32), (i32, u32))) -> Option<()> {
        let (x, y) = if self.is_transposed { (y, x) } else { (x, y) };
        let part = |side: u32, ((size, size_divisor), (offset, offset_divisor)), is_reversed| {
            let size: u32 = u32::checked_div(size, size_divisor).filter(|size| *size > 0)?;
            let rest = i64::from(side.checked_sub(size)?);
            let (offset, divisor) = (i64::from(offset), i64::from(offset_divisor));
            let twice = rest.checked_mul(divisor)?.checked_add(2 * offset)?;
            let start = twice.checked_div_euclid(2 * divisor)?;
            let start = if is_reversed { rest - start } else { start };
            (0..=rest).contains(&start).then_some((start as u32, size))
        };
        let (left, width) = part(self.sides.0, x, self.is_reversed.0)?;
        let (top, height) = part(self.sides.1, y, self.is_reversed.1)?;
        self.corner = (self.corner.0 + left, self.corner.1 + top);
        self.sides = (width, height);
        Some(())
    }

    /// How the stored part is turned upright.
    pub(super) fn orientation(&self) -> Orientation {
        match (self.is_transposed, self.is_reversed) {
            (false, (false, false)) => Orientation::NoTransforms,
            (false, (true, false)) => Orientation::FlipHorizontal,
            (false, (true, true)) => Orientation::Rotate180,
            (false, (false, true)) => Orientation::FlipVertical,
            (true, (false, false)) => Orientation::Rotate90FlipH,
            (true, (false, true)) => Orientation::Rotate90,
            (true, (true, true)) => Orientation::Rotate270FlipH,
            (true, (true, false)) => Orientation::Rotate270,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(properties: &[Property]) -> Option<Transform> {
        Transform::new((40, 20), properties.iter())
    }

    fn crop(width: u32, height: u32, x: i32, y: i32) -> Property {
        Property::CleanAperture {
            width: (width, 1),
            height: (height, 1),
            horiz_offset: (x, 2),
            vert_offset: (y, 2),
        }
    }

    #[test]
    fn properties_apply_in_their_order() {
        use Property::{Mirror, Rotation};
        let orientation = |properties: &[Property]| of(properties).map(|it| it.orientation());
        assert_eq!(orientation(&[Rotation(1)]), Some(Orientation::Rotate270));
        assert_eq!(orientation(&[Rotation(2)]), Some(Orientation::Rotate180));
        assert_eq!(orientation(&[Rotation(3)]), Some(Orientation::Rotate90));
        assert_eq!(orientation(&[Mirror(true)]), Some(Orientation::FlipVertical));
        assert_eq!(orientation(&[Mirror(false)]), Some(Orientation::FlipHorizontal));
        assert_ne!(
            orientation(&[Rotation(1), Mirror(true)]),
            orientation(&[Mirror(true), Rotation(1)])
        );
    }

    #[test]
    fn a_crop_after_a_rotation_is_of_the_rotated_picture() {
        // a quarter of the left edge, from the top
        let stored = of(&[crop(10, 20, -30, 0)]).expect("inside");
        assert_eq!((stored.corner, stored.sides), ((0, 0), (10, 20)));
        // after 90° anticlockwise, the top is the former right
        let turned = of(&[Property::Rotation(1), crop(20, 10, 0, -30)]).expect("inside");
        assert_eq!((turned.corner, turned.sides), ((30, 0), (10, 20)));
        assert_eq!(of(&[crop(41, 20, 0, 0)]), None);
        assert_eq!(of(&[crop(10, 20, 40, 0)]), None);
    }
}
