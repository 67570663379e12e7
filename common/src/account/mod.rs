//! Accounts: who uses a service, and what they may do.

pub mod audit;
pub mod principal;
pub mod scopes;
pub mod secret;
pub mod session;
pub mod settings;
pub mod share;
pub mod sign_in;
pub mod token;
pub mod user;
