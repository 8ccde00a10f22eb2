//! Microsoft Graph: who may call, what there is, and the answers of the three resources.
//!
//! An answer is made in Graph's order: access token, then path, then method and permission, then
//! licence and approval, then body. Everything is synchronous; faults, `$batch` and sockets are `dispatch`'s.

mod approval;
pub(super) mod batch;
mod body;
mod contract;
mod enrollment;
mod failure;
mod push;
mod route;
pub(super) mod shape;
mod vpp;

use axum::http::header::{self, HeaderName};
use axum::http::{Method, StatusCode};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::journal::Violation;
use super::message::{Call, Content, Reply, query_value};
use super::state::{Grant, NoGrant, State, StateError};
use crate::words::TenantId;
pub(super) use failure::Failure;
use route::Target;
use shape::Version;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const DIAGNOSTIC: HeaderName = HeaderName::from_static("x-ms-ags-diagnostic");
/// The query options that are answered; Graph ignores or refuses others by resource, so a client
/// must not rely on them.
const OPTIONS: [&str; 3] = ["$top", "$select", "$skiptoken"];

/// A success: status and body.
struct Success {
    status: StatusCode,
    body: Option<Value>,
}

impl Success {
    fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body) }
    }

    fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None }
    }
}

type Answer = Result<Success, Failure>;

/// What every handler needs.
struct Context<'a> {
    state: &'a State,
    /// `http://127.0.0.1:<port>`, which `@odata.nextLink` and others begin with.
    origin: &'a str,
    call: &'a Call,
    version: Version,
    grant: &'a Grant,
    now: DateTime<Utc>,
}

impl Context<'_> {
    fn tenant(&self) -> TenantId {
        self.grant.tenant
    }

    /// `@odata.context` for what stands at `fragment`.
    fn odata(&self, fragment: &str) -> Value {
        json!(format!("{}/{}/$metadata#{fragment}", self.origin, self.version.segment()))
    }

    /// An object, with the `@odata.context` that Graph puts before its members.
    fn object(&self, fragment: &str, members: impl IntoIterator<Item = (String, Value)>) -> Value {
        let context = ("@odata.context".to_owned(), self.odata(fragment));
        Value::Object(std::iter::once(context).chain(members).collect())
    }

    fn violation(&self, what: &str) {
        record(self.state, self.call, Some(self.tenant()), what);
    }

    /// A collection's answer, in pages where the tenant or the caller wants them.
    fn collection(&self, path: &str, items: Vec<Value>, counted: bool) -> Success {
        let query = self.call.query.as_deref();
        let number = |name| query_value(query, name).and_then(|text| text.parse::<usize>().ok());
        let limit = self.state.look(self.tenant(), |tenant| tenant.switches.page_size).flatten();
        let size = [limit, number("$top")].into_iter().flatten().min().unwrap_or(usize::MAX);
        let from = number("$skiptoken").unwrap_or(0);
        let total = items.len();
        let page: Vec<_> =
            items.into_iter().skip(from).take(size).map(|item| self.selected(item)).collect();
        let next = from.saturating_add(page.len());

        let mut body = json!({ "@odata.context": self.odata(path), "value": page });
        if let Some(body) = body.as_object_mut() {
            if counted {
                body.insert("@odata.count".to_owned(), json!(total));
            }
            // A page size of zero would page for ever.
            if next < total && size > 0 {
                let link = format!(
                    "{}/{}/{path}?%24skiptoken={next}",
                    self.origin,
                    self.version.segment()
                );
                body.insert("@odata.nextLink".to_owned(), json!(link));
            }
        }
        Success::ok(body)
    }

    /// The properties that `$select` names; all without it.
    fn selected(&self, item: Value) -> Value {
        let Some(select) = query_value(self.call.query.as_deref(), "$select") else {
            return item;
        };
        match item {
            Value::Object(object) => Value::Object(
                object
                    .into_iter()
                    .filter(|(name, _)| {
                        name.starts_with('@') || select.split(',').any(|wanted| wanted == name)
                    })
                    .collect(),
            ),
            other => other,
        }
    }
}

/// Answers one request to Graph, `$batch` excepted.
pub(super) fn answer(state: &State, origin: &str, call: &Call) -> Reply {
    let answer = granted(state, call).and_then(|grant| routed(state, origin, call, &grant));
    match answer {
        Ok(Success { status, body }) => {
            let content = body.map_or(Content::Nothing, Content::Json);
            finish(state, call, Reply::new(status, content), Uuid::new_v4())
        }
        Err(failure) => refuse(state, call, &failure),
    }
}

