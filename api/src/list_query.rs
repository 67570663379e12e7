//! The query of a list of images: its order, the search by name, and the place in it.

use asciify::is_display_control;
use axum::{extract::FromRequestParts, http::request::Parts};
use common::catalog::{Cursor, Page, Sort};

use crate::{
    app::App,
    extract::{excerpt, query},
    listed_owner::ListedOwner,
    problem::{BAD_PARAMETER, Problem},
};

/// Images on a page of the list.
const DEFAULT_LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 200;
/// The longest text that is searched for, in characters.
const MAX_SEARCH_CHARS: usize = 100;

/// The query of `GET /images`.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListQuery {
    /// Its owner is not set: see [`listed_owner`](crate::listed_owner::listed_owner).
    pub page: Page,
    /// Whose images are listed, if the query says it.
    pub owner: Option<ListedOwner>,
    /// What is searched for, as it was given; empty for every image.
    pub q: String,
    /// Whether the images are counted.
    pub counts: bool,
}

impl FromRequestParts<App> for ListQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        ListQuery::parse(&query(&parts.uri)?, app.sign_in.is_some())
    }
}

impl ListQuery {
    /// Parses the pairs of a query. Only a service with accounts has owners.
    ///
    /// # Errors
    /// 400 that names the parameter, and what it accepts.
    pub fn parse(pairs: &[(String, String)], has_accounts: bool) -> Result<Self, Problem> {
        let mut parsed = ListQuery::default();
        let page = &mut parsed.page;
        page.limit = DEFAULT_LIMIT;
        // parsed once the order is known
        let mut place = None;
        for (name, value) in pairs {
            match name.as_str() {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                    let accepts = format!("a whole number from 1 to {MAX_LIMIT}");
                    page.limit = limit.ok_or_else(|| Problem::parameter("limit", &accepts))?;
                }
                "sort" => {
                    let names = Sort::ALL.map(Sort::name).join(", ");
                    page.sort = Sort::named(value)
                        .ok_or_else(|| Problem::parameter("sort", &format!("one of {names}")))?;
                }
                "q" => {
                    page.words = words(value)?;
                    parsed.q = value.trim().to_owned();
                }
                "cursor" | "before" | "after" => {
                    if let Some((other, _)) = place.replace((name.as_str(), value)) {
                        let detail = format!("{name}: cannot be combined with {other}");
                        return Err(Problem::new(BAD_PARAMETER, detail));
                    }
                }
                "sha256" => {
                    let is_hash = value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit());
                    let hash = is_hash.then(|| value.to_lowercase());
                    let accepts = "64 hexadecimal digits";
                    page.sha256 = Some(hash.ok_or_else(|| Problem::parameter("sha256", accepts))?);
                }
                "count" => {
                    let counts = value.parse().ok();
                    parsed.counts =
                        counts.ok_or_else(|| Problem::parameter("count", "true or false"))?;
                }
                "owner" if has_accounts => parsed.owner = Some(ListedOwner::parse(value)?),
                _ => {
                    let known = match has_accounts {
                        true => "limit, cursor, before, after, sort, q, count, sha256 or owner",
                        false => "limit, cursor, before, after, sort, q, count or sha256",
                    };
                    let detail = format!("unknown parameter; expected {known}");
                    return Err(Problem::new(
                        BAD_PARAMETER,
                        format!("{}: {detail}", excerpt(name)),
                    ));
                }
            }
        }
        if let Some((name, value)) = place {
            page.cursor = Some(parse_place(name, value, page.sort)?);
            page.is_backward = name != "cursor";
        }
        let is_by_time = matches!(page.sort, Sort::Newest | Sort::Oldest);
        if page.sha256.is_some() && !(is_by_time && page.words.is_empty()) {
            let detail = "sha256: cannot be combined with q, or with sort=name or sort=size";
            return Err(Problem::new(BAD_PARAMETER, detail));
        }
        Ok(parsed)
    }

    /// The parameters of the list itself, without the place in it.
    pub fn filters(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if self.page.sort != Sort::default() {
            pairs.push(("sort", self.page.sort.name().to_owned()));
        }
        if !self.q.is_empty() {
            pairs.push(("q", self.q.clone()));
        }
        pairs.extend(self.page.sha256.clone().map(|hash| ("sha256", hash)));
        pairs.extend(self.owner.map(|owner| ("owner", owner.name().to_owned())));
        pairs
    }

    /// The address of the page that goes on from `next`, in the same direction, with `limit` images.
    pub fn address(&self, next: &Cursor, limit: u64) -> String {
        let direction = if self.page.is_backward { "before" } else { "cursor" };
        let path = "/images?";
        let mut query = form_urlencoded::Serializer::for_suffix(path.to_owned(), path.len());
        query.append_pair(direction, &next.to_string());
        query.append_pair("limit", &limit.to_string());
        query.extend_pairs(self.filters());
        query.finish()
    }
}

fn parse_place(name: &str, value: &str, sort: Sort) -> Result<Cursor, Problem> {
    match name {
        "after" if sort != Sort::Newest => {
            let detail = "after: only with sort=newest; before=CURSOR is for every order";
            Err(Problem::new(BAD_PARAMETER, detail))
        }
        "after" => Cursor::parse(value, sort)
            .ok_or_else(|| Problem::parameter("after", "the id of an image")),
        _ => Cursor::parse(value, sort).ok_or_else(|| {
            Problem::parameter(name, "the cursor of a `next` link with the same `sort`, unchanged")
        }),
    }
}

/// The words of a search. Names have no control characters.
fn words(q: &str) -> Result<Vec<String>, Problem> {
    if q.chars().count() > MAX_SEARCH_CHARS {
        let accepts = format!("at most {MAX_SEARCH_CHARS} characters");
        return Err(Problem::parameter("q", &accepts));
    }
    let visible: String = q.chars().filter(|&c| !is_display_control(c)).collect();
    Ok(visible.split_whitespace().map(str::to_owned).collect())
}
