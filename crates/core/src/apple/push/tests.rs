//! One test per finding, named by its code; and bytes that end in a verdict whatever they are.

use base64::Engine as _;
use chrono::{DateTime, Duration, Utc};
use proptest::prelude::*;

use super::*;
use crate::apple::{MAX_FILE, Severity};
use applecart_simulator::{Apple, Issued, PushRequest, SubjectKey};

/// The simulated Apple is not Apple, and every one of its certificates is told so.
const ISSUER: (FindingCode, Severity) = (FindingCode::IssuerUnknown, Severity::Warn);

fn now() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn issue(change: impl FnOnce(&mut PushRequest)) -> Issued {
    let apple = Apple::open(None, now() - Duration::days(4000)).unwrap();
    let mut request = PushRequest::new(now() - Duration::days(1));
    change(&mut request);
    apple.issue(&request).unwrap()
}

fn certificate(issued: &Issued) -> PushCertificate {
    let reading = read(issued.pem.as_bytes());
    assert_eq!(codes(&reading.findings), [ISSUER]);
    reading.token.unwrap()
}

/// The certificate is the one in Intune, in Git and asked for; nothing is to be said about it.
fn expected<'a>(
    certificate: &PushCertificate,
    live: &'a LivePush,
    stated: &'a Facts,
) -> Expectations<'a> {
    Expectations {
        now: Timestamp::new(now()),
        stated: Some(Stated { facts: stated, public_key: None }),
        live: Some(live),
        requested_key: Some(certificate.public_key_sha256),
        renew_before: Duration::days(45),
    }
}

fn live_before(certificate: &PushCertificate) -> LivePush {
    LivePush {
        topic: certificate.topic.clone(),
        serial: "01".parse().unwrap(),
        expires: certificate.expires.plus(Duration::days(-300)),
        apple_id: None,
        failure: None,
        revocation: crate::model::Revocation::NotAsked,
    }
}

#[track_caller]
fn codes(findings: &[Finding]) -> Vec<(FindingCode, Severity)> {
    findings.iter().map(|finding| (finding.code, finding.severity)).collect()
}

#[track_caller]
fn refused(bytes: &[u8], code: FindingCode) -> Parsed<PushCertificate> {
    let reading = read(bytes);
    assert!(
        reading.findings.iter().any(|finding| finding.code == code && finding.refuses()),
        "{:?}",
        reading.findings
    );
    reading
}

#[test]
fn an_ordinary_renewal_has_nothing_remarkable() {
    let certificate = certificate(&issue(|_| ()));
    let live = live_before(&certificate);
    assert_eq!(judge(&certificate, &expected(&certificate, &live, &certificate.facts())), []);
}

#[test]
fn facts_are_those_of_the_subject_and_the_number() {
    let issued = issue(|request| request.serial = Some([0x0B, 0x70, 1, 2, 3, 4, 5, 6]));
    let certificate = certificate(&issued);
    assert_eq!(certificate.topic.as_str(), issued.topic);
    assert_eq!(certificate.serial.to_string(), "0B70010203040506");
    assert_eq!(certificate.expires, Timestamp::new(issued.not_after));
    assert_eq!(certificate.not_before, Timestamp::new(issued.not_before));
}

#[test]
fn what_is_sent_is_the_certificate_alone() {
    let issued = issue(|_| ());
    let with_text = format!("Bag Attributes\r\n{}\r\nmore", issued.pem.replace('\n', "\r\n"));
    let reading = read(with_text.as_bytes());
    assert_eq!(codes(&reading.findings), [(FindingCode::UnusualForm, Severity::Warn), ISSUER]);
    assert_eq!(reading.token.unwrap().to_pem().trim_end(), issued.pem);
}

