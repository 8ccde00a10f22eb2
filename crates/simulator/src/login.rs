//! Entra ID: client credentials against `/{directory}/oauth2/v2.0/token`, with a secret or a signed
//! assertion.
//!
//! Errors bear Entra's AADSTS numbers, the ones an operator meets in practice.

mod assertion;

use std::collections::HashMap;

use axum::http::{Method, StatusCode, header};
use serde_json::json;
use uuid::Uuid;

use super::message::{Call, Reply};
use super::state::{AppRegistration, State, Tenant};
use crate::words;

/// Graph's and Entra's host in each of the four clouds: tokens are asked for one of the former,
/// and assertions are made for the latter.
const CLOUDS: [(&str, &str); 4] = [
    ("graph.microsoft.com", "login.microsoftonline.com"),
    ("graph.microsoft.us", "login.microsoftonline.us"),
    ("dod-graph.microsoft.us", "login.microsoftonline.us"),
    ("microsoftgraph.chinacloudapi.cn", "login.chinacloudapi.cn"),
];
/// How long an access token lives, in seconds, as Entra most often says.
const LIFETIME: i64 = 3599;

/// A refusal of Entra's.
struct Refusal {
    status: StatusCode,
    error: &'static str,
    number: u32,
    text: String,
}

impl Refusal {
    fn bad(error: &'static str, number: u32, text: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, number, text: text.into() }
    }

    fn client(number: u32, text: impl Into<String>) -> Self {
        let status = StatusCode::UNAUTHORIZED;
        Self { status, error: "invalid_client", number, text: text.into() }
    }

    fn missing(field: &str) -> Self {
        let text = format!("The request body must contain the following parameter: '{field}'.");
        Self::bad("invalid_request", 900_144, text)
    }
}

/// The directory that a path signs in to; `None` for paths that are no sign-in.
pub(super) fn directory(path: &str) -> Option<&str> {
    let directory = path.strip_prefix('/')?.strip_suffix("/oauth2/v2.0/token")?;
    (!directory.contains('/')).then_some(directory)
}

pub(super) fn answer(state: &State, call: &Call, directory: &str) -> Reply {
    match token(state, call, directory) {
        Ok(token) => Reply::json(
            StatusCode::OK,
            json!({
                "token_type": "Bearer",
                "expires_in": LIFETIME,
                "ext_expires_in": LIFETIME,
                "access_token": token,
            }),
        )
        .with(header::CACHE_CONTROL, "no-store, no-cache")
        .with(header::DATE, &httpdate::fmt_http_date(state.now().into())),
        Err(refusal) => refuse(state, &refusal),
    }
}

/// A fault's status in Entra's error shape.
pub(super) fn unavailable(state: &State, status: StatusCode) -> Reply {
    let text = "The service is temporarily unavailable.".to_owned();
    refuse(state, &Refusal { status, error: "temporarily_unavailable", number: 90_033, text })
}

fn refuse(state: &State, refusal: &Refusal) -> Reply {
    let (trace, correlation) = (Uuid::new_v4(), Uuid::new_v4());
    let timestamp = state.now().format("%Y-%m-%d %H:%M:%SZ");
    let body = json!({
        "error": refusal.error,
        "error_description": format!(
            "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
            refusal.number, refusal.text
        ),
        "error_codes": [refusal.number],
        "timestamp": timestamp.to_string(),
        "trace_id": trace.to_string(),
        "correlation_id": correlation.to_string(),
        "error_uri": format!(
            "https://login.microsoftonline.com/error?code={}", refusal.number
        ),
    });
    Reply::json(refusal.status, body)
        .with(header::DATE, &httpdate::fmt_http_date(state.now().into()))
}

