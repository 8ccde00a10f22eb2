//! Enrollment program tokens.
//!
//! An uploaded file is opened with the setting's own key. The sentences of refusals are made up:
//! nothing public shows them.

use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Duration;
use serde_json::{Value, json};

use super::{Answer, Context, Failure, Success, body, shape};
use crate::state::{
    DepEncoding, Enrollment, Incoming, PortalError, Renewal, StateError, Via, never,
};
use crate::token::{self, TokenError};
use crate::words::Kind;

const PATH: &str = "deviceManagement/depOnboardingSettings";

/// What a new setting may say. Learn's example sends more, all of which Intune decides.
const NEW: [&str; 6] = [
    "appleIdentifier",
    "dataSharingConsentGranted",
    "roleScopeTagIds",
    "shareTokenWithSchoolDataSyncService",
    "tokenName",
    "tokenType",
];

pub(super) fn list(context: &Context<'_>) -> Answer {
    if context.call.method == Method::POST {
        return create(context);
    }
    let settings = context.state.look(context.tenant(), |tenant| {
        let shown = tenant.dep_onboarding_settings.iter().map(|it| it.shown(context.now));
        shown.map(|setting| Value::Object(shape::enrollment(&setting))).collect()
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
    Ok(Success::ok(context.selected(entity(context, &setting))))
}

fn entity(context: &Context<'_>, setting: &Enrollment) -> Value {
    context.object(&format!("{PATH}/$entity"), shape::enrollment(&setting.shown(context.now)))
}

/// A setting without a token, which waits for an upload.
fn create(context: &Context<'_>) -> Answer {
    let body = body::read(context.call, &NEW)?;
    let mut setting = Enrollment::new(body.required("tokenName")?, never());
    setting.last_modified_date_time = context.now;
    if let Some(text) = body.text("appleIdentifier")? {
        text.clone_into(&mut setting.apple_identifier);
    }
    if let Some(text) = body.one_of("tokenType", &["dep", "appleSchoolManager"])? {
        text.clone_into(&mut setting.token_type);
    }
    if let Some(scope) = body.texts("roleScopeTagIds")? {
        setting.role_scope_tag_ids = scope;
    }
    let flags = [
        ("dataSharingConsentGranted", &mut setting.data_sharing_consent_granted),
        (
            "shareTokenWithSchoolDataSyncService",
            &mut setting.share_token_with_school_data_sync_service,
        ),
    ];
    for (name, flag) in flags {
        *flag = body.flag(name)?.unwrap_or(*flag);
    }
    let created = entity(context, &setting);
    context.state.change(context.tenant(), |tenant| {
        tenant.dep_onboarding_settings.push(setting);
        Ok::<_, StateError>(())
    })?;
    Ok(Success { status: StatusCode::CREATED, body: Some(created) })
}

fn configure(context: &Context<'_>, id: &str) -> Result<Enrollment, Failure> {
    let body = body::read(context.call, &["tokenName", "roleScopeTagIds"])?;
    if body.is_empty() {
        return Err(Failure::bad_request("The request changes nothing."));
    }
    let name = body.text("tokenName")?;
    let scope = body.texts("roleScopeTagIds")?;
    context.state.change(context.tenant(), |tenant| {
        let setting = tenant.enrollment(id)?;
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

pub(super) fn upload(context: &Context<'_>, id: &str) -> Answer {
    let body = body::read(context.call, &["appleId", "depToken"])?;
    let apple_id = body.required("appleId")?;
    let token = body.required("depToken")?;
    if apple_id.is_empty() || token.is_empty() {
        context.violation("empty-token");
        return Err(Failure::intune("AppleId and DepToken must both have a value"));
    }
    context.state.change(context.tenant(), |tenant| {
        let encoding = tenant.switches.dep_encoding;
        let lag_seconds = tenant.switches.enrollment_lag_seconds;
        // The id is looked at before the token, so a stray id is a 404 whatever was sent.
        let setting = tenant.enrollment(id)?;
        let unreadable = || Failure::intune("The DEP token could not be decrypted");
        let file = decoded(token, encoding).ok_or_else(unreadable)?;
        let opened = opened(setting, &file).map_err(|error| {
            tracing::debug!(%error, "an enrollment token");
            unreadable()
        })?;
        if opened.expires <= context.now {
            return Err(Failure::intune("The DEP token has expired"));
        }
        let renewal = Renewal {
            apple_identifier: apple_id,
            access_token_sha256: Some(opened.access_token_sha256),
            expires: opened.expires,
            lag_seconds,
        };
        setting.renew(renewal, context.now);
        tenant.uploaded(Incoming {
            at: context.now,
            kind: Kind::Enrollment,
            id: Some(id),
            via: Via::Graph,
            value: token,
            file: Some(&file),
        });
        Ok(())
    })?;
    Ok(Success::no_content())
}

fn decoded(token: &str, encoding: DepEncoding) -> Option<Vec<u8>> {
    match encoding {
        DepEncoding::Text => Some(token.as_bytes().to_vec()),
        DepEncoding::Base64 => STANDARD.decode(token).ok(),
    }
}

/// Opens a file with the setting's key; where no key was ever handed out, no file can be for it.
fn opened(setting: &Enrollment, file: &[u8]) -> Result<token::ServerToken, TokenError> {
    match (&setting.encryption_public_key, &setting.encryption_private_key) {
        (Some(certificate), Some(key)) => token::open(file, certificate, key),
        _ => Err(TokenError::OtherKey),
    }
}

pub(super) fn sync(context: &Context<'_>, id: &str) -> Answer {
    body::none(context.call)?;
    context.state.change(context.tenant(), |tenant| {
        let pause = tenant.switches.enrollment_sync_seconds;
        let status = tenant.switches.early_sync_status;
        let setting = tenant.enrollment(id)?;
        let since = context.now - setting.last_sync_triggered_date_time;
        if since < Duration::seconds(i64::from(pause)) {
            return Err(Failure::early_sync(status));
        }
        setting.sync(context.now);
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
    let known = context.state.look(context.tenant(), |tenant| {
        let setting = tenant.dep_onboarding_settings.iter().find(|it| it.id == id)?;
        let key = setting.encryption_public_key.as_deref().filter(|_| !anew)?;
        Some(tenant.switches.public_key_form.written(key))
    });
    let key = match known.flatten() {
        Some(key) => key,
        None => context.state.change(context.tenant(), |tenant| {
            let form = tenant.switches.public_key_form;
            let key = tenant.enrollment(id)?.encryption_certificate(context.now, anew);
            Ok::<_, Failure>(form.written(key.map_err(StateError::from)?))
        })?,
    };
    Ok(Success::ok(json!({ "@odata.context": context.odata("Edm.String"), "value": key })))
}

impl From<PortalError> for Failure {
    fn from(error: PortalError) -> Self {
        match error {
            PortalError::State(error) => error.into(),
            PortalError::NoToken(_) => Self::not_found(),
            PortalError::HeldElsewhere => Self::intune(&error.to_string()),
            PortalError::Certificate(_) | PortalError::Vpp | PortalError::Apple(_) => {
                Self::intune("The token is invalid")
            }
        }
    }
}
