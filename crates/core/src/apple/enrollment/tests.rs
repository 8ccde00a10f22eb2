//! One test per finding of enrollment tokens, named by its code; and hostile structures.

use base64::Engine as _;
use proptest::prelude::*;

use super::*;
use crate::apple::testing::{element, envelope, envelope_of, mail, name, open};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn codes(findings: &[Finding]) -> Vec<FindingCode> {
    findings.iter().map(|finding| finding.code).collect()
}

/// A token in Intune whose key has this certificate.
fn live(key: Option<String>) -> LiveEnrollment {
    LiveEnrollment {
        id: "1".into(),
        name: None,
        token_type: None,
        apple_id: None,
        expires: Some(at("2027-11-22T12:00:00Z")),
        last_modified: None,
        last_successful_sync: None,
        last_sync_triggered: None,
        last_sync_error_code: 0,
        role_scope_tag_ids: None,
        school_data_sync: None,
        devices: None,
        encryption_public_key: key,
    }
}

/// Intune's certificate, its issuer and its number.
fn intune() -> (String, Vec<u8>, Vec<u8>) {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Intune");
    params.serial_number = Some(rcgen::SerialNumber::from_slice(&[0x50, 0x50]));
    let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
    (certificate.pem(), name("Intune"), vec![0x50, 0x50])
}

fn judged(file: &[u8], live: &[LiveEnrollment], downloaded: Option<&str>) -> Vec<FindingCode> {
    let reading = read(file);
    assert_eq!(codes(&reading.findings), []);
    let expected = Expectations {
        now: at("2026-11-22T12:00:00Z"),
        downloaded: downloaded.map(at),
        live: Some(live),
        renew_before: Duration::days(45),
    };
    codes(&judge(&reading.token.unwrap(), &expected))
}

#[track_caller]
fn refused(file: &[u8], code: FindingCode) -> String {
    let reading = read(file);
    assert!(reading.token.is_none());
    let finding = reading.findings.iter().find(|finding| finding.code == code && finding.refuses());
    finding.unwrap_or_else(|| panic!("{:?}", reading.findings)).message.clone()
}

#[test]
fn apples_shape_is_read_and_what_is_sent_reads_the_same() {
    let file = mail(&envelope(&name("Intune"), &[0x83, 0x4C]));
    let reading = read(file.as_bytes());
    assert_eq!(codes(&reading.findings), []);
    let token = reading.token.unwrap();
    let recipient =
        Recipient::IssuerAndSerial { issuer: "CN=Intune".into(), serial: "834C".parse().unwrap() };
    assert_eq!(token.recipients(), std::slice::from_ref(&recipient));
    assert_eq!(token.content_cipher(), "aes-128-cbc");
    let sent = read(token.to_mail().as_bytes());
    assert_eq!(
        (codes(&sent.findings), sent.token.unwrap().recipients()),
        (vec![], vec![recipient])
    );
}

#[test]
fn recipient_mismatch() {
    let (pem, issuer, serial) = intune();
    let ours = mail(&envelope(&issuer, &serial));
    assert_eq!(judged(ours.as_bytes(), &[live(Some(pem.clone()))], None), []);
    for (issuer, serial) in [(name("Jamf"), vec![0x50, 0x50]), (issuer, vec![0x50, 0x51])] {
        let other = mail(&envelope(&issuer, &serial));
        assert_eq!(
            judged(other.as_bytes(), &[live(Some(pem.clone()))], None),
            [FindingCode::RecipientMismatch]
        );
    }
}

