//! Enrollment program tokens.
//!
//! The uploaded file is not opened: any file in the right encoding is taken as a renewal.

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{Answer, Context, Failure, Success, body, shape};
use crate::model::Kind;
use crate::simulator::signing;
use crate::simulator::state::{DepEncoding, Enrollment, PortalError, StateError, Tenant, Via};

const PATH: &str = "deviceManagement/depOnboardingSettings";

pub(super) fn list(context: &Context<'_>) -> Answer {
    let settings = context.state.look(context.tenant(), |tenant| {
        tenant.dep_onboarding_settings.iter().map(shape::enrollment).map(Value::Object).collect()
    });
    Ok(context.collection(PATH, settings.unwrap_or_default(), true))
}

pub(super) fn one(context: &Context<'_>, id: &str) -> Answer {
    let setting = if context.call.method == Method::PATCH {
        configure(context, id)?
    } else {
        context
            .state
            .look(context.tenant(), |tenant| {
                tenant.dep_onboarding_settings.iter().find(|it| it.id == id).cloned()
            })
            .flatten()
            .ok_or_else(Failure::not_found)?
    };
    let mut object = Map::new();
    object.insert("@odata.context".to_owned(), context.odata(&format!("{PATH}/$entity")));
    object.extend(shape::enrollment(&setting));
    Ok(Success::ok(context.selected(Value::Object(object))))
}

fn configure(context: &Context<'_>, id: &str) -> Result<Enrollment, Failure> {
    let body = body::read(context.call, &["tokenName", "roleScopeTagIds"])?;
    if body.is_empty() {
        return Err(Failure::bad_request("The request changes nothing."));
    }
    let name = body.text("tokenName")?;
    let scope = body.texts("roleScopeTagIds")?;
    context.state.change(context.tenant(), |tenant| {
        let setting = find(tenant, id)?;
        if let Some(name) = name {
            name.clone_into(&mut setting.token_name);
        }
        if let Some(scope) = scope {
            setting.role_scope_tag_ids = scope;
        }
        setting.last_modified_date_time = context.now;
        Ok(setting.clone())
    })
}

fn find<'a>(tenant: &'a mut Tenant, id: &str) -> Result<&'a mut Enrollment, Failure> {
    tenant.dep_onboarding_settings.iter_mut().find(|it| it.id == id).ok_or_else(Failure::not_found)
}

pub(super) fn upload(context: &Context<'_>, id: &str) -> Answer {
    let body = body::read(context.call, &["appleId", "depToken"])?;
    let apple_id = body.required("appleId")?;
    let token = body.required("depToken")?;
    if apple_id.is_empty() || token.is_empty() {
        context.violation("empty-token");
        return Err(Failure::intune("AppleId and DepToken must both have a value"));
    }
    context.state.change(context.tenant(), |tenant| {
        // The id is looked at before the token, so a stray id is a 404 whatever was sent.
        find(tenant, id)?;
        if !is_encoded(token, tenant.switches.dep_encoding) {
            return Err(Failure::intune("The DEP token could not be decrypted"));
        }
        tenant.renew_enrollment(id, apple_id, context.now)?;
        tenant.uploaded(context.now, Kind::Enrollment, Some(id), Via::Graph, token);
        Ok(())
    })?;
    Ok(Success::no_content())
}

/// Whether the token is a `.p7m` in the wanted encoding, judged by its MIME header alone.
fn is_encoded(token: &str, encoding: DepEncoding) -> bool {
    let is_file = |text: &str| text.trim_start().to_ascii_lowercase().starts_with("content-");
    match encoding {
        DepEncoding::Text => is_file(token),
        DepEncoding::Base64 => {
            STANDARD.decode(token).is_ok_and(|bytes| std::str::from_utf8(&bytes).is_ok_and(is_file))
        }
    }
}

pub(super) fn sync(context: &Context<'_>, id: &str) -> Answer {
    body::none(context.call)?;
    context.state.change(context.tenant(), |tenant| {
        let setting = find(tenant, id)?;
        setting.last_sync_triggered_date_time = context.now;
        // An error code lasts until its cause is gone, which only a test can say.
        if setting.last_sync_error_code == 0 && setting.token_expiration_date_time > context.now {
            setting.last_successful_sync_date_time = context.now;
        }
        Ok::<_, Failure>(())
    })?;
    Ok(Success::no_content())
}

/// The public key that Apple encrypts tokens to; `anew` makes another, so older files are void.
pub(super) fn key(context: &Context<'_>, id: &str, anew: bool) -> Answer {
    if anew {
        body::none(context.call)?;
        context.violation("key-regenerated");
    }
    let key = context.state.change(context.tenant(), |tenant| {
        let setting = find(tenant, id)?;
        let key = match setting.encryption_public_key.take() {
            Some(key) if !anew => key,
            _ => signing::encryption_certificate(context.now).map_err(StateError::from)?,
        };
        setting.encryption_public_key = Some(key.clone());
        Ok::<_, Failure>(key)
    })?;
    Ok(Success::ok(json!({ "@odata.context": context.odata("Edm.String"), "value": key })))
}

impl From<PortalError> for Failure {
    fn from(error: PortalError) -> Self {
        match error {
            PortalError::State(error) => error.into(),
            PortalError::NoToken(_) => Self::not_found(),
            PortalError::Certificate(_) | PortalError::Vpp => Self::intune("The token is invalid"),
        }
    }
}
