//! Keys, certificates and tokens for the tests of the sign-in.
#![expect(clippy::disallowed_methods, reason = "tokens are good for a while from now")]

use std::collections::HashMap;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::super::jwt;
use super::super::testing::{auth, connector_with};
use super::super::{Connector, ReadRequest};
use super::Variables;
use applecart_core::fleet::{Auth, CredentialKind};
use applecart_core::model::{Kind, Timestamp};

pub(super) fn now() -> Timestamp {
    Timestamp::new(chrono::Utc::now())
}

/// An RSA key and its certificate.
pub(super) struct Identity {
    pub(super) pkcs8: Vec<u8>,
    pub(super) certificate: String,
    pub(super) certificate_der: Vec<u8>,
}

impl Identity {
    pub(super) fn until(days: i64) -> Self {
        let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let key = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key)
            .unwrap();
        Self::of(key.as_ref().to_vec(), days)
    }

    pub(super) fn of(pkcs8: Vec<u8>, days: i64) -> Self {
        let pair = rcgen::KeyPair::try_from(pkcs8.clone()).unwrap();
        let mut params = rcgen::CertificateParams::default();
        let begin = now().date_time().timestamp();
        let at = |days: i64| {
            let seconds = u64::try_from(begin + days * 86_400).unwrap();
            rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(seconds)
        };
        params.not_before = at(-30);
        params.not_after = at(days);
        let certificate = params.self_signed(&pair).unwrap();
        Self { pkcs8, certificate: certificate.pem(), certificate_der: certificate.der().to_vec() }
    }

    /// The private key as PEM of PKCS#8, as `openssl pkcs8` writes it.
    pub(super) fn key(&self) -> String {
        pem("PRIVATE KEY", &self.pkcs8)
    }
}

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The same for all tests: making one takes a while.
pub(super) fn identity() -> &'static Identity {
    static ONE: OnceLock<Identity> = OnceLock::new();
    ONE.get_or_init(|| Identity::until(300))
}

/// A token as GitHub signs it, good for so many seconds.
pub(super) fn token(subject: &str, seconds: i64) -> String {
    let claims = json!({
        "iss": "https://token.actions.githubusercontent.com",
        "sub": subject,
        "aud": "api://AzureADTokenExchange",
        "exp": now().date_time().timestamp() + seconds,
    });
    token_of(&claims)
}

pub(super) fn token_of(claims: &Value) -> String {
    let key = RsaKeyPair::from_pkcs8(&identity().pkcs8).unwrap();
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "1", "x5t": "1" });
    let token = jwt::signed(&header, claims, |message| {
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map(|()| signature)
    });
    token.unwrap().to_string()
}

pub(super) fn variables(set: &[(&str, &str)]) -> Variables {
    let set: HashMap<String, String> =
        set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Box::new(move |name| set.get(name).cloned())
}

pub(super) fn auth_with(credential: CredentialKind) -> Auth {
    Auth { credential, ..auth() }
}

pub(super) fn connector_of(base: &str, set: &[(&str, &str)]) -> Connector {
    connector_with(base, |options| options.variables = variables(set))
}

/// A read of the push certificate of the tenant with this number.
pub(super) fn read_of(auth: &Auth, tenant: u8) -> ReadRequest {
    ReadRequest {
        tenant_id: tenant_id(tenant).parse().unwrap(),
        auth: auth.clone(),
        watch: [Kind::Push].into_iter().collect(),
        consent_if_push_absent: false,
    }
}

pub(super) fn tenant_id(tenant: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{tenant:02x}")
}
