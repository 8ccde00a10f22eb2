//! `client_assertion`: a token in place of a secret, signed by the application's own certificate
//! or by somebody whom the application trusts.
//!
//! Real Entra fetches a foreign issuer's keys; the simulator is told the issuer's certificate.

use std::collections::HashMap;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use der::{DecodePem as _, Encode as _};
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};
use serde_json::{Map, Value};
use sha2::Digest as _;
use x509_cert::Certificate;

use super::Refusal;
use crate::state::AppRegistration;

/// What `client_assertion_type` has to be. RFC 7523.
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// By how much Entra lets clocks differ.
fn leeway() -> Duration {
    Duration::minutes(5)
}

/// A token taken apart; nothing of it is believed yet.
struct Assertion<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

/// The assertion of a form, where there is one.
pub(super) fn of_form(form: &HashMap<String, String>) -> Result<Option<&str>, Refusal> {
    let field = |name: &str| form.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let Some(assertion) = field("client_assertion") else { return Ok(None) };
    match field("client_assertion_type") {
        Some(TYPE) => Ok(Some(assertion)),
        Some(_) => {
            let text = "The parameter 'client_assertion_type' is empty or not valid.";
            Err(Refusal::bad("invalid_request", 90_100, text))
        }
        None => Err(Refusal::missing("client_assertion_type")),
    }
}

/// Whether `assertion` proves to be `app` at the token address `audience`.
pub(super) fn check(
    app: &AppRegistration,
    assertion: &str,
    audience: &str,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let assertion = Assertion::parse(assertion)?;
    let issuer = assertion.claim("iss")?;
    // The application itself, or another one; whoever else signs is named by an address.
    if issuer.contains("://") {
        assertion.federated(app, issuer, now)
    } else {
        assertion.own(app, issuer, audience, now)
    }
}

fn malformed() -> Refusal {
    Refusal::bad("invalid_request", 50_027, "JWT token is invalid or malformed.")
}

fn key(reason: &str) -> Refusal {
    let text = format!(
        "The certificate with identifier used to sign the client assertion is not registered on \
         application. [Reason - {reason}]"
    );
    Refusal::client(700_027, text)
}

impl<'a> Assertion<'a> {
    fn parse(text: &'a str) -> Result<Self, Refusal> {
        let (signed, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed());
        let object = |part: &str| -> Result<Map<String, Value>, Refusal> {
            serde_json::from_slice(&decode(part)?).map_err(|_| malformed())
        };
        Ok(Self {
            signed,
            signature: decode(signature)?,
            header: object(header)?,
            claims: object(claims)?,
        })
    }

    fn claim(&self, name: &str) -> Result<&str, Refusal> {
        self.claims.get(name).and_then(Value::as_str).ok_or_else(malformed)
    }

    fn time(&self, name: &str) -> Result<DateTime<Utc>, Refusal> {
        let seconds = self.claims.get(name).and_then(Value::as_i64).ok_or_else(malformed)?;
        DateTime::from_timestamp(seconds, 0).ok_or_else(malformed)
    }

    fn in_time(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        let begins = if self.claims.contains_key("nbf") { self.time("nbf")? } else { now };
        if begins > now + leeway() || self.time("exp")? < now - leeway() {
            let text = format!(
                "Client assertion is not within its valid time range. Current time: {now}, expiry \
                 time of assertion {}.",
                self.time("exp")?
            );
            return Err(Refusal::client(700_024, text));
        }
        Ok(())
    }

