//! Entra ID: client credentials against `/{directory}/oauth2/v2.0/token`, with a secret or a signed
//! assertion; `person` has the sign-in of people, and the consent of an administrator.
//!
//! Errors bear Entra's AADSTS numbers, the ones an operator meets in practice.

mod assertion;
mod person;

use std::collections::HashMap;

use axum::http::{Method, StatusCode, header};
use serde_json::json;
use uuid::Uuid;

use super::message::{Call, Reply};
use super::state::{AppRegistration, Claims, Permissions, State, Tenant};
use crate::words::{self, TenantId};

pub(super) use person::SignIns;

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

/// What Entra answers below a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Token,
    DeviceCode,
    Authorize,
    AdminConsent,
    Discovery,
}

fn place(path: &str) -> Option<(&str, Place)> {
    let (directory, rest) = path.strip_prefix('/')?.split_once('/')?;
    let place = match rest {
        "oauth2/v2.0/token" => Place::Token,
        "oauth2/v2.0/devicecode" => Place::DeviceCode,
        "oauth2/v2.0/authorize" => Place::Authorize,
        "adminconsent" => Place::AdminConsent,
        "v2.0/.well-known/openid-configuration" => Place::Discovery,
        _ => return None,
    };
    Some((directory, place))
}

/// The directory that a path signs in to; `None` for paths that are no sign-in.
pub(super) fn directory(path: &str) -> Option<&str> {
    place(path).map(|(directory, _)| directory)
}

/// An access token, and what a person may go on with.
struct Issued {
    access: String,
    refresh: Option<String>,
}

pub(super) fn answer(state: &State, call: &Call) -> Reply {
    let Some((directory, place)) = place(&call.path) else {
        return Reply::empty(StatusCode::NOT_FOUND);
    };
    let answered = match place {
        Place::Token => token(state, call, directory).map(|issued| body(&issued)),
        Place::DeviceCode => person::device_code(state, call, directory),
        Place::Authorize => person::authorize(state, call, directory),
        Place::AdminConsent => person::admin_consent(state, call, directory),
        Place::Discovery => discovery(state, directory),
    };
    match answered {
        Ok(reply) => reply
            .with(header::CACHE_CONTROL, "no-store, no-cache")
            .with(header::DATE, &httpdate::fmt_http_date(state.now().into())),
        Err(refusal) => refuse(state, &refusal),
    }
}

/// The document that tells everybody which tenant a domain belongs to.
fn discovery(state: &State, directory: &str) -> Result<Reply, Refusal> {
    let has = |id: &TenantId| {
        let known =
            |tenant: &Tenant| tenant.domains.iter().any(|one| one.eq_ignore_ascii_case(directory));
        state.look(*id, known).unwrap_or_default()
    };
    let id = match state.tenants().into_iter().find(has) {
        Some(id) => id,
        None => tenant_of(state, directory)?,
    };
    let at = |what: &str| format!("https://login.microsoftonline.com/{id}{what}");
    Ok(Reply::json(
        StatusCode::OK,
        json!({
            "issuer": at("/v2.0"),
            "token_endpoint": at("/oauth2/v2.0/token"),
            "authorization_endpoint": at("/oauth2/v2.0/authorize"),
            "device_authorization_endpoint": at("/oauth2/v2.0/devicecode"),
        }),
    ))
}

