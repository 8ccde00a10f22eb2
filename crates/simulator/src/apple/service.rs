//! Apple's apps and books service (`/apple/mdm/v2/…`) and its list of revoked push certificates
//! (`/apple/aai2ca.crl`), as far as they are asked. Written from Apple's documents;
//! every answer holds the secrets that a real one has.

use axum::http::{Method, StatusCode};
use chrono::Duration;
use serde_json::{Value, json};

use super::{AppleError, revoked};
use crate::journal::Violation;
use crate::message::{Call, Content, Reply};
use crate::state::State;

/// Where Apple is, below the simulator's origin.
pub(crate) const PREFIX: &str = "/apple/";

/// What no output may ever show.
pub const NOTIFICATION_SECRET: &str = "simulated-notification-auth-token";

pub(crate) fn answer(state: &State, call: &Call) -> Reply {
    let path = call.path.strip_prefix(PREFIX).unwrap_or_default();
    match (&call.method, path) {
        (&Method::GET, "mdm/v2/client/config") => client_config(state, call),
        (&Method::GET, "mdm/v2/service/config") => Reply::json(StatusCode::OK, service_config()),
        (&Method::GET, "aai2ca.crl") => {
            der("application/pkix-crl", revoked::list(&state.revoked_pushes(), state.now()))
        }
        (&Method::GET, "certificateauthority/AppleAAI2CA.cer") => {
            der("application/pkix-cert", revoked::certificate())
        }
        (method, _) => {
            // A POST to client/config would take the token over from the MDM that has it.
            if method != Method::GET {
                state.journal.violation(Violation {
                    at: state.now(),
                    what: "write-at-apple".to_owned(),
                    tenant: None,
                    method: method.to_string(),
                    path: call.path.clone(),
                });
            }
            let text = "not found".to_owned();
            Reply::new(StatusCode::NOT_FOUND, Content::Text { media_type: "text/plain", text })
        }
    }
}

fn der(media_type: &'static str, made: Result<Vec<u8>, AppleError>) -> Reply {
    match made {
        Ok(bytes) => Reply::new(StatusCode::OK, Content::Bytes { media_type, bytes }),
        Err(error) => {
            let text = error.to_string();
            let content = Content::Text { media_type: "text/plain", text };
            Reply::new(StatusCode::INTERNAL_SERVER_ERROR, content)
        }
    }
}

fn client_config(state: &State, call: &Call) -> Reply {
    let Some(token) = call.bearer() else { return error(9722) };
    let told = match state.told(token) {
        Ok(told) => told,
        Err(number) => return error(number),
    };
    let mut config = json!({
        "countryISO2ACode": told.country,
        "defaultPlatform": "enterprisestore",
        "locationName": told.name,
        "mdmInfo": {
            "id": "8d7a1f6e",
            "metadata": format!("{NOTIFICATION_SECRET}-metadata"),
            "name": told.mdm,
        },
        "notificationAuthToken": NOTIFICATION_SECRET,
        "notificationUrl": format!("https://mdm.example/{NOTIFICATION_SECRET}"),
        "subscribedNotificationTypes": ["ASSET_COUNT", "ASSET_MANAGEMENT"],
        "uId": told.id,
        "websiteURL": "https://business.apple.com/",
    });
    if told.expires - state.now() < Duration::days(15) {
        let expires = told.expires.format("%Y-%m-%dT%H:%M:%S+0000").to_string();
        config["tokenExpirationDate"] = json!(expires);
    }
    Reply::json(StatusCode::OK, config)
}

/// An error comes with the status 200, as most clients have seen it.
fn error(number: u32) -> Reply {
    let message = match number {
        9621 => "Your token has expired. Please contact Apple.",
        9622 => "The token is not valid.",
        9625 => "The server has revoked the sToken.",
        9634 => "The service is no longer available.",
        9646 => "There are too many requests for the current Organization.",
        9722 => "The Authorization header is not valid.",
        _ => "Internal error.",
    };
    Reply::json(
        StatusCode::OK,
        json!({
            "errorInfo": { "hint": format!("{NOTIFICATION_SECRET}-info") },
            "errorMessage": message,
            "errorNumber": number,
        }),
    )
}

fn service_config() -> Value {
    json!({
        "limits": {
            "maxAssets": 25,
            "maxClientUserIds": 1000,
            "maxMdmIdLength": 100,
            "maxMdmMetadataLength": 255,
            "maxMdmNameLength": 100,
            "maxNotificationLength": 512,
            "maxSerialNumbers": 1000,
            "maxUsers": 100,
        },
        "notificationTypes": ["ASSET_COUNT", "ASSET_MANAGEMENT", "USER_MANAGEMENT"],
        "errorCodes": [],
        "urls": {
            "clientConfig": "https://vpp.itunes.apple.com/mdm/v2/client/config",
            "serviceConfig": "https://vpp.itunes.apple.com/mdm/v2/service/config",
        },
    })
}
