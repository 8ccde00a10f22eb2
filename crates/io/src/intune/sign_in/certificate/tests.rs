use std::sync::Arc;

use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

use super::super::testing::{Identity, identity, now, pem};
use super::*;
use crate::seams::Clock as _;
use crate::seams::testing::{SeededIds, VirtualClock};

fn parse(text: &str) -> Result<Certificate, CertificateError> {
    Certificate::parse(text.as_bytes(), "login.pem", "")
}

fn part(token: &str, number: usize) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(token.split('.').nth(number).unwrap()).unwrap()
}

#[test]
fn an_assertion_is_what_entra_asks_for() {
    let identity = identity();
    let certificate = parse(&(identity.certificate.clone() + &identity.key())).unwrap();
    let audience = "https://login.microsoftonline.com/t/oauth2/v2.0/token";
    let clock = VirtualClock::new(now());
    let seams = Seams { clock: Arc::new(clock.clone()), ids: Arc::new(SeededIds::new(1)) };
    let one = certificate.assertion("the-client", audience, &seams).unwrap();
    let two = certificate.assertion("the-client", audience, &seams).unwrap();
    let now = clock.now();

    let header: Value = serde_json::from_slice(&part(&one, 0)).unwrap();
    let digest: [u8; 32] = sha2::Sha256::digest(&identity.certificate_der).into();
    let thumbprint = URL_SAFE_NO_PAD.encode(digest);
    assert_eq!(header, json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint }));

    let mut body: Value = serde_json::from_slice(&part(&one, 1)).unwrap();
    let other: Value = serde_json::from_slice(&part(&two, 1)).unwrap();
    assert_ne!(body["jti"], other["jti"]);
    body.as_object_mut().unwrap().remove("jti").unwrap();
    let second = now.date_time().timestamp();
    let expected = json!({
        "aud": audience, "iss": "the-client", "sub": "the-client",
        "iat": second, "nbf": second, "exp": second + 480,
    });
    assert_eq!(body, expected);
    assert!((300..=600).contains(&LIFETIME));

    let (signed, _) = one.rsplit_once('.').unwrap();
    let key = RsaKeyPair::from_pkcs8(&identity.pkcs8).unwrap();
    UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key.public_key().as_ref())
        .verify(signed.as_bytes(), &part(&one, 2))
        .unwrap();
}

#[test]
fn the_files_that_tools_write_are_read() {
    let one = identity();
    let stranger = Identity::until(300);
    // Inside PKCS#8 of RSA 2048 the key begins after 26 bytes.
    let pkcs1 = pem("RSA PRIVATE KEY", &one.pkcs8[26..]);
    for text in [
        one.certificate.clone() + &one.key(),
        one.key() + &one.certificate,
        pkcs1 + &one.certificate,
        (one.key() + &one.certificate).replace('\n', "\r\n"),
        format!(
            "Bag Attributes\n  localKeyID: 01\nKey Attributes: <none>\n{}subject=x\n{}{}",
            one.key(),
            stranger.certificate,
            one.certificate
        ),
    ] {
        let digest: [u8; 32] = sha2::Sha256::digest(&one.certificate_der).into();
        let certificate = parse(&text).map_err(|error| format!("{error}: {text}")).unwrap();
        assert_eq!(certificate.thumbprint, URL_SAFE_NO_PAD.encode(digest));
    }
}

#[test]
fn what_cannot_be_used_is_said_with_the_way_out() {
    let one = identity();
    let (key, certificate) = (one.key(), one.certificate.clone());
    let ec = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let inner: Vec<&str> = key.lines().collect();
    for (text, says) in [
        (String::new(), "neither PEM nor PKCS#12"),
        ("MARKER secret".to_owned(), "neither PEM nor PKCS#12"),
        (certificate.clone(), "no private key"),
        (key.clone(), "no certificate"),
        (key.clone() + &key + &certificate, "more than one private key"),
        (key.clone() + &Identity::until(300).certificate, "none of its certificates"),
        (ec + &certificate, "not RSA"),
        (pem("EC PRIVATE KEY", b"x") + &certificate, "not RSA"),
        (pem("ENCRYPTED PRIVATE KEY", b"x") + &certificate, "openssl pkey -in login.pem"),
        (key.replace("KEY-----\n", "KEY-----\n!") + &certificate, "PRIVATE KEY block is garbled"),
        (pem("PRIVATE KEY", &one.pkcs8[..500]) + &certificate, "is refused"),
        (pem("CERTIFICATE", b"x") + &key, "CERTIFICATE block is garbled"),
        ("-----BEGIN PRIVATE KEY-----\nMARKER".to_owned(), "garbled"),
    ] {
        let error = parse(&text).err().unwrap();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(says), "{shown}");
        assert!(!shown.contains("MARKER") && !shown.contains(inner[2]), "{shown}");
    }
}

