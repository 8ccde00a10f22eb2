//! JSON Web Tokens: making the one that a certificate signs, and looking into those that others
//! made. RFC 7519.
//!
//! Looking in proves nothing: Entra checks signatures. It says when a token ends, and it lets a
//! person compare what was presented with what the application registration expects.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use applecart_core::model::{TenantId, Timestamp, is_hostile};

/// No issuer's token comes near; a larger file or answer is something else.
pub(super) const MAX_BYTES: usize = 64 << 10;

/// Longer claims help nobody in a sentence.
const MAX_CHARS: usize = 200;

/// What a token says about itself, cleaned for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) issuer: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) audience: Option<String>,
    /// The tenant, in Entra's own tokens.
    pub(super) tenant: Option<String>,
    pub(super) expires: Option<Timestamp>,
    /// What an access token permits: the application's roles, else the person's scopes.
    pub(super) permissions: Vec<String>,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    iss: Value,
    #[serde(default)]
    sub: Value,
    #[serde(default)]
    aud: Value,
    #[serde(default)]
    tid: Value,
    #[serde(default)]
    exp: Value,
    #[serde(default)]
    roles: Value,
    #[serde(default)]
    scp: Value,
}

/// Whether `text` has the form of a signed token: three parts of base64url.
pub(super) fn is_token(text: &str) -> bool {
    let mut parts = 0;
    let all = text.split('.').all(|part| {
        parts += 1;
        !part.is_empty()
            && part.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
    });
    all && parts == 3 && text.len() <= MAX_BYTES
}

/// What `token` says about itself; `None` when it is no token.
pub(super) fn claims(token: &str) -> Option<Claims> {
    if !is_token(token) {
        return None;
    }
    let body = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let body: Body = serde_json::from_slice(&body).ok()?;
    let exp = body.exp.as_i64().or_else(|| body.exp.as_f64().map(|seconds| seconds as i64));
    Some(Claims {
        issuer: shown(&body.iss),
        subject: shown(&body.sub),
        audience: shown(&body.aud),
        tenant: shown(&body.tid),
        expires: exp.and_then(Timestamp::from_unix),
        permissions: permissions(&body),
    })
}

/// Whether a token says that it is for another tenant than this one.
pub(super) fn is_for_another(token: &str, tenant: TenantId) -> bool {
    let said = claims(token).and_then(|claims| claims.tenant);
    said.and_then(|id| id.parse::<TenantId>().ok()).is_some_and(|id| id != tenant)
}

fn permissions(body: &Body) -> Vec<String> {
    let names: Vec<&str> = match (&body.roles, &body.scp) {
        (Value::Array(roles), _) => roles.iter().filter_map(Value::as_str).collect(),
        (_, Value::String(scopes)) => scopes.split(' ').collect(),
        _ => Vec::new(),
    };
    let is_name = |name: &&str| {
        !name.is_empty()
            && name.len() <= MAX_CHARS
            && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_'))
    };
    names.into_iter().filter(is_name).take(MAX_CHARS).map(str::to_owned).collect()
}

/// A claim that is a text or a list of texts, as it may stand in a sentence.
fn shown(claim: &Value) -> Option<String> {
    let text = match claim {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        _ => return None,
    };
    let clean: String = text.chars().filter(|c| !is_hostile(*c)).take(MAX_CHARS).collect();
    (!clean.is_empty()).then_some(clean)
}

/// Writes a token over `header` and `body`; `sign` gives the signature over its first two parts.
pub(super) fn signed<E>(
    header: &Value,
    body: &Value,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<Zeroizing<String>, E> {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut token = Zeroizing::new(format!("{}.{}", part(header), part(body)));
    let signature = sign(token.as_bytes())?;
    let whole = format!("{}.{}", *token, URL_SAFE_NO_PAD.encode(signature));
    *token = whole;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn token(body: &Value) -> String {
        signed(&json!({}), body, |_| Ok::<_, ()>(vec![1, 2, 3])).unwrap().to_string()
    }

    #[test]
    fn a_tokens_own_words_are_read_and_cleaned() {
        let token = token(&json!({
            "iss": "https://issuer.example\u{1b}[31m",
            "sub": "s".repeat(500),
            "aud": ["one", "two"],
            "tid": 7,
            "exp": 1_800_000_000,
            "roles": ["A.Read.All", "bad\u{1b}[31m", 7],
            "scp": "not.these",
        }));
        let claims = claims(&token).unwrap();
        assert_eq!(claims.issuer.as_deref(), Some("https://issuer.example[31m"));
        assert_eq!(claims.subject.unwrap().len(), MAX_CHARS);
        assert_eq!(claims.audience.as_deref(), Some("one, two"));
        assert_eq!(claims.tenant, None);
        assert_eq!(claims.permissions, ["A.Read.All"]);
        assert_eq!(claims.expires, Timestamp::from_unix(1_800_000_000));
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let long = format!("a.b.{}", "c".repeat(MAX_BYTES));
        for text in ["", "a.b", "a.b.c.d", "a..c", "a.b.c\n", "a.b.c=", "{}", &long] {
            assert!(!is_token(text) && claims(text).is_none(), "{text:.20}");
        }
        assert!(is_token("a.b.c"));
        assert_eq!(claims("a.b.c"), None, "its body is not JSON");
    }
}