#[test]
fn recipient_mismatch_by_the_sign_of_the_number() {
    let negative = envelope(&name("Intune"), &[0xD0, 0x50]);
    let positive = envelope(&name("Intune"), &[0, 0xD0, 0x50]);
    let ids: Vec<Vec<u8>> = [negative, positive]
        .iter()
        .map(|der| match cms::read(der) {
            Ok(Cms::Enveloped(envelope)) => match &envelope.recipients[0].id {
                cms::RecipientId::IssuerAndSerial { serial, .. } => serial.clone(),
                other => panic!("{other:?}"),
            },
            _ => panic!("not enveloped"),
        })
        .collect();
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn recipient_unverifiable() {
    let (_, issuer, serial) = intune();
    let file = mail(&envelope(&issuer, &serial));
    let key = rcgen::KeyPair::generate().unwrap();
    let bare = live(Some(key.public_key_pem()));
    for live in [vec![bare], vec![live(None)], vec![live(Some("???".into()))], vec![]] {
        assert_eq!(judged(file.as_bytes(), &live, None), [FindingCode::RecipientUnverifiable]);
    }
}

#[test]
fn the_live_key_may_be_pem_base64_der_or_base64_of_pem() {
    let (pem, issuer, serial) = intune();
    let file = mail(&envelope(&issuer, &serial));
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    for key in [pem.clone(), body, encode(pem.as_bytes()), pem.replace('\n', "\r\n")] {
        assert_eq!(judged(file.as_bytes(), &[live(Some(key))], None), []);
    }
}

#[test]
fn older_than_live() {
    let (pem, issuer, serial) = intune();
    let file = mail(&envelope(&issuer, &serial));
    let live = [live(Some(pem))];
    let judged = |downloaded| judged(file.as_bytes(), &live, Some(downloaded));
    assert_eq!(judged("2026-11-21T12:00:00Z"), []);
    assert_eq!(judged("2026-11-21T11:59:59Z"), [FindingCode::OlderThanLive]);
}

#[test]
fn expired() {
    let (pem, issuer, serial) = intune();
    let file = mail(&envelope(&issuer, &serial));
    let live = [LiveEnrollment { expires: None, ..live(Some(pem)) }];
    let judged = |downloaded| judged(file.as_bytes(), &live, Some(downloaded));
    assert_eq!(judged("2025-11-21T12:00:01Z"), [FindingCode::ExpiresSoon]);
    assert_eq!(judged("2025-11-21T12:00:00Z"), [FindingCode::Expired]);
}

#[test]
fn plaintext_credentials() {
    let json = r#"{"consumer_key":"CK_x","consumer_secret":"CS_MARKER","access_token":"AT_x","access_secret":"AS_x","access_token_expiry":"2027-01-14T21:27:41Z"}"#;
    let message = format!(
        "Content-Type: text/plain;charset=UTF-8\nContent-Transfer-Encoding: 7bit\n\n-----BEGIN MESSAGE-----\n{json}\n-----END MESSAGE-----\n"
    );
    let base64 = base64::engine::general_purpose::STANDARD.encode(json);
    for file in [json, &message, &base64] {
        let message = refused(file.as_bytes(), FindingCode::PlaintextCredentials);
        assert!(!message.contains("MARKER"));
    }
}

#[test]
fn malformed() {
    let der = envelope(&name("Intune"), &[1]);
    for (file, word) in [
        (mail(&der[..der.len() - 20]), "cut off"),
        (mail(&envelope_of(&element(0x31, &[]))), "not encrypted to any key"),
        (mail(&envelope_of(&element(0x31, &element(0x30, &[1, 1, 0])))), "damaged"),
        ("Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n\n!!!".into(), "cut off or was changed"),
        ("Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: quoted-printable\n\nMIAG".into(), "cut off or was changed"),
    ] {
        let message = refused(file.as_bytes(), FindingCode::Malformed);
        assert!(message.contains(word), "{word}: {message}");
    }
}

#[test]
fn hostile_structures_end_at_the_limits() {
    let many: Vec<u8> = element(0x31, &element(0xA2, &[]).repeat(100_000));
    assert!(refused(&envelope_of(&many), FindingCode::Malformed).contains("far beyond"));
    let mut nested = element(4, &[1; 16]);
    for _ in 0..10_000 {
        nested = [&[0x24, 0x80][..], &nested, &[0, 0]].concat();
    }
    assert!(
        refused(&envelope_of(&open(0x31, &nested)), FindingCode::Malformed).contains("far beyond")
    );
}

#[test]
fn the_download_time_is_in_the_name() {
    for name in [
        "Contoso Intune_Token_2026-11-20T10-11-12Z_smime.p7m",
        "Contoso_Token_2026-11-20T10-11-12Z_smime (1).p7m",
        "a_Token_b_Token_2026-11-20T10-11-12Z_smime.p7m.age",
    ] {
        assert_eq!(file_name(name).unwrap().downloaded, at("2026-11-20T10:11:12Z"), "{name}");
    }
    for name in [
        "",
        "abm.p7m",
        "x_Token_2026-13-20T10-11-12Z_smime.p7m",
        "x_Token_2026-11-20.p7m",
        "_Token_ééééééééééé_smime",
    ] {
        assert_eq!(file_name(name), None, "{name}");
    }
}

#[test]
fn the_mdm_server_is_in_the_name_too() {
    let server = |name: &str| file_name(name).unwrap().server;
    let rest = "_Token_2026-11-20T10-11-12Z_smime.p7m";
    assert_eq!(server(&format!("Contoso Intune{rest}")).as_deref(), Some("Contoso Intune"));
    assert_eq!(server(&format!("a_Token_b{rest}")).as_deref(), Some("a_Token_b"));
    for nameless in [rest.to_owned(), format!(" {rest}"), format!("a\u{1b}[2J{rest}")] {
        assert_eq!(server(&nameless), None, "{nameless:?}");
    }
    assert_eq!(server(&format!("{}{rest}", "x".repeat(129))), None);
    assert!(is_same_server("Contoso: Intune", "contoso_ intune"));
    assert!(!is_same_server("Contoso Intune", "Contoso Jamf"));
}

proptest! {
    #[test]
    fn any_bytes_end_in_a_verdict(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        let reading = read(&bytes);
        prop_assert!(reading.token.is_some() || reading.findings.iter().any(Finding::refuses));
    }

    #[test]
    fn a_mutated_token_ends_in_a_verdict(at in 0_usize..1500, byte: u8, cut in 1_usize..1500) {
        let mut der = envelope(&name("Intune"), &[0x50]);
        if let Some(place) = der.get_mut(at) {
            *place = byte;
        }
        der.truncate(cut);
        let reading = read(&der);
        prop_assert!(reading.token.is_some() || reading.findings.iter().any(Finding::refuses));
    }
}
