//! What Apple says when it is asked about a VPP token: `GET client/config` of its apps and books service.
//!
//! Three answers, as to every question: alive (with the location that the token belongs to), dead, or
//! unknown. An answer holds secrets of the MDM, such as `notificationAuthToken`: only the members that are
//! named here are ever taken out of it, and nothing else of it is kept or quoted. An answer that hands back
//! what was sent, or a name that is a secret by its form, cannot be read.
//!
//! Apple's number of an error decides, whatever the HTTP status: errors have been seen in 200, 400 and 401.
//! <https://developer.apple.com/documentation/devicemanagement/interpreting-error-codes>

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::radix64;
use crate::model::{LocationId, safe_text};

/// Longer names are cut: nobody's location has one.
const MAX_NAME: usize = 200;

/// So many characters in a row of what was sent are no coincidence.
const ECHO: usize = 16;

/// No word of a name is as long and has digits and letters of both cases; encoded secrets are.
const ENCODED: usize = 40;

/// What is known of a VPP token at Apple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It works, and belongs to this location.
    Alive(Location),
    /// Apple refuses it for good.
    Dead(Death),
    /// Nobody knows.
    Unknown(Silence),
}

/// A location of an organisation in Apple Business or Apple School Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Identifies it; names are not unique, and change.
    pub id: LocationId,
    pub name: Option<String>,
    /// Upper-case ISO 3166-1 alpha-2 code, as Apple writes it.
    pub country: Option<String>,
    /// The MDM that claimed it last, by the name that this one gave itself.
    pub mdm: Option<String>,
}

/// Why Apple refuses a token for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// 9621.
    Expired,
    /// 9622.
    Invalid,
    /// 9625.
    Revoked,
}

impl Death {
    /// Apple's own number of it.
    pub fn number(self) -> u32 {
        match self {
            Self::Expired => 9621,
            Self::Invalid => 9622,
            Self::Revoked => 9625,
        }
    }

    /// What Apple says of the token, as the end of a sentence that begins with it.
    pub fn told(self) -> &'static str {
        match self {
            Self::Expired => "has expired",
            Self::Invalid => "is not valid",
            Self::Revoked => "was revoked",
        }
    }
}

/// Why it is not known whether a token works.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    /// Apple's error that says nothing of the token.
    #[error("Apple answered with its error {number}{}", meaning(*.number))]
    Error { number: u32 },
    #[error("Apple answered with HTTP status {status}")]
    Status { status: u16 },
    /// Following it could carry the token to another host.
    #[error("Apple answered with a redirect, which is never followed")]
    Redirected,
    #[error("Apple's answer cannot be read")]
    Unreadable,
    #[error("Apple's answer is larger than such an answer is")]
    TooLarge,
    #[error("Apple did not answer in time")]
    TimedOut,
    #[error("Apple could not be reached: {cause}")]
    Unreachable { cause: String },
    /// Apple was silent so often in this run that it is left alone.
    #[error("Apple did not answer earlier in this run, and was not asked again")]
    GivenUp,
    /// Graph is a simulator or proxy on this machine, and no Apple beside it is named.
    #[error("Apple is not asked where Graph is on this machine, unless APPLECART_APPLE_URL is set")]
    NotAsked,
}

impl Silence {
    /// Whether asking again in a moment may help: Apple is busy, or something in it failed.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Error { number } => matches!(number, 9603 | 9646),
            Self::Status { status } => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}

fn meaning(number: u32) -> &'static str {
    match number {
        9603 => ", an internal error",
        9634 => ": the service is gone",
        9646 => ": too many requests",
        9722 => ": it does not take the form of the request",
        _ => "",
    }
}

/// The members that are read; whatever else there is, secrets included, is passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    #[serde(borrow, default)]
    error_number: Option<&'a RawValue>,
    #[serde(borrow, default)]
    u_id: Option<&'a RawValue>,
    #[serde(default)]
    location_name: Option<String>,
    #[serde(rename = "countryISO2ACode", default)]
    country: Option<String>,
    #[serde(default)]
    mdm_info: Option<MdmInfo>,
}

#[derive(Deserialize)]
struct MdmInfo {
    #[serde(default)]
    name: Option<String>,
}

