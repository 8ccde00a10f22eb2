//! What an access token says about itself. Whoever holds one reads it, as people do with Entra's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::json;

use crate::words::TenantId;

/// What a token is made of.
pub(crate) struct Claims<'a> {
    /// Graph's host in the cloud that it is for.
    pub(crate) graph: &'a str,
    pub(crate) client: &'a str,
    pub(crate) tenant: TenantId,
    pub(crate) permissions: Permissions<'a>,
}

/// What it permits.
pub(crate) enum Permissions<'a> {
    /// The application itself.
    Roles(&'a [String]),
    /// A person who uses the application.
    Delegated { user: &'a str, scopes: &'a [String] },
}

impl Permissions<'_> {
    pub(crate) fn all(&self) -> &[String] {
        match self {
            Self::Roles(all) | Self::Delegated { scopes: all, .. } => all,
        }
    }
}

impl Claims<'_> {
    /// The first two parts of the token. Entra leaves `roles` out where there is none.
    pub(super) fn unsigned(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> String {
        let mut body = json!({
            "aud": format!("https://{}", self.graph),
            "iss": format!("https://sts.windows.net/{}/", self.tenant),
            "iat": from.timestamp(),
            "nbf": from.timestamp(),
            "exp": to.timestamp(),
            "appid": self.client,
            "tid": self.tenant.to_string(),
            "ver": "1.0",
        });
        match &self.permissions {
            Permissions::Roles([]) => body["idtyp"] = json!("app"),
            Permissions::Roles(roles) => {
                body["idtyp"] = json!("app");
                body["roles"] = json!(roles);
            }
            Permissions::Delegated { user, scopes } => {
                body["scp"] = json!(scopes.join(" "));
                body["upn"] = json!(user);
            }
        }
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", part(&json!({ "typ": "JWT", "alg": "RS256" })), part(&body))
    }
}