/// Made by OpenSSL 3: `openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem`, then
/// `openssl pkcs12 -export -inkey k.pem -in c.pem -passout pass:MARKER-pässword -out openssl3.p12`,
/// with `-legacy` the second, with `openssl pkey -in k.pem -aes256` and `c.pem` the third.
const OPENSSL: &[u8] = include_bytes!("openssl3.p12");
const LEGACY: &[u8] = include_bytes!("legacy.p12");
const ENCRYPTED: &[u8] = include_bytes!("encrypted.pem");
const PASSWORD: &str = "MARKER-pässword";

#[test]
fn files_with_a_password_are_opened() {
    let pkcs12 = Certificate::parse(OPENSSL, "x", PASSWORD).ok().unwrap();
    let pem = Certificate::parse(ENCRYPTED, "x", PASSWORD).ok().unwrap();
    assert_eq!(pkcs12.thumbprint, pem.thumbprint);
    assert!(pkcs12.assertion("the-client", "x", &Seams::default()).is_ok());
    for file in [OPENSSL, ENCRYPTED] {
        for password in ["", "MARKER-password", "MARKER-pässword "] {
            let error = Certificate::parse(file, "x", password).err().unwrap();
            assert_eq!(error, CertificateError::Password, "{password}");
            assert!(!error.to_string().contains("MARKER"));
        }
    }
}

#[test]
fn an_old_pkcs12_file_comes_with_the_line_that_turns_it_into_pem() {
    for file in [LEGACY, &[0x30, 0x80, 1, 2, 3], &[0x30, 0x82, 1, 2, 3]] {
        let error = Certificate::parse(file, "/run/login.pfx", PASSWORD).err().unwrap();
        assert!(error.to_string().contains(
            "openssl pkcs12 -legacy -in /run/login.pfx -passin env:AZURE_CLIENT_CERTIFICATE_PASSWORD -nodes -out /run/login.pem"
        ), "{error}");
    }
}

#[test]
fn a_broken_pkcs12_file_is_refused_wherever_it_breaks() {
    for at in (0..OPENSSL.len()).step_by(7) {
        assert!(Certificate::parse(&OPENSSL[..at], "x", PASSWORD).is_err(), "{at}");
        let mut other = OPENSSL.to_vec();
        other[at] ^= 0x41;
        // No panic; what still opens has its own key.
        let _ = Certificate::parse(&other, "x", PASSWORD);
    }
}

#[test]
fn an_expired_certificate_signs_nothing() {
    let old = Identity::of(identity().pkcs8.clone(), -1);
    let certificate = parse(&(old.certificate.clone() + &old.key())).unwrap();
    assert!(matches!(certificate.check(now()), Err(CertificateError::Expired(_))));
    assert!(certificate.assertion("the-client", "x", &Seams::default()).is_err());
}

#[test]
fn a_file_is_read_once_it_is_there_and_not_huge() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("login.pem");
    let missing = Certificate::read(&path, "").err();
    assert_eq!(missing, Some(CertificateError::Unreadable(std::io::ErrorKind::NotFound)));
    #[expect(clippy::disallowed_methods, reason = "a file for the test")]
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write(&(identity().certificate.clone() + &identity().key()));
    assert!(Certificate::read(&path, "").is_ok());
    write(&" ".repeat(2 << 20));
    assert_eq!(Certificate::read(&path, "").err(), Some(CertificateError::TooLarge));
}
