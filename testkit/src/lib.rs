//! Test helpers that the crates share: pictures and files, mutations of them, attacks on parsers,
//! waiting, servers, the list of the catalog's statements, and the service itself.
//!
//! Only a dev-dependency. The feature `tokio` adds the module `wait`; `service` adds the service
//! (`app`), attacks on it, and an identity provider. Unit tests of `asciify` may only use
//! [`samples`] and [`layering`]: to them, the types of `asciify` in other signatures are types of
//! another crate.

#[cfg(feature = "service")]
pub mod app;
pub mod attacks;
pub mod bombs;
pub mod cogs;
pub mod cpu;
pub mod env;
pub mod heifs;
pub mod instruments;
pub mod jp2s;
pub mod layering;
pub mod mutator;
pub mod pictures;
pub mod profiles;
#[cfg(feature = "service")]
pub mod provider;
pub mod samples;
pub mod seeds;
#[cfg(feature = "service")]
pub mod sign_in;
pub mod statements;
pub mod tiffs;
#[cfg(feature = "service")]
mod token_signer;
#[cfg(feature = "tokio")]
pub mod wait;
