//! `/_simulator/…`: the state over HTTP, for tests that drive the simulator as another process.
//!
//! No path of Graph or of the sign-in begins so. Faults do not strike these routes, and the
//! journal does not hold them. There is no access control: the server
//! listens on loopback only, and answers no web page.

mod apple;

use axum::http::{Method, StatusCode};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::apple::{Apple, AppleError};
use super::fault::FaultRule;
use super::message::{Call, Reply, query_value};
use super::state::{PortalError, PortalUpload, State, StateError, Tenant};
use crate::words::{self, TenantId};

/// What all control routes begin with.
pub(super) const PREFIX: &str = "/_simulator";

/// One or many of the same kind.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Many(Vec<T>),
    One(Box<T>),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::Many(all) => all,
            Self::One(one) => vec![*one],
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetClock {
    now: Option<DateTime<Utc>>,
}

/// A person at the page of device codes; one without a name declines.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EnterCode {
    user_code: String,
    user: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Approve {
    tenant_id: TenantId,
    code: String,
}

/// A refusal of a control route, as text for the person who wrote the request.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("no such control route")]
    Route,
    #[error("cannot read the body: {0}")]
    Body(#[from] serde_json::Error),
    #[error("name a tenant and an id, or a certificate, or all three")]
    NoRecipient,
    #[error("name either an id or a token")]
    WhichToken,
    #[error("not a tenant id")]
    TenantId,
    #[error("no device shows this code")]
    UserCode,
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Portal(#[from] PortalError),
    #[error(transparent)]
    Apple(#[from] AppleError),
}

pub(super) fn answer(state: &State, apple: &Apple, call: &Call) -> Reply {
    match routed(state, apple, call) {
        Ok(Value::Null) => Reply::empty(StatusCode::NO_CONTENT),
        Ok(value) => Reply::json(StatusCode::OK, value),
        Err(refusal) => {
            let status = match &refusal {
                Refusal::Route | Refusal::State(StateError::NoTenant(_)) => StatusCode::NOT_FOUND,
                Refusal::Portal(
                    PortalError::NoToken(_) | PortalError::State(StateError::NoTenant(_)),
                ) => StatusCode::NOT_FOUND,
                _ => StatusCode::BAD_REQUEST,
            };
            Reply::json(status, json!({ "error": refusal.to_string() }))
        }
    }
}

fn routed(state: &State, apple: &Apple, call: &Call) -> Result<Value, Refusal> {
    let path = call.path.strip_prefix(PREFIX).unwrap_or_default();
    let segments: Vec<_> = path.trim_matches('/').split('/').collect();
    match (&call.method, segments.as_slice()) {
        (&Method::GET, ["state"]) => Ok(json!({
            "now": state.now(),
            "tenants": state.tenants().len(),
            "counters": state.counters(),
            "violations": state.violations(),
        })),
        (&Method::GET, ["tenants"]) => Ok(json!(state.tenants())),
        (&Method::POST, ["tenants"]) => {
            for tenant in body::<OneOrMany<Tenant>>(call)?.into_vec() {
                state.add_tenant(tenant)?;
            }
            Ok(Value::Null)
        }
        (&Method::GET, ["tenants", id]) => {
            let id = tenant_id(id)?;
            let tenant = state.tenant(id).ok_or(StateError::NoTenant(id))?;
            Ok(serde_json::to_value(tenant)?)
        }
        (&Method::GET, ["snapshot", id]) => Ok(state.snapshot(tenant_id(id)?)?),
        (&Method::GET, ["faults"]) => Ok(serde_json::to_value(state.faults.list())?),
        (&Method::POST, ["faults"]) => {
            for rule in body::<OneOrMany<FaultRule>>(call)?.into_vec() {
                state.add_fault(rule);
            }
            Ok(Value::Null)
        }
        (&Method::DELETE, ["faults"]) => {
            state.clear_faults();
            Ok(Value::Null)
        }
        (&Method::GET, ["requests"]) => {
            let tenant = match query_value(call.query.as_deref(), "tenant") {
                Some(text) => Some(tenant_id(&text)?),
                None => None,
            };
            let mut requests = state.requests();
            requests.retain(|request| tenant.is_none() || request.tenant == tenant);
            Ok(json!({ "counters": state.counters(), "requests": requests }))
        }
        (&Method::DELETE, ["requests"]) => {
            state.clear_journal();
            Ok(Value::Null)
        }
        (&Method::POST, ["clock"]) => {
            state.set_clock(body::<SetClock>(call)?.now);
            Ok(Value::Null)
        }
        (&Method::POST, ["device"]) => {
            let EnterCode { user_code, user } = body(call)?;
            match state.enter_device_code(&user_code, user.as_deref()) {
                true => Ok(Value::Null),
                false => Err(Refusal::UserCode),
            }
        }
        (&Method::POST, ["portal", kind]) => portal(state, call, kind),
        (&Method::POST, ["apple", what]) => apple::answer(state, apple, call, what),
        (&Method::POST, ["approvals"]) => {
            let Approve { tenant_id, code } = body(call)?;
            state.approve(tenant_id, &code)?;
            Ok(Value::Null)
        }
        _ => Err(Refusal::Route),
    }
}

/// `{"tenantId": …, …}` with the fields of the [`PortalUpload`] that the path names.
fn portal(state: &State, call: &Call, kind: &str) -> Result<Value, Refusal> {
    let mut fields: serde_json::Map<String, Value> = body(call)?;
    let id = fields.remove("tenantId").unwrap_or_default();
    let id = tenant_id(id.as_str().unwrap_or_default())?;
    fields.insert("kind".to_owned(), json!(kind));
    let upload: PortalUpload = serde_json::from_value(Value::Object(fields))?;
    state.portal_upload(id, &upload)?;
    Ok(Value::Null)
}

fn body<T: DeserializeOwned>(call: &Call) -> Result<T, Refusal> {
    Ok(serde_json::from_slice(&call.body)?)
}

fn tenant_id(text: &str) -> Result<TenantId, Refusal> {
    words::tenant_id(text).ok_or(Refusal::TenantId)
}