#[test]
fn topic_change() {
    let certificate = certificate(&issue(|_| ()));
    let mut live = live_before(&certificate);
    live.topic = "com.apple.mgmt.External.other".parse().unwrap();
    let findings = judge(&certificate, &expected(&certificate, &live, &certificate.facts()));
    assert_eq!(codes(&findings), [(FindingCode::TopicChange, Severity::Refuse)]);
    assert!(findings[0].message.contains("Uploading it would cut off every enrolled device"));
}

#[test]
fn same_as_live() {
    let certificate = certificate(&issue(|_| ()));
    let mut live = live_before(&certificate);
    live.serial = certificate.serial.clone();
    let findings = judge(&certificate, &expected(&certificate, &live, &certificate.facts()));
    assert_eq!(codes(&findings), [(FindingCode::SameAsLive, Severity::Warn)]);
}

#[test]
fn older_than_live() {
    let certificate = certificate(&issue(|_| ()));
    let mut live = live_before(&certificate);
    live.expires = certificate.expires.plus(Duration::seconds(1));
    let findings = judge(&certificate, &expected(&certificate, &live, &certificate.facts()));
    assert_eq!(codes(&findings), [(FindingCode::OlderThanLive, Severity::Refuse)]);
}

#[test]
fn expired() {
    let certificate = certificate(&issue(|request| {
        request.not_before = now() - Duration::days(365);
        request.not_after = Some(now());
    }));
    let live = live_before(&certificate);
    let findings = judge(&certificate, &expected(&certificate, &live, &certificate.facts()));
    assert_eq!(codes(&findings), [(FindingCode::Expired, Severity::Refuse)]);
}

#[test]
fn expires_soon() {
    let certificate =
        certificate(&issue(|request| request.not_after = Some(now() + Duration::days(44))));
    let live = live_before(&certificate);
    let findings = judge(&certificate, &expected(&certificate, &live, &certificate.facts()));
    assert_eq!(codes(&findings), [(FindingCode::ExpiresSoon, Severity::Warn)]);
}

#[test]
fn not_yet_valid() {
    let starts = |minutes: i64| {
        let certificate =
            certificate(&issue(|request| request.not_before = now() + Duration::minutes(minutes)));
        let live = live_before(&certificate);
        codes(&judge(&certificate, &expected(&certificate, &live, &certificate.facts())))
    };
    assert_eq!(starts(10), []);
    assert_eq!(starts(11), [(FindingCode::NotYetValid, Severity::Refuse)]);
}

#[test]
fn key_mismatch() {
    let certificate = certificate(&issue(|_| ()));
    let live = live_before(&certificate);
    let facts = certificate.facts();
    let expected = Expectations {
        requested_key: Some(Sha256::of(b"other")),
        ..expected(&certificate, &live, &facts)
    };
    assert_eq!(
        codes(&judge(&certificate, &expected)),
        [(FindingCode::KeyMismatch, Severity::Refuse)]
    );
}

#[test]
fn csr_unknown() {
    let certificate = certificate(&issue(|_| ()));
    let live = live_before(&certificate);
    let facts = certificate.facts();
    let expected = Expectations { requested_key: None, ..expected(&certificate, &live, &facts) };
    assert_eq!(codes(&judge(&certificate, &expected)), [(FindingCode::CsrUnknown, Severity::Warn)]);
}

#[test]
fn bad_file() {
    let certificate = certificate(&issue(|_| ()));
    let live = live_before(&certificate);
    let stated = Facts { serial: Some("02".parse().unwrap()), ..certificate.facts() };
    let findings = judge(&certificate, &expected(&certificate, &live, &stated));
    assert_eq!(codes(&findings), [(FindingCode::BadFile, Severity::Refuse)]);
    assert!(findings[0].message.contains("the tenant file says 02"));
}

#[test]
fn private_key() {
    let issued = issue(|request| request.key = SubjectKey::Fresh);
    refused(issued.pem_with_key().unwrap().as_bytes(), FindingCode::PrivateKey);
}

#[test]
fn empty() {
    for bytes in [&b""[..], b" \r\n\t", &[0; 64]] {
        refused(bytes, FindingCode::Empty);
    }
}

