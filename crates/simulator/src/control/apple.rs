//! `/_simulator/apple/…`: what a person does at Apple.
//!
//! | POST | body | does |
//! | --- | --- | --- |
//! | `push` | `request`, `topic`, `notBefore`, `notAfter`, all optional | issues a push certificate |
//! | `push-revoke` | `serial` | takes a push certificate back |
//! | `enrollment` | `tenantId` and `id`, or `certificate`, or all; `server`, `expires` | downloads a server token; ends the one in use of the setting that is named |
//! | `terms` | `tenantId`, `id`, `accepted` | new terms, or their acceptance |
//! | `vpp` | `organization`, `location`, `expires` | makes a content token |
//! | `vpp-revoke` | `tenantId`, and `id` or `token` | a changed password, or a revoked file |
//! | `vpp-location` | `organization`, `location`, and `name`, `country`, `mdm`, all optional | renames a location, moves it, lets an MDM claim it |
//! | `vpp-answer` | `token`, `number` | answers about a token with an error |
//! | `vpp-elsewhere` | `tenantId`, `location`, `held` | another MDM takes a location, or gives it up |

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Digest as _;

use super::{Refusal, body};
use crate::apple::{Apple, EnrollmentRequest, PushRequest, SubjectKey, VppRequest};
use crate::message::Call;
use crate::state::{Location, State};
use crate::words::TenantId;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IssuePush {
    request: Option<String>,
    topic: Option<String>,
    not_before: Option<DateTime<Utc>>,
    not_after: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokePush {
    serial: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IssueVpp {
    organization: String,
    location: String,
    expires: DateTime<Utc>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IssueEnrollment {
    tenant_id: Option<TenantId>,
    id: Option<String>,
    certificate: Option<String>,
    server: Option<String>,
    expires: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Terms {
    tenant_id: TenantId,
    id: String,
    accepted: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Revoke {
    tenant_id: TenantId,
    id: Option<String>,
    token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Elsewhere {
    tenant_id: TenantId,
    location: String,
    held: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SetLocation {
    organization: String,
    location: String,
    name: Option<String>,
    country: Option<String>,
    mdm: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AnswerWith {
    token: String,
    number: u32,
}

pub(super) fn answer(
    state: &State,
    apple: &Apple,
    call: &Call,
    what: &str,
) -> Result<Value, Refusal> {
    match what {
        "push" => {
            let wanted: IssuePush = body(call)?;
            let issued = apple.issue(&PushRequest {
                topic: wanted.topic,
                serial: None,
                not_before: wanted.not_before.unwrap_or_else(|| state.now()),
                not_after: wanted.not_after,
                key: wanted.request.map_or(SubjectKey::Shared, SubjectKey::Request),
            })?;
            Ok(json!({
                "certificate": issued.pem,
                "topic": issued.topic,
                "serial": issued.serial,
                "notBefore": issued.not_before,
                "notAfter": issued.not_after,
            }))
        }
        "push-revoke" => {
            let RevokePush { serial } = body(call)?;
            state.revoke_push(&serial);
            Ok(Value::Null)
        }
        "vpp" => {
            let IssueVpp { organization, location, expires } = body(call)?;
            let token = apple.vpp_token(&VppRequest { organization, location, expires });
            Ok(json!({ "token": token }))
        }
        "enrollment" => enrollment(state, apple, body(call)?),
        "terms" => {
            let Terms { tenant_id, id, accepted } = body(call)?;
            state.set_apple_terms(tenant_id, &id, accepted)?;
            Ok(Value::Null)
        }
        "vpp-revoke" => {
            let Revoke { tenant_id, id, token } = body(call)?;
            match (id, token) {
                (Some(id), None) => state.revoke_vpp(tenant_id, &id)?,
                (None, Some(token)) => state.revoke_vpp_text(tenant_id, &token)?,
                _ => return Err(Refusal::WhichToken),
            }
            Ok(Value::Null)
        }
        "vpp-location" => {
            let SetLocation { organization, location, name, country, mdm } = body(call)?;
            state.set_location(&organization, &location, Location { name, country, mdm });
            Ok(Value::Null)
        }
        "vpp-answer" => {
            let AnswerWith { token, number } = body(call)?;
            state.answer_with(&token, number);
            Ok(Value::Null)
        }
        "vpp-elsewhere" => {
            let Elsewhere { tenant_id, location, held } = body(call)?;
            state.hold_elsewhere(tenant_id, &location, held)?;
            Ok(Value::Null)
        }
        _ => Err(Refusal::Route),
    }
}

/// A server token for a certificate, for a setting's own key, or for a setting but encrypted to a
/// certificate that is not its.
fn enrollment(state: &State, apple: &Apple, wanted: IssueEnrollment) -> Result<Value, Refusal> {
    let IssueEnrollment { tenant_id, id, certificate, server, expires } = wanted;
    let request = EnrollmentRequest { server, expires };
    let setting = tenant_id.zip(id);
    let issued = match (&setting, &certificate) {
        (Some((tenant, id)), None) => state.download_enrollment(apple, *tenant, id, &request)?,
        (Some((tenant, id)), Some(certificate)) => {
            let issued = apple.enrollment(certificate, &request, state.now())?;
            state.replace_enrollment(*tenant, id, &issued)?;
            issued
        }
        (None, Some(certificate)) => apple.enrollment(certificate, &request, state.now())?,
        (None, None) => return Err(Refusal::NoRecipient),
    };
    Ok(json!({
        "file": issued.file,
        "fileName": issued.file_name,
        "fileSha256": hex::encode(sha2::Sha256::digest(&issued.file)),
        "expires": issued.expires,
    }))
}
