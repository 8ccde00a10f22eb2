//! What a forge says of a push. It is proved to come from the forge, and then only starts a run: nothing
//! in it is believed, so nothing in it is even parsed.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use age::secrecy::{ExposeSecret as _, SecretString};
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::ServeError;
use super::guard::{is_same, strong};
use crate::app::Environment;
use applecart_core::model::Timestamp;

/// GitHub sends no more. A body is never kept, only put through a digest.
const MOST_BYTES: usize = 25 * 1024 * 1024;
/// How many deliveries are remembered. One that was forgotten can be sent again, and starts one run.
const REMEMBERED: usize = 1024;
/// By how much a signed time may differ from this machine's.
const WINDOW: chrono::Duration = chrono::Duration::minutes(5);
/// What GitLab's signing tokens begin with.
const SIGNING: &str = "whsec_";

/// What the forge and this program share.
#[derive(Clone)]
pub struct WebhookSecret(SecretString);

impl WebhookSecret {
    const VARIABLE: &'static str = "APPLECART_WEBHOOK_SECRET";

    /// The environment's, where it has one.
    pub fn of(environment: &Environment) -> Result<Option<Self>, ServeError> {
        Ok(strong(environment, Self::VARIABLE)?.map(Self))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forge {
    Github,
    Gitlab,
    Azure,
}

/// What a delivery means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Push,
    /// It, or its copy, was here before.
    Known,
    /// Another event.
    Other,
}

/// Why a delivery is not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unheard {
    #[error("no webhook is expected: APPLECART_WEBHOOK_SECRET is not set")]
    Off,
    #[error("the delivery is not signed with the secret that is shared with the forge")]
    Unproved,
    #[error("the delivery was signed more than five minutes ago, or this machine's clock is wrong")]
    Old,
    #[error("the delivery is too large")]
    Large,
    #[error("the delivery ended early")]
    Broken,
}

impl Unheard {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Off => StatusCode::NOT_FOUND,
            Self::Unproved | Self::Old => StatusCode::UNAUTHORIZED,
            Self::Large => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

pub(super) struct Hooks {
    secret: Option<WebhookSecret>,
    /// Digests of deliveries, oldest first.
    known: Mutex<VecDeque<[u8; 32]>>,
}

impl Hooks {
    pub(super) fn new(secret: Option<WebhookSecret>) -> Self {
        Self { secret, known: Mutex::default() }
    }

    /// Hears a delivery.
    pub(super) async fn hear(
        &self,
        forge: Forge,
        headers: &HeaderMap,
        body: Body,
        now: Timestamp,
    ) -> Result<Heard, Unheard> {
        let secret = self.secret.as_ref().ok_or(Unheard::Off)?.0.expose_secret();
        let proof = Proof::of(forge, secret, headers, now)?;
        let digest = digest(body, headers, &proof).await?;
        if let Proof::Signature { expected, .. } = &proof
            && !expected.iter().any(|one| is_same(one, &proof.written(digest)))
        {
            return Err(Unheard::Unproved);
        }
        if !is_push(forge, headers) {
            return Ok(Heard::Other);
        }
        Ok(if self.is_known(digest) { Heard::Known } else { Heard::Push })
    }

    /// Whether this was here before; from now on it was. What identifies a delivery is its body under
    /// the secret: an id in a header can be changed by whoever repeats it.
    fn is_known(&self, digest: [u8; 32]) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&digest) {
            return true;
        }
        if known.len() == REMEMBERED {
            known.pop_front();
        }
        known.push_back(digest);
        false
    }
}

/// How a delivery proves where it comes from.
enum Proof {
    /// By the secret itself, which was compared.
    Secret { key: Vec<u8> },
    /// By a signature over a text of the headers and the body.
    Signature { key: Vec<u8>, before: String, expected: Vec<String>, write: fn([u8; 32]) -> String },
}