#[test]
fn too_large() {
    refused(&vec![b'a'; MAX_FILE + 1], FindingCode::TooLarge);
}

#[test]
fn wrong_kind() {
    for (bytes, word) in [
        (&b"<!DOCTYPE html><html>"[..], "web page"),
        (
            b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
            "request for Apple",
        ),
        (
            b"Content-Type: application/pkcs7-mime; name=\"smime.p7m\"\n\nMIAGCSqGSIb3DQEHA6CA",
            "`enrollment`",
        ),
        (b"eyJleHBEYXRlIjoiMjAyNyJ9", "`vpp`"),
        (b"hello", "none of Apple's token files"),
        (&[0xC3, 0x28, 0x01], "none of Apple's token files"),
    ] {
        let reading = refused(bytes, FindingCode::WrongKind);
        assert!(
            reading.findings.iter().any(|finding| finding.message.contains(word)),
            "{:?}",
            reading.findings
        );
    }
}

#[test]
fn malformed() {
    let pem = issue(|_| ()).pem;
    refused(&pem.as_bytes()[..pem.len() / 2], FindingCode::Malformed);
    refused(b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----", FindingCode::Malformed);
    refused(
        b"-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----",
        FindingCode::Malformed,
    );
}

#[test]
fn no_topic() {
    let authority = Apple::open(None, now()).unwrap().authority_pem().to_owned();
    refused(authority.as_bytes(), FindingCode::NoTopic);
}

#[test]
fn several_certificates() {
    let both = format!("{}\n{}", issue(|_| ()).pem, issue(|_| ()).pem);
    refused(both.as_bytes(), FindingCode::SeveralCertificates);
}

#[test]
fn unusual_form_is_read_and_told() {
    let issued = issue(|_| ());
    let base64 = base64::engine::general_purpose::STANDARD.encode(&issued.der);
    let utf16: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain(issued.pem.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let chain = format!("{}\n{}", issued.pem, Apple::open(None, now()).unwrap().authority_pem());
    for bytes in [base64.as_bytes(), issued.pem.replace('\n', "\r\n").as_bytes(), chain.as_bytes()]
    {
        let reading = read(bytes);
        assert_eq!(codes(&reading.findings), [(FindingCode::UnusualForm, Severity::Warn), ISSUER]);
        assert_eq!(reading.token.unwrap().serial.to_string(), issued.serial);
    }
    for bytes in [issued.der.as_slice(), utf16.as_slice()] {
        assert_eq!(read(bytes).token.unwrap().serial.to_string(), issued.serial);
    }
}

proptest! {
    #[test]
    fn any_bytes_end_in_a_verdict(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        let reading = read(&bytes);
        prop_assert!(reading.token.is_some() || reading.findings.iter().any(Finding::refuses));
    }

    #[test]
    fn a_mutated_certificate_ends_in_a_verdict(at in 0_usize..500, byte: u8, cut in 0_usize..600) {
        let mut der = issue(|_| ()).der;
        if let Some(place) = der.get_mut(at) {
            *place = byte;
        }
        der.truncate(cut.max(1));
        let reading = read(&der);
        prop_assert!(reading.token.is_some() || reading.findings.iter().any(Finding::refuses));
    }
}

#[test]
fn unusual_certificate_and_issuer_unknown() {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let uid = rcgen::DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 1]);
    params.distinguished_name.push(uid, "com.apple.mgmt.External.1");
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem().replace('\r', "");
    let found = codes(&read(pem.as_bytes()).findings);
    assert_eq!(found, [(FindingCode::UnusualCertificate, Severity::Warn), ISSUER]);
}

impl PushCertificate {
    /// The facts that an entry of it states.
    fn facts(&self) -> Facts {
        Facts {
            topic: Some(self.topic.clone()),
            serial: Some(self.serial.clone()),
            expires: Some(self.expires),
            ..Facts::default()
        }
    }
}