/// The secrets that a request carried.
struct Sent<'a> {
    /// The token's whole text, as it was sent.
    text: &'a str,
    /// The `token` inside it.
    inner: Option<Zeroizing<String>>,
}

impl<'a> Sent<'a> {
    fn new(text: &'a str) -> Self {
        #[derive(Deserialize)]
        struct Inside {
            token: String,
        }
        let inside = radix64::decode(text)
            .and_then(|decoded| serde_json::from_slice::<Inside>(&decoded.bytes).ok());
        Self { text, inner: inside.map(|inside| Zeroizing::new(inside.token)) }
    }

    /// Whether a text of the answer must not be shown: it has a part of what was sent, or has the form of
    /// a token, whosever.
    fn is_in(&self, text: &str) -> bool {
        let inner = self.inner.as_deref().map(String::as_str);
        let mut sent = [Some(self.text), inner].into_iter().flatten();
        sent.any(|sent| shares(sent, text)) || is_encoded(text)
    }
}

/// Whether a text has the secret, or as much of it in a row as no coincidence has.
fn shares(secret: &str, text: &str) -> bool {
    let whole = secret.len() >= ECHO / 2 && text.contains(secret);
    whole
        || text
            .as_bytes()
            .windows(ECHO)
            .any(|part| std::str::from_utf8(part).is_ok_and(|part| secret.contains(part)))
}

/// Whether a text is JSON, or has a word that is base64 or something like it.
fn is_encoded(text: &str) -> bool {
    let is_json = text.contains("{\"") || text.contains("\":");
    let is_of_code = |c: char| c.is_ascii_alphanumeric() || "+/=-_.".contains(c);
    let mut words = text.split(|c| !is_of_code(c)).filter(|word| word.len() >= ENCODED);
    let has = |word: &str, what: fn(&u8) -> bool| word.bytes().filter(what).count() > 1;
    is_json
        || words.any(|word| {
            has(word, u8::is_ascii_digit)
                && has(word, u8::is_ascii_lowercase)
                && has(word, u8::is_ascii_uppercase)
        })
}

/// Reads an answer to `GET client/config`, which was asked with the token `sent`.
pub fn read(status: u16, body: &[u8], sent: &str) -> Answer {
    let unreadable = || match status {
        200 => Answer::Unknown(Silence::Unreadable),
        _ => Answer::Unknown(Silence::Status { status }),
    };
    let Ok(config) = serde_json::from_slice::<Config<'_>>(body) else { return unreadable() };
    match config.error_number.map(text).map(|number| number.parse::<u32>()) {
        Some(Ok(9621)) => return Answer::Dead(Death::Expired),
        Some(Ok(9622)) => return Answer::Dead(Death::Invalid),
        Some(Ok(9625)) => return Answer::Dead(Death::Revoked),
        Some(Ok(number)) => return Answer::Unknown(Silence::Error { number }),
        Some(Err(_)) => return unreadable(),
        None if status != 200 => return unreadable(),
        None => {}
    }
    let Some(id) = config.u_id.map(text).and_then(|id| id.parse::<LocationId>().ok()) else {
        return unreadable();
    };
    let sent = Sent::new(sent);
    let mdm = config.mdm_info.and_then(|mdm| mdm.name);
    let shown = [&config.location_name, &config.country, &mdm].into_iter().flatten();
    if sent.is_in(&id.to_string()) || shown.into_iter().any(|text| sent.is_in(text)) {
        return Answer::Unknown(Silence::Unreadable);
    }
    Answer::Alive(Location {
        id,
        name: named(config.location_name),
        country: named(config.country).map(|code| code.to_ascii_uppercase()),
        mdm: named(mdm),
    })
}

/// A number or a text, as a text: Apple's documents and its answers differ in which it is.
fn text(value: &RawValue) -> String {
    let written = value.get();
    serde_json::from_str(written).unwrap_or_else(|_| written.to_owned())
}

/// A name as it may be shown; a blank one is none.
fn named(name: Option<String>) -> Option<String> {
    let name: String = name?.trim().chars().take(MAX_NAME).collect();
    (!name.is_empty()).then(|| safe_text(&name))
}

#[cfg(test)]
mod tests;
