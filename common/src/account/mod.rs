//! Accounts: who uses a service, and what they may do.

pub mod principal;
pub mod scopes;
pub mod session;
pub mod sign_in;
pub mod user;
pub mod visibility;