fn token(state: &State, call: &Call, directory: &str) -> Result<String, Refusal> {
    if call.method != Method::POST {
        let text = "Endpoint only accepts POST requests.";
        return Err(Refusal::bad("invalid_request", 900_561, text));
    }
    if call.media_type().as_deref() != Some("application/x-www-form-urlencoded") {
        return Err(Refusal::missing("grant_type"));
    }
    let mut form = HashMap::new();
    for (name, value) in url::form_urlencoded::parse(&call.body) {
        if form.insert(name.to_string(), value.into_owned()).is_some() {
            let text = format!("The parameter '{name}' is duplicated.");
            return Err(Refusal::bad("invalid_request", 9_000_411, text));
        }
    }
    let field = |name: &str| {
        form.get(name).filter(|value| !value.is_empty()).ok_or_else(|| Refusal::missing(name))
    };

    match field("grant_type")?.as_str() {
        "client_credentials" => {}
        other => {
            let text = format!("The app requested an unsupported grant type '{other}'.");
            return Err(Refusal::bad("unsupported_grant_type", 70_003, text));
        }
    }
    let client = field("client_id")?;
    let scope = field("scope")?;
    let cloud = CLOUDS.iter().find(|(graph, _)| *scope == format!("https://{graph}/.default"));
    let Some((_, login)) = cloud else {
        let text = format!("The provided value for scope {scope} is not valid.");
        return Err(Refusal::bad("invalid_scope", 1_002_012, text));
    };
    let unknown = || {
        let text = format!(
            "Tenant '{directory}' not found. Check to make sure you have the correct tenant ID \
             and are signing into the correct cloud."
        );
        Refusal::bad("invalid_request", 90_002, text)
    };
    let id = words::tenant_id(directory).ok_or_else(unknown)?;
    let proof = match assertion::of_form(&form)? {
        Some(text) => {
            Proof::Assertion { text, audience: format!("https://{login}/{id}/oauth2/v2.0/token") }
        }
        None => match form.get("client_secret").filter(|secret| !secret.is_empty()) {
            Some(secret) => Proof::Secret(secret),
            None => Proof::None,
        },
    };
    let roles =
        state.look(id, |tenant| roles(state, tenant, client, &proof)).ok_or_else(unknown)??;
    Ok(state.grant(id, &roles, LIFETIME))
}

/// What a client shows to prove which application it is.
enum Proof<'a> {
    Secret(&'a str),
    Assertion {
        text: &'a str,
        /// The address that the application's own assertions name.
        audience: String,
    },
    None,
}

/// The permissions of an application that proves itself.
fn roles(
    state: &State,
    tenant: &Tenant,
    client: &str,
    proof: &Proof<'_>,
) -> Result<Vec<String>, Refusal> {
    let app = tenant.apps.iter().find(|app| app.client_id.eq_ignore_ascii_case(client));
    let app = app.ok_or_else(|| {
        let text = format!(
            "Application with identifier '{client}' was not found in the directory '{}'. This can \
             happen if the application has not been installed by the administrator of the tenant \
             or consented to by any user in the tenant.",
            tenant.tenant_id
        );
        Refusal::bad("unauthorized_client", 700_016, text)
    })?;
    match proof {
        Proof::Secret(given) => secret(state, app, given)?,
        Proof::Assertion { text, audience } => {
            assertion::check(app, text, audience, state.now())?;
        }
        Proof::None => {
            let text = "'client_assertion', 'client_secret' or 'request' is required for the \
                        'client_credentials' grant type.";
            return Err(Refusal::client(7_000_216, text));
        }
    }
    Ok(app.roles.clone())
}

fn secret(state: &State, app: &AppRegistration, given: &str) -> Result<(), Refusal> {
    let client = &app.client_id;
    // An application without a secret has an empty one, which nobody can present.
    if given != app.secret {
        let text = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the \
             client secret value, not the client secret ID, for a secret added to app '{client}'."
        );
        return Err(Refusal::client(7_000_215, text));
    }
    if app.secret_expires.is_some_and(|end| end <= state.now()) {
        let text = format!("The provided client secret keys for app '{client}' are expired.");
        return Err(Refusal::client(7_000_222, text));
    }
    Ok(())
}