impl Proof {
    fn of(
        forge: Forge,
        secret: &str,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Self, Unheard> {
        let key = secret.as_bytes().to_vec();
        match forge {
            Forge::Github => {
                let given = only(headers, "x-hub-signature-256")?;
                let expected = vec![given.to_ascii_lowercase()];
                Ok(Self::Signature { key, before: String::new(), expected, write: hexadecimal })
            }
            Forge::Gitlab => match secret.strip_prefix(SIGNING) {
                Some(encoded) => Self::signed(encoded, headers, now),
                None => Self::shown(secret, only(headers, "x-gitlab-token")?),
            },
            Forge::Azure => Self::shown(secret, &basic(headers).ok_or(Unheard::Unproved)?),
        }
    }

    fn shown(secret: &str, given: &str) -> Result<Self, Unheard> {
        match is_same(secret, given) {
            true => Ok(Self::Secret { key: secret.as_bytes().to_vec() }),
            false => Err(Unheard::Unproved),
        }
    }

    /// As Standard Webhooks has it, and GitLab by it.
    fn signed(encoded: &str, headers: &HeaderMap, now: Timestamp) -> Result<Self, Unheard> {
        let key = STANDARD.decode(encoded).map_err(|_| Unheard::Unproved)?;
        let (id, time) = (only(headers, "webhook-id")?, only(headers, "webhook-timestamp")?);
        let at = time.parse().ok().and_then(Timestamp::from_unix).ok_or(Unheard::Unproved)?;
        if at.since(now).abs() > WINDOW {
            return Err(Unheard::Old);
        }
        let signatures = only(headers, "webhook-signature")?.split(' ').map(str::to_owned);
        let before = format!("{id}.{time}.");
        Ok(Self::Signature { key, before, expected: signatures.collect(), write: standard })
    }

    fn key(&self) -> &[u8] {
        match self {
            Self::Secret { key } | Self::Signature { key, .. } => key,
        }
    }

    fn before(&self) -> &str {
        match self {
            Self::Secret { .. } => "",
            Self::Signature { before, .. } => before,
        }
    }

    fn written(&self, digest: [u8; 32]) -> String {
        match self {
            Self::Secret { .. } => String::new(),
            Self::Signature { write, .. } => write(digest),
        }
    }
}

fn hexadecimal(digest: [u8; 32]) -> String {
    digest.iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn standard(digest: [u8; 32]) -> String {
    format!("v1,{}", STANDARD.encode(digest))
}

/// The value of a header that stands there once.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, Unheard> {
    let mut all = headers.get_all(name).iter();
    match (all.next().and_then(|value| value.to_str().ok()), all.next()) {
        (Some(value), None) => Ok(value),
        _ => Err(Unheard::Unproved),
    }
}

/// The password of basic authentication; the user may be called anything.
fn basic(headers: &HeaderMap) -> Option<String> {
    let value = only(headers, header::AUTHORIZATION.as_str()).ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (_, password) = text.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| password.to_owned())
}

/// The keyed digest of a body, which is read in pieces and not kept.
async fn digest(body: Body, headers: &HeaderMap, proof: &Proof) -> Result<[u8; 32], Unheard> {
    let said =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if said.is_some_and(|length: usize| length > MOST_BYTES) {
        return Err(Unheard::Large);
    }
    let mut digest = Hmac::<Sha256>::new_from_slice(proof.key()).map_err(|_| Unheard::Unproved)?;
    digest.update(proof.before().as_bytes());
    let mut pieces = body.into_data_stream();
    let mut length = 0;
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Unheard::Broken)?;
        length += piece.len();
        if length > MOST_BYTES {
            return Err(Unheard::Large);
        }
        digest.update(&piece);
    }
    Ok(digest.finalize().into_bytes().into())
}

