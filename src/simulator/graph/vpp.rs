//! VPP tokens.
//!
//! What a token says shows at once; real Intune may lag for minutes.

use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::body::Body;
use super::shape::Version;
use super::{Answer, Context, Failure, Success, body, shape};
use crate::model::Kind;
use crate::simulator::state::{Tenant, Via, Vpp, VppEncoding, vpp_contents};

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
        let shaped = tenant.vpp_tokens.iter().map(|vpp| shape::vpp(vpp, context.version));
        shaped.map(Value::Object).collect()
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
            let at = position(tenant, id)?;
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
    let mut object = Map::new();
    object.insert("@odata.context".to_owned(), context.odata(&format!("{PATH}/$entity")));
    object.extend(shape::vpp(vpp, context.version));
    Value::Object(object)
}

fn create(context: &Context<'_>) -> Answer {
    let body = read(context)?;
    body.required("token")?;
    let vpp = context.state.change(context.tenant(), |tenant| {
        // Replaced by what the token says, but for the location of a token that the simulated
        // Apple did not make.
        tenant.vpp_tokens.push(Vpp::new("", "", context.now));
        let at = tenant.vpp_tokens.len() - 1;
        update(context, tenant, at, &body)
    })?;
    Ok(Success { status: StatusCode::CREATED, body: Some(entity(context, &vpp)) })
}

fn read(context: &Context<'_>) -> Result<Body, Failure> {
    let beta = if context.version == Version::Beta { &WRITABLE_ON_BETA[..] } else { &[] };
    body::read(context.call, &[&WRITABLE, beta].concat())
}

fn position(tenant: &Tenant, id: &str) -> Result<usize, Failure> {
    tenant.vpp_tokens.iter().position(|vpp| vpp.id == id).ok_or_else(Failure::not_found)
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
    vpp.last_modified_date_time = context.now;
    let token = body.text("token")?;
    if let Some(token) = token {
        if token.is_empty() {
            context.violation("empty-token");
        }
        let contents = decoded(token, encoding)
            .and_then(|text| vpp_contents(&text))
            .ok_or_else(|| Failure::intune("The VPP token is invalid"))?;
        vpp.renew(contents, context.now);
    }
    let vpp = vpp.clone();
    if let Some(token) = token {
        tenant.uploaded(context.now, Kind::Vpp, Some(&vpp.id), Via::Graph, token);
    }
    Ok(vpp)
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
        let at = position(tenant, id)?;
        let vpp = tenant.vpp_tokens.get_mut(at).ok_or_else(Failure::not_found)?;
        vpp.last_sync_date_time = context.now;
        // A token that ended since the last look is found out by a sync.
        if vpp.state == "valid" && vpp.expiration_date_time <= context.now {
            "expired".clone_into(&mut vpp.state);
        }
        let status = if vpp.state == "valid" { "completed" } else { "failed" };
        status.clone_into(&mut vpp.last_sync_status);
        Ok::<_, Failure>(vpp.clone())
    })?;
    Ok(Success::ok(entity(context, &vpp)))
}