/// An error in Graph's shape.
pub(super) fn refuse(state: &State, call: &Call, failure: &Failure) -> Reply {
    let id = Uuid::new_v4();
    let client = client_request_id(call, id);
    let body = json!({ "error": {
        "code": failure.code,
        "message": failure.message,
        "innerError": {
            "date": state.now().format("%Y-%m-%dT%H:%M:%S").to_string(),
            "request-id": id.to_string(),
            "client-request-id": client,
        },
    }});
    let mut reply = Reply::json(failure.status, body);
    if failure.status == StatusCode::UNAUTHORIZED {
        reply = reply.with(header::WWW_AUTHENTICATE, "Bearer realm=\"\"");
    }
    if let Some((name, value)) = &failure.header {
        reply = reply.with(HeaderName::from_static(name), value);
    }
    finish(state, call, reply, id)
}

/// Adds the headers that every answer of Graph bears.
pub(super) fn finish(state: &State, call: &Call, reply: Reply, id: Uuid) -> Reply {
    let diagnostic = json!({ "ServerInfo": {
        "DataCenter": "Simulated", "Slice": "E", "Ring": "1", "ScaleUnit": "000",
        "RoleInstance": "SIM00000000",
    }});
    reply
        .with(REQUEST_ID, &id.to_string())
        .with(CLIENT_REQUEST_ID, &client_request_id(call, id))
        .with(DIAGNOSTIC, &diagnostic.to_string())
        .with(header::CACHE_CONTROL, "no-cache")
        .with(header::DATE, &httpdate::fmt_http_date(state.now().into()))
}

/// The tenant and permissions behind the access token.
pub(super) fn granted(state: &State, call: &Call) -> Result<Grant, Failure> {
    let grant = match call.bearer() {
        None | Some("") => Err(Failure::token("Access token is empty.")),
        Some(token) => state.granted(token).map_err(|why| match why {
            NoGrant::Unknown => {
                Failure::token("IDX14100: JWT is not well formed, there are no dots (.).")
            }
            NoGrant::Expired => Failure::token("Lifetime validation failed, the token is expired."),
        }),
    };
    // Whoever sends it, with or without a token: nothing may ever delete.
    if call.method == Method::DELETE {
        record(state, call, grant.as_ref().ok().map(|grant| grant.tenant), "delete");
    }
    grant
}

fn routed(state: &State, origin: &str, call: &Call, grant: &Grant) -> Answer {
    let (version, target) = route::resolve(&call.path)?;
    let context = Context { state, origin, call, version, grant, now: state.now() };
    if let Target::Harmful(what) = target {
        context.violation(what);
    }
    route::permit(&target, &call.method, &grant.roles)?;
    options(call)?;
    // The directory's, not Intune's: neither licence nor approval counts there.
    let of_intune = target != Target::Contracts;
    if of_intune
        && state.look(grant.tenant, |tenant| tenant.switches.unlicensed).unwrap_or_default()
    {
        return Err(Failure::unlicensed());
    }
    approval::gate(&context)?;
    match target {
        Target::Contracts => Ok(contract::list(&context)),
        Target::Push => push::answer(&context),
        Target::Devices => push::devices(&context),
        Target::PushRequest => push::request(&context, false),
        Target::PushRequestNew => push::request(&context, true),
        Target::Consent(id) => push::consent(&context, &id),
        Target::ConsentGrant(id) => push::grant_consent(&context, &id),
        Target::Enrollments => enrollment::list(&context),
        Target::Enrollment(id) => enrollment::one(&context, &id),
        Target::EnrollmentUpload(id) => enrollment::upload(&context, &id),
        Target::EnrollmentSync(id) => enrollment::sync(&context, &id),
        Target::EnrollmentKey(id) => enrollment::key(&context, &id, false),
        Target::EnrollmentKeyNew(id) => enrollment::key(&context, &id, true),
        Target::Vpps => vpp::collection(&context),
        Target::Vpp(id) => vpp::one(&context, &id),
        Target::VppSync(id) => vpp::sync(&context, &id),
        Target::Harmful(what) => Err(Failure::refused(what)),
    }
}

/// Refuses query options that the simulator does not carry out.
fn options(call: &Call) -> Result<(), Failure> {
    let query = call.query.as_deref().unwrap_or_default();
    let unknown = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| !OPTIONS.contains(&name.as_ref()));
    match unknown {
        Some((name, _)) => Err(Failure::bad_request(format!(
            "Query option '{name}' is not answered by the simulator."
        ))),
        None => Ok(()),
    }
}

fn client_request_id(call: &Call, id: Uuid) -> String {
    call.header(&CLIENT_REQUEST_ID).map_or_else(|| id.to_string(), str::to_owned)
}

fn record(state: &State, call: &Call, tenant: Option<TenantId>, what: &str) {
    state.journal.violation(Violation {
        at: state.now(),
        what: what.to_owned(),
        tenant,
        method: call.method.to_string(),
        path: call.path.clone(),
    });
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        tracing::warn!(%error, "the simulator's state");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "InternalServerError",
            message: "The simulator could not keep its state.".to_owned(),
            header: None,
        }
    }
}
