//! Tests of the HTTP API with the embedded backends: a real port, SQLite, files, and a worker that
//! the test runs. One binary, so that it links once.

mod checks;
mod compression;
mod conditions;
mod crowds;
mod documents;
mod events;
mod framing;
mod hostile;
mod journey;
mod keys;
mod lanes;
mod layering;
mod lists;
mod mutations;
mod negotiation;
mod operations;
mod originals;
mod pages;
mod pictures;
mod play;
mod programs;
mod refusals;
mod regions;
mod rendering;
mod serving;
mod settings;
mod thumbnails;
mod transport;
mod values;
mod versions;
mod wire;
mod written;
