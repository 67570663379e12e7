//! A set for the states of the model.

/// The most requests, blobs or entries of the garbage collection that a world with a few faults has
/// at once.
const CAPACITY: usize = 7;

/// A small sorted set without heap memory: worlds are copied often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SmallSet<T, const N: usize = CAPACITY>([Option<T>; N]);

impl<T: Copy + Ord, const N: usize> SmallSet<T, N> {
    pub const NONE: Self = SmallSet([None; N]);

    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.0.iter().map_while(|item| *item)
    }

    pub fn is_empty(&self) -> bool {
        self.0[0].is_none()
    }

    pub fn has(&self, item: T) -> bool {
        self.0.contains(&Some(item))
    }

    pub fn add(&mut self, item: T) {
        let at = self.iter().take_while(|other| *other < item).count();
        assert!(self.0[N - 1].is_none(), "the set is full");
        self.0[at..].rotate_right(1);
        self.0[at] = Some(item);
    }

    /// Whether it was there.
    pub fn remove(&mut self, item: T) -> bool {
        let found = self.0.iter().position(|other| *other == Some(item));
        if let Some(at) = found {
            self.0[at] = None;
            self.0[at..].rotate_left(1);
        }
        found.is_some()
    }
}
