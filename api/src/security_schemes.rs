//! What the OpenAPI document of a service with accounts says of credentials.

use utoipa::openapi::{
    HttpMethod, OpenApi, PathItem, Ref, Response, ResponseBuilder,
    content::ContentBuilder,
    path::{Operation, ParameterBuilder, ParameterIn},
    schema::{ObjectBuilder, Type},
    security::{
        ApiKey, ApiKeyValue, Http, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
    },
};

const TOKEN: &str = "token";
const PASSWORD: &str = "password";
const SESSION: &str = "session";

/// Who may call an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Everyone; credentials are not looked at.
    Open,
    /// Everyone; with credentials, there is more to read.
    Readers,
    /// Users.
    Users,
    /// Users who are signed in with a browser.
    People,
}

/// Adds the security schemes, which of them each operation accepts, and the responses to others.
/// `cookie` is the name of the cookie of a session.
pub(crate) fn add_security(document: &mut OpenApi, cookie: &str) {
    let http = |scheme, description: &str| -> Http {
        HttpBuilder::new().scheme(scheme).description(Some(description)).build()
    };
    let token = http(HttpAuthScheme::Bearer, "A token, which `/account` makes.");
    let password = http(HttpAuthScheme::Basic, "Any user name, and a token as the password.");
    let session = ApiKeyValue::with_description(cookie, "A browser that signed in.");
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(token));
    components.add_security_scheme(PASSWORD, SecurityScheme::Http(password));
    components.add_security_scheme(SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            let access = access(&method, path);
            operation.security = Some(requirements(access));
            add_responses(operation, access);
            if method == HttpMethod::Get && (path == "/" || path == "/images") {
                operation.parameters.get_or_insert_default().push(owner());
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    let all = [
        (HttpMethod::Get, &mut item.get),
        (HttpMethod::Head, &mut item.head),
        (HttpMethod::Post, &mut item.post),
        (HttpMethod::Patch, &mut item.patch),
        (HttpMethod::Delete, &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn access(method: &HttpMethod, path: &str) -> Access {
    let is_read = *method == HttpMethod::Get && !path.contains("/shares");
    match path.split('/').nth(1).unwrap_or_default() {
        "account" => Access::People,
        "admin" => Access::Users,
        "" | "images" if is_read => Access::Readers,
        "images" | "uploads" => Access::Users,
        _ => Access::Open,
    }
}

/// Whether an operation accepts a token, or needs one.
pub(crate) fn accepts_token(operation: &Operation) -> bool {
    operation.security.iter().flatten().any(|accepted| *accepted == one(TOKEN))
}

fn one(scheme: &str) -> SecurityRequirement {
    SecurityRequirement::new(scheme, [] as [&str; 0])
}

fn requirements(access: Access) -> Vec<SecurityRequirement> {
    match access {
        Access::Open => Vec::new(),
        Access::Readers => {
            vec![SecurityRequirement::default(), one(TOKEN), one(PASSWORD), one(SESSION)]
        }
        Access::Users => vec![one(TOKEN), one(PASSWORD), one(SESSION)],
        Access::People => vec![one(SESSION)],
    }
}

/// The responses to credentials that are missing or not enough, where the operation does not
/// describe them itself.
fn add_responses(operation: &mut Operation, access: Access) {
    let responses = &mut operation.responses.responses;
    let mut add = |status: &str, description: &str| {
        responses.entry(status.to_owned()).or_insert_with(|| problem(description).into());
    };
    match access {
        Access::Open => {}
        Access::Readers => {
            add("401", "The token is not valid.");
            add("403", "The token lacks the scope `read`.");
        }
        Access::Users | Access::People => {
            add("401", "Not signed in, or the token is not valid.");
            add("403", "The user may not do this, or the token lacks the scope.");
        }
    }
}

fn problem(description: &str) -> Response {
    let body = Ref::from_schema_name("ProblemBody");
    let content = ContentBuilder::new().schema(Some(body)).build();
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content)
        .build()
}

/// The parameter `owner` of lists.
fn owner() -> utoipa::openapi::path::Parameter {
    let values = ["me", "public", "any"];
    let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values));
    ParameterBuilder::new()
        .name("owner")
        .parameter_in(ParameterIn::Query)
        .description(Some(
            "`me`, the default of who is signed in; `public`: public images; or `any`: all that \
             they may read.",
        ))
        .schema(Some(schema))
        .build()
}
