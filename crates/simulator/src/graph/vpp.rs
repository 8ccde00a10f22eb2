//! The requests about VPP tokens: list, read, create, change.

use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Duration;
use serde_json::Value;

use super::body::Body;
use super::shape::Version;
use super::{Answer, Context, Failure, Success, body, shape};
use crate::state::{HeldElsewhere, Incoming, Tenant, Via, Vpp, VppEncoding};
use crate::words::Kind;

const PATH: &str = "deviceAppManagement/vppTokens";
/// What a request may set. Properties that Apple or Intune decide (organisation, location,
/// expiry, state) are refused, though Learn's examples send them: whoever sends one expects
/// something that will not happen.
const WRITABLE: [&str; 5] =
    ["appleId", "token", "countryOrRegion", "automaticallyUpdateApps", "vppTokenAccountType"];
const WRITABLE_ON_BETA: [&str; 4] = [
    "displayName",
    "claimTokenManagementFromExternalMdm",
    "dataSharingConsentGranted",
    "roleScopeTagIds",
];

pub(super) fn collection(context: &Context<'_>) -> Answer {
    if context.call.method == Method::POST {
        return create(context);
    }
    let tokens = context.state.look(context.tenant(), |tenant| {
        let shown = tenant.vpp_tokens.iter().map(|vpp| vpp.shown(context.now));
        shown.map(|vpp| Value::Object(shape::vpp(&vpp, context.version))).collect()
    });
    Ok(context.collection(PATH, tokens.unwrap_or_default(), false))
}

pub(super) fn one(context: &Context<'_>, id: &str) -> Answer {
    let vpp = if context.call.method == Method::PATCH {
        let body = read(context)?;
        if body.is_empty() {
            return Err(Failure::bad_request("The request changes nothing."));
        }
        context.state.change(context.tenant(), |tenant| {
            let at = tenant.vpp_position(id)?;
            update(context, tenant, at, &body)
        })?
    } else {
        context
            .state
            .look(context.tenant(), |tenant| {
                tenant.vpp_tokens.iter().find(|vpp| vpp.id == id).cloned()
            })
            .flatten()
            .ok_or_else(Failure::not_found)?
    };
    Ok(Success::ok(context.selected(entity(context, &vpp))))
}

fn entity(context: &Context<'_>, vpp: &Vpp) -> Value {
    context.object(&format!("{PATH}/$entity"), shape::vpp(&vpp.shown(context.now), context.version))
}

fn create(context: &Context<'_>) -> Answer {
    let body = read(context)?;
    body.required("token")?;
    let vpp = context.state.change(context.tenant(), |tenant| {
        // Replaced by what the token says, but for the location of a token that the simulated
        // Apple did not make.
        tenant.vpp_tokens.push(Vpp::blank());
        let at = tenant.vpp_tokens.len() - 1;
        update(context, tenant, at, &body)
    })?;
    Ok(Success { status: StatusCode::CREATED, body: Some(entity(context, &vpp)) })
}

fn read(context: &Context<'_>) -> Result<Body, Failure> {
    let beta = if context.version == Version::Beta { &WRITABLE_ON_BETA[..] } else { &[] };
    body::read(context.call, &[&WRITABLE, beta].concat())
}

fn update(
    context: &Context<'_>,
    tenant: &mut Tenant,
    at: usize,
    body: &Body,
) -> Result<Vpp, Failure> {
    let encoding = tenant.switches.vpp_encoding;
    let vpp = tenant.vpp_tokens.get_mut(at).ok_or_else(Failure::not_found)?;
    if let Some(text) = body.text("appleId")? {
        text.clone_into(&mut vpp.apple_id);
    }
    if let Some(text) = body.text("countryOrRegion")? {
        if text.len() != 2 || !text.bytes().all(|letter| letter.is_ascii_lowercase()) {
            return Err(Failure::intune("CountryOrRegion must be a two letter code"));
        }
        text.clone_into(&mut vpp.country_or_region);
    }
    if let Some(text) = body.one_of("vppTokenAccountType", &["business", "education"])? {
        text.clone_into(&mut vpp.vpp_token_account_type);
    }
    if let Some(text) = body.text("displayName")? {
        text.clone_into(&mut vpp.display_name);
    }
    if let Some(scope) = body.texts("roleScopeTagIds")? {
        vpp.role_scope_tag_ids = scope;
    }
    let flags = [
        ("automaticallyUpdateApps", &mut vpp.automatically_update_apps),
        ("claimTokenManagementFromExternalMdm", &mut vpp.claim_token_management_from_external_mdm),
        ("dataSharingConsentGranted", &mut vpp.data_sharing_consent_granted),
    ];
    for (name, flag) in flags {
        *flag = body.flag(name)?.unwrap_or(*flag);
    }
    let token = body.text("token")?;
    if token.is_none() {
        vpp.last_modified_date_time = context.now;
    }
    if let Some(token) = token {
        if token.is_empty() {
            context.violation("empty-token");
        }
        let id = vpp.id.clone();
        let file = decoded(token, encoding).filter(|file| !file.is_empty());
        let contents = file.as_deref().and_then(|file| context.state.vpp_contents(file));
        let contents = contents.ok_or_else(|| Failure::intune("The VPP token is invalid"))?;
        // What an earlier request claimed is not claimed for ever.
        let claim = body.flag("claimTokenManagementFromExternalMdm")?.unwrap_or(false);
        tenant.renew_vpp(at, contents, claim, context.now)?;
        tenant.uploaded(Incoming {
            at: context.now,
            kind: Kind::Vpp,
            id: Some(&id),
            via: Via::Graph,
            value: token,
            file: file.as_deref().map(str::as_bytes),
        });
    }
    tenant.vpp_tokens.get(at).cloned().ok_or_else(Failure::not_found)
}

impl From<HeldElsewhere> for Failure {
    fn from(error: HeldElsewhere) -> Self {
        Self::intune(&error.to_string())
    }
}

fn decoded(token: &str, encoding: VppEncoding) -> Option<String> {
    match encoding {
        VppEncoding::Text => Some(token.to_owned()),
        VppEncoding::Base64 => String::from_utf8(STANDARD.decode(token).ok()?).ok(),
    }
}

pub(super) fn sync(context: &Context<'_>, id: &str) -> Answer {
    body::none(context.call)?;
    let vpp = context.state.change(context.tenant(), |tenant| {
        let pause = tenant.switches.vpp_sync_seconds;
        let status = tenant.switches.early_sync_status;
        let at = tenant.vpp_position(id)?;
        let vpp = tenant.vpp_tokens.get_mut(at).ok_or_else(Failure::not_found)?;
        if context.now - vpp.last_sync_date_time < Duration::seconds(i64::from(pause)) {
            return Err(Failure::early_sync(status));
        }
        vpp.sync(context.now);
        Ok::<_, Failure>(vpp.clone())
    })?;
    Ok(Success::ok(entity(context, &vpp)))
}