fn body(issued: &Issued) -> Reply {
    let mut body = json!({
        "token_type": "Bearer",
        "expires_in": LIFETIME,
        "ext_expires_in": LIFETIME,
        "access_token": issued.access,
    });
    if let Some(refresh) = &issued.refresh {
        body["refresh_token"] = json!(refresh);
    }
    Reply::json(StatusCode::OK, body)
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

/// The form of a request, each field once.
fn form(call: &Call) -> Result<HashMap<String, String>, Refusal> {
    if call.method != Method::POST {
        let text = "Endpoint only accepts POST requests.";
        return Err(Refusal::bad("invalid_request", 900_561, text));
    }
    if call.media_type().as_deref() != Some("application/x-www-form-urlencoded") {
        return Err(Refusal::missing("grant_type"));
    }
    pairs(&call.body)
}

fn pairs(text: &[u8]) -> Result<HashMap<String, String>, Refusal> {
    let mut form = HashMap::new();
    for (name, value) in url::form_urlencoded::parse(text) {
        if form.insert(name.to_string(), value.into_owned()).is_some() {
            let text = format!("The parameter '{name}' is duplicated.");
            return Err(Refusal::bad("invalid_request", 9_000_411, text));
        }
    }
    Ok(form)
}

fn field<'a>(form: &'a HashMap<String, String>, name: &str) -> Result<&'a str, Refusal> {
    let value = form.get(name).filter(|value| !value.is_empty());
    value.map(String::as_str).ok_or_else(|| Refusal::missing(name))
}

/// The tenant that a path names.
fn tenant_of(state: &State, directory: &str) -> Result<TenantId, Refusal> {
    let known = words::tenant_id(directory).filter(|id| state.look(*id, |_| ()).is_some());
    known.ok_or_else(|| {
        let text = format!(
            "Tenant '{directory}' not found. Check to make sure you have the correct tenant ID \
             and are signing into the correct cloud."
        );
        Refusal::bad("invalid_request", 90_002, text)
    })
}

fn token(state: &State, call: &Call, directory: &str) -> Result<Issued, Refusal> {
    let form = form(call)?;
    match field(&form, "grant_type")? {
        "client_credentials" => {}
        "authorization_code" | "refresh_token" | person::DEVICE_CODE => {
            return person::token(state, &form, directory);
        }
        other => {
            let text = format!("The app requested an unsupported grant type '{other}'.");
            return Err(Refusal::bad("unsupported_grant_type", 70_003, text));
        }
    }
    let client = field(&form, "client_id")?;
    let scope = field(&form, "scope")?;
    let cloud = CLOUDS.iter().find(|(graph, _)| scope == format!("https://{graph}/.default"));
    let Some((graph, login)) = cloud else {
        let text = format!("The provided value for scope {scope} is not valid.");
        return Err(Refusal::bad("invalid_scope", 1_002_012, text));
    };
    let id = tenant_of(state, directory)?;
    let proof = match assertion::of_form(&form)? {
        Some(text) => {
            Proof::Assertion { text, audience: format!("https://{login}/{id}/oauth2/v2.0/token") }
        }
        None => match form.get("client_secret").filter(|secret| !secret.is_empty()) {
            Some(secret) => Proof::Secret(secret),
            None => Proof::None,
        },
    };
    let roles = state.look(id, |tenant| roles(state, tenant, client, &proof));
    let roles = roles.unwrap_or_else(|| tenant_of(state, directory).map(|_| Vec::new()))?;
    let claims = Claims { graph, client, tenant: id, permissions: Permissions::Roles(&roles) };
    let access = state.grant(&claims, LIFETIME);
    Ok(Issued { access, refresh: None })
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

/// The application as the tenant has it, where its administrator has consented to it.
fn app_of<'t>(
    state: &State,
    tenant: &'t Tenant,
    client: &str,
) -> Result<&'t AppRegistration, Refusal> {
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
    if app.replicates_until.is_some_and(|end| state.now() < end) {
        let text = format!(
            "The client application '{client}' is missing service principal in the tenant '{}'.",
            tenant.tenant_id
        );
        return Err(Refusal::client(7_000_229, text));
    }
    if app.unconsented {
        let text = format!(
            "The user or administrator has not consented to use the application with ID \
             '{client}'. Send an interactive authorization request for this user and resource."
        );
        return Err(Refusal::bad("invalid_grant", 65_001, text));
    }
    Ok(app)
}

/// The permissions of an application that proves itself.
fn roles(
    state: &State,
    tenant: &Tenant,
    client: &str,
    proof: &Proof<'_>,
) -> Result<Vec<String>, Refusal> {
    let app = app_of(state, tenant, client)?;
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