    fn is_for(&self, audiences: &[&str]) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(one)) => audiences.contains(&one.as_str()),
            // Entra refuses a list for its own, and takes a list of one from others.
            Some(Value::Array(all)) => match all.as_slice() {
                [Value::String(one)] => audiences.contains(&one.as_str()),
                _ => false,
            },
            _ => false,
        }
    }

    fn algorithm(&self) -> Result<&'static RsaParameters, Refusal> {
        match self.header.get("alg").and_then(Value::as_str) {
            Some("PS256") => Ok(&RSA_PSS_2048_8192_SHA256),
            Some("RS256") => Ok(&RSA_PKCS1_2048_8192_SHA256),
            _ => Err(malformed()),
        }
    }

    fn is_signed_by(&self, certificate: &Certificate) -> Result<bool, Refusal> {
        let key = &certificate.tbs_certificate.subject_public_key_info.subject_public_key;
        let key = UnparsedPublicKey::new(self.algorithm()?, key.as_bytes().unwrap_or_default());
        Ok(key.verify(self.signed.as_bytes(), &self.signature).is_ok())
    }

    /// Signed by the application's own certificate.
    fn own(
        &self,
        app: &AppRegistration,
        issuer: &str,
        audience: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let is_app = |id: &str| id.eq_ignore_ascii_case(&app.client_id);
        if !is_app(issuer) || !is_app(self.claim("sub")?) {
            let text =
                "Client assertion application identifier doesn't match 'client_id' parameter.";
            return Err(Refusal::client(700_021, text));
        }
        if !self.is_for(&[audience]) {
            let text = "Client assertion audience claim does not match Realm issuer.";
            return Err(Refusal::client(700_023, text));
        }
        let thumbprint = self.header.get("x5t#S256").and_then(Value::as_str);
        let thumbprint = thumbprint.ok_or_else(|| key("The key was not found."))?;
        let registered = app.certificates.iter().filter_map(|pem| parsed(pem)).find(|known| {
            let der = known.to_der().unwrap_or_default();
            URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(der)) == thumbprint
        });
        let registered = registered.ok_or_else(|| {
            key(&format!(
                "The key was not found., Thumbprint of key used by client: '{thumbprint}'"
            ))
        })?;
        if !self.is_signed_by(&registered)? {
            let text = "Client assertion failed signature validation.";
            return Err(Refusal::client(700_027, text));
        }
        let validity = registered.tbs_certificate.validity;
        let seconds = |time: x509_cert::time::Time| time.to_unix_duration().as_secs();
        let at = u64::try_from(now.timestamp()).unwrap_or_default();
        if !(seconds(validity.not_before)..=seconds(validity.not_after)).contains(&at) {
            return Err(key("The key used is expired."));
        }
        self.in_time(now)
    }

    /// Signed by somebody whom the application trusts.
    fn federated(
        &self,
        app: &AppRegistration,
        issuer: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        const CHECK: &str = "Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation";
        let none = |number, what: &str, shown: &str| Refusal {
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_client",
            number,
            text: format!(
                "No matching federated identity record found for presented assertion {what} \
                 '{shown}'. {CHECK}"
            ),
        };
        let subject = self.claim("sub")?;
        let known = || app.federated_credentials.iter().filter(|known| known.issuer == issuer);
        if known().next().is_none() {
            return Err(none(700_211, "issuer", issuer));
        }
        let known = known().find(|known| known.subject == subject);
        let known = known.ok_or_else(|| none(700_213, "subject", subject))?;
        let audiences: Vec<&str> = known.audiences.iter().map(String::as_str).collect();
        if !self.is_for(&audiences) {
            let shown = self.claims.get("aud").map(ToString::to_string).unwrap_or_default();
            return Err(none(700_212, "audience", shown.trim_matches('"')));
        }
        let certificate = parsed(&known.issuer_certificate);
        let signed = match &certificate {
            Some(certificate) => self.is_signed_by(certificate)?,
            None => false,
        };
        if !signed {
            let text = "Assertion failed signature validation. [Reason - The key was not found.]";
            return Err(Refusal::bad("invalid_grant", 50_013, text));
        }
        self.in_time(now)
    }
}

fn parsed(pem: &str) -> Option<Certificate> {
    Certificate::from_pem(pem.trim()).ok()
}
