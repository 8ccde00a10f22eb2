//! Content tokens: what Apple Business lets an admin download.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

/// Marks the opaque part of a simulated token, in which the location is hidden.
const MARK: &str = "applecart-simulated-vpp-token";

/// What a content token is to say.
#[derive(Clone, Debug)]
pub struct VppRequest {
    /// `orgName` of the file.
    pub organization: String,
    /// The location, which no real file states either; the simulated Apple finds it in `token`.
    pub location: String,
    /// `expDate` of the file, written with an offset as Apple does.
    pub expires: DateTime<Utc>,
}

/// One line of base64 over compact JSON, in the key order and date form of real files.
pub(super) fn text(request: &VppRequest) -> String {
    let hidden = format!("{MARK}:{}:{}", request.location, Uuid::new_v4());
    // Written by hand: a JSON map would sort the keys.
    let json = format!(
        r#"{{"expDate":"{}","token":{},"orgName":{}}}"#,
        request.expires.format("%Y-%m-%dT%H:%M:%S+0000"),
        json!(STANDARD.encode(hidden)),
        json!(request.organization),
    );
    STANDARD.encode(json)
}

/// What Apple answers when asked for a token's location; `None` for a token it did not make.
pub(crate) fn location(token: &str) -> Option<String> {
    let hidden = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let (location, _nonce) = hidden.strip_prefix(MARK)?.strip_prefix(':')?.rsplit_once(':')?;
    Some(location.to_owned())
}
