//! The HTTP door over the embedded house, as stories: a real port, SQLite, files, and a worker that
//! the story plays. One binary, so that it links once.

#[path = "../../../asciify/tests/it/chance.rs"]
mod chance;
mod checks;
mod coding;
mod conditions;
mod crowds;
mod documents;
mod events;
mod framing;
mod hostile;
mod journey;
mod keys;
mod mutations;
mod negotiation;
mod operations;
mod originals;
mod pages;
mod pictures;
mod programs;
mod refusals;
mod rendering;
mod settings;
mod support;
mod transport;
mod versions;
mod wire;
mod written;
