use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use serde_json::json;
use sha2::Digest as _;

use super::*;

const GOOD: [(&str, &str); 4] = [
    ("client_id", WRITER_CLIENT_ID),
    ("client_secret", WRITER_SECRET),
    ("scope", "https://graph.microsoft.us/.default"),
    ("grant_type", "client_credentials"),
];

/// The good form with one field changed, or left out where the value is empty.
fn with(name: &str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    GOOD.into_iter()
        .map(|(key, old)| (key, if key == name { value } else { old }))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

async fn refusal(world: &World, form: &[(&str, &str)]) -> (u16, String, u64) {
    let answer = world.sign_in(form).await;
    let json = answer.json();
    for field in ["error_description", "timestamp", "trace_id", "correlation_id", "error_uri"] {
        assert!(json[field].is_string(), "{field}: {json}");
    }
    let error = json["error"].as_str().unwrap().to_owned();
    (answer.status, error, json["error_codes"][0].as_u64().unwrap())
}

#[tokio::test]
async fn a_good_form_gets_a_bearer_token_for_an_hour() {
    let world = World::new(full_tenant()).await;
    let answer = world.sign_in(&GOOD).await;
    let json = answer.json();
    assert_eq!(
        (answer.status, &json["token_type"], &json["expires_in"]),
        (200, &"Bearer".into(), &3599.into())
    );
    assert!(json["access_token"].as_str().unwrap().len() > 64);
}

#[tokio::test]
async fn every_missing_or_wrong_field_is_named_as_entra_does() {
    let mut tenant = full_tenant();
    let old = AppRegistration {
        client_id: "old".to_owned(),
        secret: "old".to_owned(),
        secret_expires: Some(now()),
        ..AppRegistration::default()
    };
    tenant.apps.push(old);
    let world = World::new(tenant).await;
    let expired = [("client_id", "old"), ("client_secret", "old"), GOOD[2], GOOD[3]];
    let invalid = |code| (400, "invalid_request".to_owned(), code);
    let client = |code| (401, "invalid_client".to_owned(), code);

    assert_eq!(refusal(&world, &with("client_id", "")).await, invalid(900_144));
    assert_eq!(refusal(&world, &with("scope", "")).await, invalid(900_144));
    assert_eq!(refusal(&world, &with("grant_type", "")).await, invalid(900_144));
    assert_eq!(
        refusal(&world, &with("scope", "https://graph.microsoft.com/User.Read")).await.2,
        1_002_012
    );
    assert_eq!(refusal(&world, &with("grant_type", "password")).await.2, 70_003);
    assert_eq!(refusal(&world, &with("client_secret", "")).await, client(7_000_216));
    assert_eq!(refusal(&world, &with("client_secret", "guess")).await, client(7_000_215));
    assert_eq!(refusal(&world, &expired).await, client(7_000_222));
    assert_eq!(
        refusal(&world, &with("client_id", "stranger")).await,
        (400, "unauthorized_client".to_owned(), 700_016)
    );
}

#[tokio::test]
async fn an_unknown_tenant_is_aadsts90002() {
    let mut world = World::new(full_tenant()).await;
    world.id = tenant_id(9);
    assert_eq!(refusal(&world, &GOOD).await, (400, "invalid_request".to_owned(), 90_002));
}

#[tokio::test]
async fn a_json_body_is_no_form() {
    let world = World::new(full_tenant()).await;
    let url = format!("{}/{}/oauth2/v2.0/token", world.running.url(), world.id);
    let answer = read(world.client.post(url).json(&GOOD).send().await.unwrap()).await;
    assert_eq!((answer.status, &answer.json()["error_codes"][0]), (400, &900_144.into()));
}

#[tokio::test]
async fn a_fault_can_strike_the_sign_in_of_one_tenant() {
    let world = World::new(full_tenant()).await;
    let fault = Fault::Throttle { retry_after: Some(RetryAfter::Seconds(1)) };
    world
        .state()
        .add_fault(FaultRule::always(fault).for_tenant(world.id).on("*/oauth2/*").times(1));
    let answer = world.sign_in(&GOOD).await;
    assert_eq!((answer.status, answer.headers["retry-after"].to_str().unwrap()), (429, "1"));
    assert_eq!(world.sign_in(&GOOD).await.status, 200);
}

/// An RSA key and its certificate.
struct Identity {
    pkcs8: Vec<u8>,
    certificate: String,
    thumbprint: String,
}

impl Identity {
    fn new(days: i64) -> Self {
        let pkcs8 = crypto::new_rsa_key().unwrap();
        let pair = rcgen::KeyPair::try_from(pkcs8.clone()).unwrap();
        let mut params = rcgen::CertificateParams::default();
        let begin = now() - chrono::Duration::days(30);
        signing::set_validity(&mut params, begin, now() + chrono::Duration::days(days));
        let certificate = params.self_signed(&pair).unwrap();
        let digest: [u8; 32] = sha2::Sha256::digest(certificate.der()).into();
        Self { pkcs8, certificate: certificate.pem(), thumbprint: URL_SAFE_NO_PAD.encode(digest) }
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let key = RsaKeyPair::from_pkcs8(&self.pkcs8).unwrap();
        let mut signature = vec![0; key.public().modulus_len()];
        let padding: &dyn RsaEncoding =
            if header["alg"] == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
        key.sign(padding, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A world whose application has a certificate and a federated credential.
async fn trusting(own: &Identity, issuer: &Identity) -> World {
    let mut tenant = full_tenant();
    let app = AppRegistration {
        client_id: WRITER_CLIENT_ID.to_owned(),
        certificates: vec![own.certificate.clone()],
        federated_credentials: vec![FederatedCredential {
            issuer: "https://issuer.example".to_owned(),
            subject: "repo:octo/fleet:environment:prod".to_owned(),
            audiences: vec!["api://AzureADTokenExchange".to_owned()],
            issuer_certificate: issuer.certificate.clone(),
        }],
        roles: vec!["DeviceManagementServiceConfig.ReadWrite.All".to_owned()],
        ..AppRegistration::default()
    };
    tenant.apps = vec![app];
    World::new(tenant).await
}

fn merged(base: &Value, change: &Value) -> Value {
    let mut merged = base.clone();
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => merged.as_object_mut().unwrap().remove(name),
            value => merged.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    merged
}

async fn asserted(world: &World, assertion: &str) -> Answer {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let form = [GOOD[0], GOOD[2], GOOD[3], ("client_assertion_type", kind)];
    world.sign_in(&[&form[..], &[("client_assertion", assertion)]].concat()).await
}

/// What is refused, by number; `None` when a token is issued.
async fn number(world: &World, assertion: &str) -> Option<u64> {
    asserted(world, assertion).await.json()["error_codes"][0].as_u64()
}

#[tokio::test]
async fn a_certificates_assertion_is_checked_as_entra_does() {
    let (own, stranger) = (Identity::new(300), Identity::new(300));
    let world = trusting(&own, &stranger).await;
    let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": own.thumbprint });
    let claims = json!({
        // For the scope's own cloud, which is the US government's.
        "aud": format!("https://login.microsoftonline.us/{}/oauth2/v2.0/token", world.id),
        "iss": WRITER_CLIENT_ID,
        "sub": WRITER_CLIENT_ID,
        "jti": "1",
        "nbf": now().timestamp(),
        "exp": now().timestamp() + 600,
    });
    assert_eq!(asserted(&world, &own.signed(&header, &claims)).await.status, 200);
    let legacy = merged(&header, &json!({ "alg": "RS256" }));
    assert_eq!(number(&world, &own.signed(&legacy, &claims)).await, None);

    let aud = |login: &str| format!("https://{login}/{}/oauth2/v2.0/token", world.id);
    for (change, expected) in [
        (json!({ "aud": aud("login.microsoftonline.com") }), 700_023),
        (json!({ "aud": [aud("login.microsoftonline.us"), "x"] }), 700_023),
        (json!({ "aud": null }), 700_023),
        (json!({ "sub": "another" }), 700_021),
        (json!({ "iss": "another" }), 700_021),
        (json!({ "sub": null }), 50_027),
        (json!({ "exp": null }), 50_027),
        (json!({ "nbf": now().timestamp() + 600 }), 700_024),
        (json!({ "exp": now().timestamp() - 600 }), 700_024),
    ] {
        let assertion = own.signed(&header, &merged(&claims, &change));
        assert_eq!(number(&world, &assertion).await, Some(expected), "{change}");
    }
    for (change, expected) in [
        (json!({ "x5t#S256": stranger.thumbprint }), 700_027),
        (json!({ "x5t#S256": null }), 700_027),
        (json!({ "alg": "none" }), 50_027),
    ] {
        let assertion = own.signed(&merged(&header, &change), &claims);
        assert_eq!(number(&world, &assertion).await, Some(expected), "{change}");
    }
    // The right thumbprint with another's signature.
    assert_eq!(number(&world, &stranger.signed(&header, &claims)).await, Some(700_027));
    for text in ["x", "a.b.c", "..", &own.signed(&header, &claims).replace('.', "..")] {
        assert_eq!(number(&world, text).await, Some(50_027), "{text:.20}");
    }
}

#[tokio::test]
async fn an_expired_certificate_opens_nothing() {
    let own = Identity::new(-1);
    let world = trusting(&own, &own).await;
    let header = json!({ "alg": "PS256", "x5t#S256": own.thumbprint });
    let claims = json!({
        "aud": format!("https://login.microsoftonline.us/{}/oauth2/v2.0/token", world.id),
        "iss": WRITER_CLIENT_ID, "sub": WRITER_CLIENT_ID, "exp": now().timestamp() + 60,
    });
    assert_eq!(number(&world, &own.signed(&header, &claims)).await, Some(700_027));
}

#[tokio::test]
async fn a_foreign_assertion_must_match_what_is_registered_letter_for_letter() {
    let (issuer, stranger) = (Identity::new(300), Identity::new(300));
    let world = trusting(&stranger, &issuer).await;
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "1", "x5t": "1" });
    let claims = json!({
        "iss": "https://issuer.example",
        "sub": "repo:octo/fleet:environment:prod",
        "aud": "api://AzureADTokenExchange",
        "exp": now().timestamp() + 300,
    });
    assert_eq!(number(&world, &issuer.signed(&header, &claims)).await, None);
    let list = merged(&claims, &json!({ "aud": ["api://AzureADTokenExchange"] }));
    assert_eq!(number(&world, &issuer.signed(&header, &list)).await, None);
    for (change, expected) in [
        (json!({ "iss": "https://issuer.example/" }), 700_211),
        (json!({ "sub": "repo:octo/fleet:environment:Prod" }), 700_213),
        (json!({ "sub": "repo:octo@1/fleet@2:environment:prod" }), 700_213),
        (json!({ "aud": "api://AzureADTokenExchangeUSGov" }), 700_212),
        (json!({ "exp": now().timestamp() - 600 }), 700_024),
        (json!({ "nbf": now().timestamp() + 600 }), 700_024),
        (json!({ "iss": WRITER_CLIENT_ID }), 700_021),
    ] {
        let assertion = issuer.signed(&header, &merged(&claims, &change));
        assert_eq!(number(&world, &assertion).await, Some(expected), "{change}");
    }
    assert_eq!(number(&world, &stranger.signed(&header, &claims)).await, Some(50_013));
    let refused = merged(&claims, &json!({ "sub": "other" }));
    let answer = asserted(&world, &issuer.signed(&header, &refused)).await;
    assert_eq!((answer.status, &answer.json()["error"]), (401, &"invalid_client".into()));
    let text = answer.json()["error_description"].as_str().unwrap().to_owned();
    assert!(text.contains("presented assertion subject 'other'"), "{text}");
}

#[tokio::test]
async fn an_assertion_needs_its_type_and_an_application_without_secret_takes_none() {
    let own = Identity::new(300);
    let world = trusting(&own, &own).await;
    let form = [GOOD[0], GOOD[2], GOOD[3], ("client_assertion", "a.b.c")];
    assert_eq!(refusal(&world, &form).await.2, 900_144);
    let saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer";
    let form = [&form[..], &[("client_assertion_type", saml)]].concat();
    assert_eq!(refusal(&world, &form).await.2, 90_100);
    assert_eq!(refusal(&world, &GOOD).await.2, 7_000_215);
    assert_eq!(refusal(&world, &with("client_secret", "")).await.2, 7_000_216);
}

#[test]
fn a_seed_may_state_certificates_and_federated_credentials() {
    let app: AppRegistration = serde_json::from_value(json!({
        "clientId": "x",
        "roles": [],
        "certificates": ["pem"],
        "federatedCredentials": [{ "issuer": "i", "subject": "s", "issuerCertificate": "pem" }],
    }))
    .unwrap();
    assert_eq!(app.federated_credentials[0].audiences, ["api://AzureADTokenExchange"]);
    assert_eq!(app.secret, "");
}