/// Whether it is told of a push. Azure DevOps says so nowhere but in the body; whoever makes its
/// subscription chooses.
fn is_push(forge: Forge, headers: &HeaderMap) -> bool {
    match forge {
        Forge::Github => only(headers, "x-github-event") == Ok("push"),
        Forge::Gitlab => only(headers, "x-gitlab-event") == Ok("Push Hook"),
        Forge::Azure => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a secret that is shared";
    const BODY: &str = "{\"ref\":\"refs/heads/main\"}";

    fn hooks(secret: &str) -> Hooks {
        Hooks::new(Some(WebhookSecret(secret.to_owned().into())))
    }

    fn now() -> Timestamp {
        Timestamp::from_unix(1_800_000_000).unwrap()
    }

    fn signed(key: &[u8], text: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }

    fn heard(
        hooks: &Hooks,
        forge: Forge,
        headers: &[(&'static str, &str)],
        body: &str,
    ) -> Result<Heard, Unheard> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        futures::executor::block_on(hooks.hear(forge, &map, Body::from(body.to_owned()), now()))
    }

    /// The example of GitHub's documentation.
    #[test]
    fn github_signs_as_its_documentation_says() {
        let digest = signed(b"It's a Secret to Everybody", "Hello, World!");
        let written = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(hexadecimal(digest), written);
    }

    #[test]
    fn a_signed_push_is_heard_once_whatever_its_id_says() {
        let hooks = hooks(SECRET);
        let signature = hexadecimal(signed(SECRET.as_bytes(), BODY));
        let ask = |id: &str, body| {
            let headers = [
                ("x-hub-signature-256", &*signature),
                ("x-github-event", "push"),
                ("x-github-delivery", id),
            ];
            heard(&hooks, Forge::Github, &headers, body)
        };
        assert_eq!(ask("1", BODY), Ok(Heard::Push));
        assert_eq!(ask("1", BODY), Ok(Heard::Known));
        assert_eq!(ask("2", BODY), Ok(Heard::Known), "the id is not signed");
        assert_eq!(ask("3", "{}"), Err(Unheard::Unproved));
    }

    #[test]
    fn what_is_not_signed_with_the_secret_is_refused() {
        let hooks = hooks(SECRET);
        let other = hexadecimal(signed(b"another", BODY));
        let right = hexadecimal(signed(SECRET.as_bytes(), BODY));
        let event = ("x-github-event", "push");
        for headers in [
            &[event][..],
            &[event, ("x-hub-signature-256", &*other)],
            &[event, ("x-hub-signature-256", "")],
            &[event, ("x-hub-signature-256", &right[7..])],
            &[event, ("x-hub-signature", &*right)],
            &[event, ("x-hub-signature-256", &*other), ("x-hub-signature-256", &*right)],
        ] {
            assert_eq!(heard(&hooks, Forge::Github, headers, BODY), Err(Unheard::Unproved));
        }
        let none = Hooks::new(None);
        let headers = [event, ("x-hub-signature-256", &*right)];
        assert_eq!(heard(&none, Forge::Github, &headers, BODY), Err(Unheard::Off));
    }

    #[test]
    fn another_event_starts_nothing() {
        let hooks = hooks(SECRET);
        let signature = hexadecimal(signed(SECRET.as_bytes(), BODY));
        let headers = [("x-hub-signature-256", &*signature), ("x-github-event", "ping")];
        assert_eq!(heard(&hooks, Forge::Github, &headers, BODY), Ok(Heard::Other));
        let headers = [("x-gitlab-token", SECRET), ("x-gitlab-event", "Issue Hook")];
        assert_eq!(heard(&hooks, Forge::Gitlab, &headers, BODY), Ok(Heard::Other));
    }

    #[test]
    fn gitlab_shows_its_token_or_signs_with_a_time() {
        let plain = hooks(SECRET);
        let event = ("x-gitlab-event", "Push Hook");
        let ask = |token| heard(&plain, Forge::Gitlab, &[event, ("x-gitlab-token", token)], BODY);
        assert_eq!(ask(SECRET), Ok(Heard::Push));
        assert_eq!(ask(SECRET), Ok(Heard::Known));
        assert_eq!(ask("another"), Err(Unheard::Unproved));

        let secret = format!("{SIGNING}{}", STANDARD.encode([7; 32]));
        let signing = hooks(&secret);
        let ask = |seconds: i64, body| {
            let time = (1_800_000_000 + seconds).to_string();
            let signature = standard(signed(&[7; 32], &format!("id.{time}.{BODY}")));
            let signature = format!("v1,AAAA {signature}");
            let headers = [
                event,
                ("webhook-id", "id"),
                ("webhook-timestamp", &*time),
                ("webhook-signature", &*signature),
            ];
            heard(&signing, Forge::Gitlab, &headers, body)
        };
        assert_eq!(ask(0, BODY), Ok(Heard::Push));
        assert_eq!(ask(0, BODY), Ok(Heard::Known));
        assert_eq!(ask(1, "{}"), Err(Unheard::Unproved));
        assert_eq!(ask(299, BODY), Ok(Heard::Push));
        assert_eq!(ask(301, BODY), Err(Unheard::Old));
        assert_eq!(ask(-301, BODY), Err(Unheard::Old));
        let shown = [event, ("x-gitlab-token", &*secret)];
        assert_eq!(heard(&signing, Forge::Gitlab, &shown, BODY), Err(Unheard::Unproved));
    }

    #[test]
    fn azure_devops_sends_the_secret_as_a_password() {
        let hooks = hooks(SECRET);
        let ask = |user: &str, body| {
            let value = format!("Basic {}", STANDARD.encode(user));
            heard(&hooks, Forge::Azure, &[("authorization", &*value)], body)
        };
        assert_eq!(ask(&format!("applecart:{SECRET}"), BODY), Ok(Heard::Push));
        assert_eq!(ask(&format!(":{SECRET}"), BODY), Ok(Heard::Known));
        assert_eq!(ask(&format!(":{SECRET}"), "{}"), Ok(Heard::Push));
        assert_eq!(ask(SECRET, BODY), Err(Unheard::Unproved));
        assert_eq!(ask(&format!("{SECRET}:"), BODY), Err(Unheard::Unproved));
        assert_eq!(heard(&hooks, Forge::Azure, &[], BODY), Err(Unheard::Unproved));
    }

    #[test]
    fn a_body_that_is_too_large_is_refused_before_and_while_it_is_read() {
        let hooks = hooks(SECRET);
        let length = (MOST_BYTES + 1).to_string();
        let token = ("x-gitlab-token", SECRET);
        let said = [token, ("content-length", &*length)];
        assert_eq!(heard(&hooks, Forge::Gitlab, &said, ""), Err(Unheard::Large));
        let large = "x".repeat(MOST_BYTES + 1);
        assert_eq!(heard(&hooks, Forge::Gitlab, &[token], &large), Err(Unheard::Large));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let hooks = hooks(SECRET);
        for number in 0..2 * REMEMBERED {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&number.to_le_bytes());
            assert!(!hooks.is_known(digest));
        }
        assert_eq!(hooks.known.lock().unwrap().len(), REMEMBERED);
    }
}
