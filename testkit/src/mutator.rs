//! Random mutations of files, the same on every run.

use fastrand::Rng;

/// Bytes at the start of a file that most of the rest depends on.
const HEAD: usize = 80;
/// The longest piece that is duplicated, moved or removed, in bytes.
const PIECE: usize = 48;

/// `bytes` with some of them changed, duplicated, moved or removed, or with pieces of `other`.
pub fn mutated(bytes: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.usize(1..=5) {
        let end = if rng.bool() { bytes.len() } else { bytes.len().min(HEAD) };
        let at = rng.usize(0..=end);
        let piece = at..bytes.len().min(at + rng.usize(0..PIECE));
        match rng.u8(0..9) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(piece)),
            2 => {
                let double = bytes[piece].to_vec();
                bytes.splice(at..at, double);
            }
            3 => {
                let moved: Vec<u8> = bytes.drain(piece).collect();
                let to = rng.usize(0..=bytes.len());
                bytes.splice(to..to, moved);
            }
            4 => {
                let from = rng.usize(0..=other.len());
                let to = other.len().min(from + piece.len());
                bytes.splice(piece, other[from..to].iter().copied());
            }
            5 => {
                let extreme = extreme(rng);
                let end = bytes.len().min(at + extreme.len());
                bytes.splice(at..end, extreme);
            }
            _ if at < bytes.len() => bytes[at] ^= 1 << rng.u8(0..8),
            _ => bytes.push(rng.u8(..)),
        }
    }
    bytes
}

/// A number of one to eight bytes, in either byte order, near which sums and products overflow.
fn extreme(rng: &mut Rng) -> Vec<u8> {
    let length = rng.choice([1, 2, 4, 8]).expect("there are four");
    let most = u64::MAX >> (64 - 8 * length);
    let edge = rng.choice([0, 1, most / 2, most / 2 + 1, most - 1, most]).expect("there are six");
    let bytes = edge.to_be_bytes()[8 - length..].to_vec();
    if rng.bool() { bytes.into_iter().rev().collect() } else { bytes }
}

/// Calls `attack` with every seed as it is, then mutated `rounds` times, and prints the seed's name
/// before.
pub fn with_mutations(seeds: Vec<(String, Vec<u8>)>, rounds: usize, mut attack: impl FnMut(&[u8])) {
    let mut rng = Rng::with_seed(0x9e37_79b9_7f4a_7c15);
    for (name, seed) in &seeds {
        println!("{name}");
        attack(seed);
        for round in 0..rounds {
            let (_, other) = &seeds[rng.usize(0..seeds.len())];
            println!("{name}, mutation {round}");
            attack(&mutated(seed, other, &mut rng));
        }
    }
}
