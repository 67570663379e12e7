//! What is done around every request, in one layer: each further layer of a router would box what is
//! below it, and clone it for each request.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    extract::{Request, State},
    http::header,
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;

use crate::{
    app::App,
    compression::{Codings, Compressor},
    headers::set_cache_control,
    hosts::{self, Hosts},
    problem::Problem,
    request_body::Rest,
    request_log::log_request,
    response_budget::{ResponseBudget, reserve_body},
};

/// The state of the middleware.
pub(crate) struct Middleware {
    hosts: Hosts,
    /// `PUBLIC_URL` of a service with accounts.
    public_url: Option<String>,
    compressor: Compressor,
    budget: ResponseBudget,
}

impl Middleware {
    pub fn new(app: &App) -> Self {
        let budget = app.response_budget.clone();
        Middleware {
            hosts: app.config.allowed_hosts.clone(),
            public_url: app.sign_in.as_ref().map(|it| it.config.public_url.to_string()),
            compressor: Compressor::new(budget.clone(), app.representations.clone()),
            budget,
        }
    }

    /// The response to a request that is logged.
    async fn respond(&self, mut request: Request, next: Next) -> Response {
        let rest = Rest::of(&mut request);
        let mut response = match self.check(&mut request) {
            Err(problem) => problem.into_response(),
            Ok(()) => {
                let response = AssertUnwindSafe(self.encoded(request, next)).catch_unwind().await;
                response.unwrap_or_else(|_| Problem::bug().into_response())
            }
        };
        set_cache_control(&mut response);
        if let Some(rest) = rest {
            rest.discard(response.status()).await;
        }
        response
    }

    fn check(&self, request: &mut Request) -> Result<(), Problem> {
        hosts::check(&self.hosts, request)?;
        self.check_origin(request)
    }

    /// Refuses a change that a page of another origin than `PUBLIC_URL` makes. Without
    /// `Sec-Fetch-Site`, [`CsrfLayer`](tower_http::csrf::CsrfLayer) compares hosts alone: a page that
    /// came by http, where others may change it on its way, would be as good as one by https.
    fn check_origin(&self, request: &Request) -> Result<(), Problem> {
        let headers = request.headers();
        let is_known = request.method().is_safe() || headers.contains_key("sec-fetch-site");
        let origin = headers.get(header::ORIGIN).filter(|_| !is_known);
        match self.public_url.as_ref().zip(origin) {
            Some((ours, theirs)) if theirs.as_bytes() != ours.as_bytes() => {
                Err(Problem::cross_site())
            }
            _ => Ok(()),
        }
    }

    /// The response of the handler, compressed and within the budget.
    async fn encoded(&self, mut request: Request, next: Next) -> Response {
        let codings = Codings::take(&mut request);
        let response = next.run(request).await;
        let response = self.compressor.compress(response, &codings).await;
        reserve_body(&self.budget, response).await
    }
}

/// Serves a request: logs it, refuses those for other hosts or from other sites, catches a panic of
/// its handler, compresses the response within the budget, and reads what the handler leaves of its
/// body.
pub(crate) async fn around(
    State(middleware): State<Arc<Middleware>>,
    request: Request,
    next: Next,
) -> Response {
    log_request(request, |request| middleware.respond(request, next)).await
}
