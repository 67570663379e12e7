//! The HTTP API of Planet Image API: the only crate that uses axum.
//!
//! A handler reads its request, calls one method of the pipeline, and builds the response. Every
//! route is in `router.rs`; `problem.rs` maps every error to its status code.

mod access;
mod account_responses;
mod app;
mod authentication;
mod backlog_sampler;
mod caching;
mod client_address;
mod compression;
mod conditional;
mod config;
mod connection;
mod cookies;
mod credentials;
mod encoding_permits;
mod extract;
mod half_close;
mod headers;
mod hosts;
mod json_body;
mod list_query;
mod listed_owner;
mod middleware;
mod negotiate;
mod options;
mod overload;
mod page_cache;
mod pages;
mod problem;
mod readiness;
mod render_writer;
mod representation_cache;
mod request_body;
mod request_log;
mod response_budget;
mod response_writer;
mod responses;
mod router;
mod routes;
mod running_uploads;
mod security_schemes;
mod server;
mod session;
mod sign_in;
mod slow_readers;
mod thumbnail_cache;
mod tus;
mod upload;
mod upload_rate;
mod upload_slots;
mod value_responses;
mod values_query;

pub use app::App;
pub use config::Config;
pub use problem::{KINDS, Kind};
pub use router::router;
pub use server::{bind, serve};
