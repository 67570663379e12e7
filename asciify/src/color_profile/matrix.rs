//! Colour spaces of three primaries, and the matrices from their light to that of sRGB.

/// A 3 × 3 matrix, by rows.
pub(super) type Matrix = [[f64; 3]; 3];

pub(super) const IDENTITY: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// D50 of the profile connection space, as XYZ (ICC.1:2022, 7.2.16).
pub(super) const D50: [f64; 3] = [0.9642, 1.0, 0.8249];

/// Rows whose sum differs less than this from 1 are scaled to it, so that grey stays grey.
const MAX_WHITE_ERROR: f64 = 0.02;

/// CIE 1931 chromaticities x and y of the primaries and of white.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Primaries {
    pub(crate) red: [f64; 2],
    pub(crate) green: [f64; 2],
    pub(crate) blue: [f64; 2],
    pub(crate) white: [f64; 2],
}

impl Primaries {
    /// Those of ITU-R BT.709 and sRGB.
    pub(crate) const BT709: Self = Self {
        red: [0.64, 0.33],
        green: [0.30, 0.60],
        blue: [0.15, 0.06],
        white: [0.3127, 0.3290],
    };

    /// Of `ColourPrimaries` (ITU-T H.273, table 2). Unspecified ones (2) count as BT.709; `None` for
    /// reserved values.
    pub(crate) fn of_h273(code: u16) -> Option<Self> {
        let of = |red, green, blue, white| Some(Self { red, green, blue, white });
        let (d65, c) = (Self::BT709.white, [0.310, 0.316]);
        match code {
            1 | 2 => Some(Self::BT709),
            4 => of([0.67, 0.33], [0.21, 0.71], [0.14, 0.08], c),
            5 => of([0.64, 0.33], [0.29, 0.60], [0.15, 0.06], d65),
            6 | 7 => of([0.630, 0.340], [0.310, 0.595], [0.155, 0.070], d65),
            8 => of([0.681, 0.319], [0.243, 0.692], [0.145, 0.049], c),
            9 => of([0.708, 0.292], [0.170, 0.797], [0.131, 0.046], d65),
            10 => of([1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [1.0 / 3.0; 2]),
            11 => of([0.680, 0.320], [0.265, 0.690], [0.150, 0.060], [0.314, 0.351]),
            12 => of([0.680, 0.320], [0.265, 0.690], [0.150, 0.060], d65),
            22 => of([0.630, 0.340], [0.295, 0.605], [0.155, 0.077], d65),
            _ => None,
        }
    }

    /// The matrix from light of these primaries to that of sRGB. `None` where they are on one line.
    pub(super) fn to_srgb(self) -> Option<Matrix> {
        from_xyz_columns(self.columns()?, xyz_of(self.white)?)
    }

    /// The luminance of red, green and blue, whose sum is 1. `None` where they are on one line.
    #[cfg(any(feature = "avif", feature = "heic"))]
    pub(crate) fn luminance(self) -> Option<[f64; 3]> {
        Some(self.columns()?[1])
    }

    /// XYZ of red, green and blue, as columns, such that their sum is white.
    fn columns(self) -> Option<Matrix> {
        let colors = [self.red, self.green, self.blue];
        // x, y and z of each primary
        let unscaled = transposed(colors.map(|[x, y]| [x, y, 1.0 - x - y]));
        let scale = apply(&inverse(&unscaled)?, xyz_of(self.white)?);
        Some(unscaled.map(|row| [0, 1, 2].map(|column| row[column] * scale[column])))
    }
}

/// The matrix to light of sRGB from light whose red, green and blue have the XYZ in `columns` under
/// a white of `white`. `None` for colours without a volume, or absurd ones.
pub(super) fn from_xyz_columns(columns: Matrix, white: [f64; 3]) -> Option<Matrix> {
    inverse(&columns)?;
    let srgb = Primaries::BT709;
    let from_xyz = inverse(&srgb.columns()?)?;
    let mut matrix =
        product(&from_xyz, &product(&adaptation(white, xyz_of(srgb.white)?)?, &columns));
    for row in &mut matrix {
        let sum: f64 = row[0] + row[1] + row[2];
        if (sum - 1.0).abs() < MAX_WHITE_ERROR {
            *row = row.map(|value| value / sum);
        }
    }
    matrix.iter().flatten().all(|value| value.abs() < 100.0).then_some(matrix)
}

/// The chromatic adaptation of XYZ between two white points after Bradford (ICC.1:2022, E.3).
pub(super) fn adaptation(from: [f64; 3], to: [f64; 3]) -> Option<Matrix> {
    const CONES: Matrix =
        [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]];
    let (from, to) = (apply(&CONES, from), apply(&CONES, to));
    let mut scaled = CONES;
    for (row, (from, to)) in scaled.iter_mut().zip(from.into_iter().zip(to)) {
        *row = row.map(|value| value * to / from);
    }
    Some(product(&inverse(&CONES)?, &scaled))
}

/// XYZ, with Y = 1, of chromaticities. `None` where they have none.
pub(super) fn xyz_of([x, y]: [f64; 2]) -> Option<[f64; 3]> {
    (x > 0.0 && y > 0.0 && x + y < 1.0).then(|| [x / y, 1.0, (1.0 - x - y) / y])
}

pub(super) fn apply(matrix: &Matrix, [a, b, c]: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row[0] * a + row[1] * b + row[2] * c)
}

fn product(left: &Matrix, right: &Matrix) -> Matrix {
    transposed(transposed(*right).map(|column| apply(left, column)))
}

fn transposed(matrix: Matrix) -> Matrix {
    [0, 1, 2].map(|row| [0, 1, 2].map(|column| matrix[column][row]))
}

/// `None` for a matrix that has none, or nearly so.
pub(super) fn inverse(m: &Matrix) -> Option<Matrix> {
    // by cyclic indices, a cofactor has the right sign
    let cofactor = |row: usize, column: usize| {
        let (r1, r2) = ((row + 1) % 3, (row + 2) % 3);
        let (c1, c2) = ((column + 1) % 3, (column + 2) % 3);
        m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
    };
    let determinant =
        m[0][0] * cofactor(0, 0) + m[0][1] * cofactor(0, 1) + m[0][2] * cofactor(0, 2);
    let inverse = [0, 1, 2].map(|row| [0, 1, 2].map(|column| cofactor(column, row) / determinant));
    (determinant.is_finite() && determinant.abs() > 1e-6).then_some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_stays_white_and_srgb_stays_as_it_is() {
        for code in [1, 4, 5, 6, 8, 9, 10, 11, 12, 22] {
            let primaries = Primaries::of_h273(code).expect("a known code");
            let matrix = primaries.to_srgb().expect("they have a volume");
            for value in apply(&matrix, [1.0; 3]) {
                assert!((value - 1.0).abs() < 1e-9, "{code}: {value}");
            }
        }
        let matrix = Primaries::BT709.to_srgb().expect("it has a volume");
        for (value, wanted) in matrix.iter().flatten().zip(IDENTITY.iter().flatten()) {
            assert!((value - wanted).abs() < 1e-9);
        }
    }

    #[test]
    fn primaries_on_one_line_have_no_matrix() {
        let line = Primaries { blue: [0.47, 0.465], ..Primaries::BT709 };
        assert_eq!(line.to_srgb(), None);
        assert_eq!(Primaries { white: [0.0, 0.0], ..Primaries::BT709 }.to_srgb(), None);
    }
}
