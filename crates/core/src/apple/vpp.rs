//! The VPP (content, location) token.
//!
//! [`read`] takes the base64 of a JSON object apart and keeps the organisation, the expiry and
//! the text that is to be uploaded; [`judge`] compares it with Intune and the clock. The file is
//! a bearer secret: nothing here can print it. It names no location, so two locations of one
//! organisation cannot be told apart by their files.

mod date;
mod json;

use chrono::Duration;
use zeroize::Zeroizing;

use super::content::{self, Content, Look};
use super::other::unusable;
use super::{Finding, FindingCode, Parsed, radix64};
use crate::model::{Facts, Kind, LiveVpp, Timestamp};

/// A readable VPP token. It has no `Debug` and no `Display`, for its text is a secret.
///
/// ```compile_fail
/// fn shown(token: &applecart_core::apple::vpp::VppToken) -> String {
///     format!("{token:?}")
/// }
/// ```
pub struct VppToken {
    /// `orgName` of the file, as Apple writes it.
    pub organization: String,
    /// `expDate` of the file, in UTC whatever offset it is written with.
    pub expires: Timestamp,
    text: Zeroizing<String>,
}

impl VppToken {
    /// What Apple and Intune take: one line of standard base64 over the JSON. Each use of this is
    /// a place to review.
    pub fn expose_text(&self) -> &str {
        &self.text
    }
}

/// Reads a file that should be a VPP token: base64 of JSON in any of the forms that copying
/// leaves.
pub fn read(bytes: &[u8]) -> Parsed<VppToken> {
    of(&content::look(bytes))
}

/// Reads what a file was found to be.
pub(super) fn of(look: &Look) -> Parsed<VppToken> {
    let mut findings = look.findings();
    if let Some(finding) = unusable(look, Some(Kind::Vpp)) {
        findings.push(finding);
        return Parsed { token: None, findings };
    }
    let Content::Vpp(bytes) = &look.content else { return Parsed { token: None, findings } };
    let fields = match json::read(bytes) {
        Ok(fields) => fields,
        Err(json::Unreadable::Several) => {
            findings.push(Finding::new(
                FindingCode::SeveralTokens,
                "the file holds several VPP tokens, so it is unclear which one to upload. Keep each token in its own file",
            ));
            return Parsed { token: None, findings };
        }
        Err(error) => {
            findings.push(malformed(&error.to_string()));
            return Parsed { token: None, findings };
        }
    };
    let Some((expires, form)) = fields.expires.and_then(date::read) else {
        findings.push(malformed("its `expDate` is not a date and time"));
        return Parsed { token: None, findings };
    };
    match form {
        date::Form::Apple => {}
        date::Form::Unusual => findings.push(Finding::new(
            FindingCode::UnusualForm,
            "its expiry date is readable but not written as Apple writes it (2027-01-31T00:00:00+0000)",
        )),
        date::Form::NoZone => findings.push(Finding::new(
            FindingCode::NoTimeZone,
            "its expiry date has no time zone and is read as UTC; the real one may differ by up to 14 hours",
        )),
    }
    let text = radix64::wrapped(bytes, usize::MAX);
    let text = Zeroizing::new(text.trim_end().to_owned());
    let token = VppToken { organization: fields.organization, expires, text };
    Parsed { token: Some(token), findings }
}

fn malformed(what: &str) -> Finding {
    Finding::new(
        FindingCode::Malformed,
        format!(
            "the VPP token cannot be read: {what}. Download it again from Apple Business or Apple School Manager"
        ),
    )
}

/// What a token is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Expectations<'a> {
    pub now: Timestamp,
    /// All tokens in Intune that it may replace; `None` where Intune was not read.
    pub live: Option<&'a [LiveVpp]>,
    /// How long before its expiry a token is due for renewal.
    pub renew_before: Duration,
}

/// Compares a readable token with Intune and the clock.
pub fn judge(token: &VppToken, expected: &Expectations<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(expected.live.into_iter().flat_map(|live| against_live(token, live)));
    if token.expires <= expected.now {
        findings.push(Finding::new(
            FindingCode::Expired,
            format!(
                "it expired on {}. Expired tokens are never uploaded. Download a new one from Apple Business or Apple School Manager",
                token.expires
            ),
        ));
    } else if token.expires.since(expected.now) < expected.renew_before {
        findings.push(Finding::new(
            FindingCode::ExpiresSoon,
            format!("it expires on {}, within the renewal time. Renew it now", token.expires),
        ));
    }
    findings
}

/// Facts in the tenant file that the opened file does not bear out.
pub fn differences(token: &VppToken, stated: &Facts) -> Option<Finding> {
    let mut wrong = Vec::new();
    if stated.organization.as_deref().map(str::trim) != Some(token.organization.trim()) {
        wrong.push(format!(
            "organization is {:?}, the tenant file says {:?}",
            token.organization,
            stated.organization.as_deref().unwrap_or("nothing")
        ));
    }
    if stated.expires != Some(token.expires) {
        wrong.push(format!(
            "expires is {}, the tenant file says {}",
            token.expires,
            stated.expires.map_or_else(|| "nothing".to_owned(), |at| at.to_string())
        ));
    }
    Finding::not_reviewed(&wrong)
}

fn against_live(token: &VppToken, live: &[LiveVpp]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if live.is_empty() {
        return findings;
    }
    let ours = |live: &&LiveVpp| {
        live.organization.as_deref().is_some_and(|name| name.trim() == token.organization.trim())
    };
    let mut meant: Vec<&LiveVpp> = live.iter().filter(ours).collect();
    if meant.is_empty() {
        // With one token in Intune, the file can only be meant for that one.
        meant = if live.len() == 1 { live.iter().collect() } else { Vec::new() };
        findings.push(Finding::new(
            FindingCode::OrganizationDiffers,
            "it is for another organisation than every token in Intune. Check that it belongs to this customer",
        ));
    } else if meant.iter().any(|live| live.expires == Some(token.expires) && live.is_valid()) {
        // A token that is downloaded again after a password change has the expiry of the dead one.
        findings.push(Finding::new(
            FindingCode::SameAsLive,
            "Intune has it already: a token there has the same organisation and expiry date",
        ));
        return findings;
    }
    // The file does not name its location, so it is older only if it is older than all.
    let expiries: Vec<Timestamp> = meant.iter().filter_map(|live| live.expires).collect();
    if let Some(least) = expiries.iter().min()
        && expiries.len() == meant.len()
        && token.expires < *least
    {
        findings.push(Finding::new(
            FindingCode::OlderThanLive,
            format!(
                "it expires on {}, but the token in Intune on {least}: uploading it would bring the expiry date forward. Look for a newer download",
                token.expires
            ),
        ));
    }
    findings
}

#[cfg(test)]
mod tests;
