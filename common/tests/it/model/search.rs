//! The search: every state that can be reached, breadth first, so that a story of what went wrong
//! is as short as can be.

use std::{
    collections::HashMap,
    fmt::Display,
    hash::{BuildHasherDefault, Hash, Hasher},
};

use super::wrong::Wrong;

/// What can happen, and what must not.
pub trait Protocol {
    type State: Copy + Eq + Hash;
    type Move: Display;

    /// What may follow `state`, with how. The memory of `found` is used again.
    fn next(
        &self,
        state: Self::State,
        found: Vec<(Self::Move, Self::State)>,
    ) -> Vec<(Self::Move, Self::State)>;

    /// What is wrong with `after`, which follows `before`.
    fn wrong(&self, before: &Self::State, after: &Self::State) -> Option<Wrong>;

    /// Whether the step between them is a fault.
    fn is_fault(&self, before: &Self::State, after: &Self::State) -> bool;

    /// Nothing is left to do.
    fn at_rest(&self, state: &Self::State) -> bool;
}

/// A search that got through without finding anything wrong.
#[derive(Debug)]
pub struct Searched {
    pub states: usize,
    pub steps: usize,
}

/// What went wrong, and how it came to that.
#[derive(Debug)]
pub struct Violation {
    pub wrong: Wrong,
    pub story: String,
}

/// Looks at everything that can follow from `start`.
fn search<P: Protocol>(rules: &P, start: P::State) -> Result<Searched, Box<Violation>> {
    let mut seen = Seen { states: Vec::new(), before: Vec::new(), places: HashMap::default() };
    seen.add(start, 0);
    // steps without a fault, backwards, as pairs of places
    let mut calm = Vec::new();
    let (mut at, mut steps, mut found) = (0, 0, Vec::new());
    while at < seen.states.len() {
        let state = seen.states[at];
        found = rules.next(state, found);
        for (how, after) in &found {
            steps += 1;
            if let Some(wrong) = rules.wrong(&state, after) {
                let story = seen.story(rules, at, Some(how));
                return Err(Box::new(Violation { wrong, story }));
            }
            let to = seen.add(*after, at as u32);
            if !rules.is_fault(&state, after) {
                calm.push((to, at as u32));
            }
        }
        at += 1;
    }
    match seen.stuck(rules, calm) {
        Some(at) => {
            Err(Box::new(Violation { wrong: Wrong::Stuck, story: seen.story(rules, at, None) }))
        }
        None => Ok(Searched { states: seen.states.len(), steps }),
    }
}

/// Checks that nothing goes wrong from there, and that everything comes to rest.
#[track_caller]
pub fn holds<P: Protocol>(rules: P, start: P::State) {
    match search(&rules, start) {
        Ok(searched) => println!("{} states, {} steps", searched.states, searched.steps),
        Err(violation) => panic!("{}:\n{}", violation.wrong, violation.story),
    }
}

/// The first thing that goes wrong from there.
#[track_caller]
pub fn caught<P: Protocol>(rules: P, start: P::State) -> Wrong {
    let violation = search(&rules, start).expect_err("the broken rule is not missed");
    println!("{}:\n{}", violation.wrong, violation.story);
    violation.wrong
}

/// Every state so far, each with the place of the one before it.
struct Seen<P: Protocol> {
    states: Vec<P::State>,
    before: Vec<u32>,
    places: HashMap<u64, u32, BuildHasherDefault<Asis>>,
}

impl<P: Protocol> Seen<P> {
    /// The place of the state, which is new or not.
    fn add(&mut self, state: P::State, before: u32) -> u32 {
        let mut mixer = Mixer(0);
        state.hash(&mut mixer);
        let mut print = mixer.finish();
        loop {
            match self.places.get(&print) {
                Some(&at) if self.states[at as usize] == state => return at,
                // two states with one fingerprint
                Some(_) => print = print.wrapping_add(1),
                None => break,
            }
        }
        let at = self.states.len() as u32;
        self.places.insert(print, at);
        self.states.push(state);
        self.before.push(before);
        at
    }

    /// The first state from which no calm step after another leads to rest.
    fn stuck(&self, rules: &P, mut calm: Vec<(u32, u32)>) -> Option<usize> {
        calm.sort_unstable();
        let mut good: Vec<bool> = self.states.iter().map(|state| rules.at_rest(state)).collect();
        let mut open: Vec<u32> = (0..good.len() as u32).filter(|at| good[*at as usize]).collect();
        while let Some(to) = open.pop() {
            let first = calm.partition_point(|pair| pair.0 < to);
            for (_, from) in calm[first..].iter().take_while(|pair| pair.0 == to) {
                if !good[*from as usize] {
                    good[*from as usize] = true;
                    open.push(*from);
                }
            }
        }
        good.iter().position(|good| !good)
    }

    fn story(&self, rules: &P, at: usize, last: Option<&P::Move>) -> String {
        let mut lines: Vec<String> = last.map(P::Move::to_string).into_iter().collect();
        let mut at = at;
        while at != 0 {
            let before = self.before[at] as usize;
            let next = rules.next(self.states[before], Vec::new());
            let step = next.iter().find(|(_, after)| *after == self.states[at]);
            lines.push(step.map_or_else(String::new, |(how, _)| how.to_string()));
            at = before;
        }
        let numbered = lines.iter().rev().enumerate();
        numbered.map(|(n, line)| format!("{:>3}. {line}\n", n + 1)).collect()
    }
}

/// Mixes small numbers well and quickly, in a build without optimisation too.
struct Mixer(u64);

impl Mixer {
    fn mix(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        self.0 = mixed ^ mixed >> 32;
    }
}

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.mix(u64::from(*byte)));
    }

    fn write_u8(&mut self, byte: u8) {
        self.mix(u64::from(byte));
    }

    fn write_isize(&mut self, word: isize) {
        self.mix(word as u64);
    }
}

/// What is mixed already.
#[derive(Default)]
struct Asis(u64);

impl Hasher for Asis {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("fingerprints are single words");
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }
}
