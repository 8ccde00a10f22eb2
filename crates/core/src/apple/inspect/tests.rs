//! Every code has a file that shows it, and its message is read by people: see the snapshot.

use std::collections::BTreeMap;

use super::*;
use crate::apple::Severity;
use crate::apple::testing::{element, envelope, envelope_of, mail, name, vpp};
use crate::model::{LiveEnrollment, LivePush, LiveVpp};
use applecart_simulator::{Apple, PushRequest, SubjectKey};

const EXPIRES: &str = "2027-11-20T10:11:12+0000";

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn request<'a>(bytes: &'a [u8], live: Option<&'a LiveTenant>) -> Request<'a> {
    let renew_before = Duration::days(45);
    Request { bytes, file_name: None, kind: None, live, now: now(), renew_before }
}

/// A topic and number that are the same in every run.
fn push(change: impl FnOnce(&mut PushRequest)) -> String {
    let apple = Apple::open(None, now().date_time()).unwrap();
    let mut request = PushRequest::new(now().date_time() - Duration::days(1));
    request.topic = Some("com.apple.mgmt.External.5d0c".into());
    request.serial = Some([0x0B, 0x70, 1, 2, 3, 4, 5, 6]);
    change(&mut request);
    apple.issue(&request).unwrap().pem
}

fn live_push(topic: &str, serial: &str, expires: &str) -> LiveTenant {
    let push = LivePush {
        topic: topic.parse().unwrap(),
        serial: serial.parse().unwrap(),
        expires: expires.parse().unwrap(),
        apple_id: None,
        failure: None,
        revocation: crate::model::Revocation::NotAsked,
    };
    LiveTenant { push: Reading::Present(push), ..LiveTenant::not_asked() }
}

fn live_enrollment(key: &str) -> LiveTenant {
    let setting = LiveEnrollment {
        id: "1".into(),
        name: None,
        token_type: None,
        apple_id: None,
        expires: None,
        last_modified: None,
        last_successful_sync: None,
        last_sync_triggered: None,
        last_sync_error_code: 0,
        role_scope_tag_ids: None,
        school_data_sync: None,
        devices: None,
        encryption_public_key: Some(key.into()),
    };
    LiveTenant { enrollment: Reading::Present(vec![setting]), ..LiveTenant::not_asked() }
}

fn live_vpp(organization: &str, expires: &str) -> LiveTenant {
    let token = LiveVpp {
        id: "1".into(),
        display_name: None,
        organization: Some(organization.into()),
        location: None,
        apple_id: None,
        country_or_region: None,
        account_type: None,
        automatically_update_apps: None,
        claim: None,
        data_sharing_consent_granted: None,
        expires: Some(expires.parse().unwrap()),
        last_modified: None,
        last_sync: None,
        last_sync_status: None,
        state: "valid".into(),
        role_scope_tag_ids: None,
    };
    LiveTenant { vpp: Reading::Present(vec![token]), ..LiveTenant::not_asked() }
}

/// Every message that a file can get, under its code.
fn messages() -> BTreeMap<FindingCode, Vec<String>> {
    let mut found: BTreeMap<FindingCode, Vec<String>> = BTreeMap::new();
    let mut take = |inspection: Inspection| {
        for finding in inspection.findings {
            let messages = found.entry(finding.code).or_default();
            if !messages.contains(&finding.message) {
                messages.push(finding.message);
            }
        }
    };
    let topic = "com.apple.mgmt.External.5d0c";
    let certificate = push(|_| ());
    let token = mail(&envelope(&name("Intune"), &[0x50]));
    let content = vpp(EXPIRES, "Contoso");
    let apple = Apple::open(None, now().date_time()).unwrap();
    let forged = {
        use rcgen::{CertificateParams, DnType, KeyPair};
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, text) in [
            (DnType::CommonName, "Apple Application Integration 2 Certification Authority"),
            (DnType::OrganizationalUnitName, "Apple Certification Authority"),
            (DnType::OrganizationName, "Apple Inc."),
            (DnType::CountryName, "US"),
        ] {
            params.distinguished_name.push(kind, text);
        }
        let key = KeyPair::generate().unwrap();
        let issuer = rcgen::Issuer::new(params, key);
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let uid = DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 1]);
        params.distinguished_name.push(uid, topic);
        params.not_before = rcgen::date_time_ymd(2026, 11, 1);
        params.not_after = rcgen::date_time_ymd(2027, 11, 1);
        params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().pem()
    };
    let all = [b"".as_slice(), &vec![b'a'; crate::apple::MAX_FILE + 1], b"hello"];
    let good = [certificate.as_bytes(), token.as_bytes(), content.as_bytes()];
    for bytes in all.into_iter().chain(good) {
        for kind in [None, Some(Kind::Push), Some(Kind::Enrollment), Some(Kind::Vpp)] {
            take(inspect(&Request { kind, ..request(bytes, None) }));
        }
    }
    let whole = envelope(&name("Intune"), &[0x50]);
    let signed = element(0x30, &element(6, &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 2]));
    for bytes in [
        b"<html>".as_slice(),
        b"<?xml?><plist>",
        b"PK\x03\x04",
        b"age-encryption.org/v1\n\x00",
        b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        &element(0x30, &[element(2, &[3]), element(0x30, &[])].concat()),
        &signed,
        b"{\"consumer_secret\":\"CS_MARKER\"}",
        certificate.replace('\n', "\r\n").as_bytes(),
        &certificate.as_bytes()[..400],
        b"-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----",
        apple.authority_pem().as_bytes(),
        format!("{certificate}\n{}", push(|_| ())).as_bytes(),
        forged.as_bytes(),
        push(|request| request.not_after = Some(now().date_time())).as_bytes(),
        push(|request| request.not_after = Some(now().date_time() + Duration::days(9))).as_bytes(),
        push(|request| request.not_before = now().date_time() + Duration::days(1)).as_bytes(),
        mail(&whole[..whole.len() - 9]).as_bytes(),
        mail(&envelope_of(&element(0x31, &[]))).as_bytes(),
        b"Content-Type: application/pkcs7-mime\n\n!",
        format!("{content}\n{content}").as_bytes(),
        vpp("2027-11-20T10:11:12", "Contoso").as_bytes(),
        vpp("2027-11-20T10:11:12Z", "Contoso").as_bytes(),
        vpp("soon", "Contoso").as_bytes(),
        vpp(EXPIRES, "").as_bytes(),
        vpp("2026-11-20T10:11:12+0000", "Contoso").as_bytes(),
        vpp("2026-11-25T10:11:12+0000", "Contoso").as_bytes(),
        &content.as_bytes()[..content.len() - 3],
    ] {
        take(inspect(&request(bytes, None)));
    }
    let early = "2026-12-01T00:00:00Z";
    let mut mismatch = live_push(topic, "01", early);
    let other = rcgen::KeyPair::generate().unwrap();
    let csr = rcgen::CertificateParams::default().serialize_request(&other).unwrap();
    mismatch.push_signing_request = Some(csr.pem().unwrap());
    for live in [
        mismatch,
        live_push("com.apple.mgmt.External.9c00", "01", early),
        live_push(topic, "0B70010203040506", early),
        live_push(topic, "01", "2028-01-01T00:00:00Z"),
        LiveTenant::not_asked(),
    ] {
        take(inspect(&request(certificate.as_bytes(), Some(&live))));
    }
    let intune = rcgen::CertificateParams::default().self_signed(&other).unwrap().pem();
    for live in [live_enrollment(&intune), live_enrollment("?"), LiveTenant::not_asked()] {
        take(inspect(&request(token.as_bytes(), Some(&live))));
    }
    let named = |name| Request { file_name: Some(name), ..request(token.as_bytes(), None) };
    take(inspect(&named("x_Token_2025-01-01T00-00-00Z_smime.p7m")));
    take(inspect(&named("x_Token_2025-12-01T00-00-00Z_smime.p7m")));
    for live in [
        live_vpp("Fabrikam", "2026-12-01T00:00:00Z"),
        live_vpp("Contoso", "2027-11-20T10:11:12Z"),
        live_vpp("Contoso", "2027-12-20T10:11:12Z"),
        LiveTenant::not_asked(),
    ] {
        take(inspect(&request(content.as_bytes(), Some(&live))));
    }
    found
}

#[test]
fn every_message_reads_well() {
    let mut text = String::new();
    for (code, messages) in messages() {
        text.push_str(&format!("{code} ({})\n", code.severity().as_str()));
        for message in messages {
            text.push_str(&format!("  {message}\n"));
        }
    }
    assert!(!text.contains("MARKER"));
    insta::assert_snapshot!(text);
}

#[test]
fn every_code_is_shown_by_a_file() {
    let found = messages();
    for code in FindingCode::ALL {
        // These need more than a file: the tenant file (apply), the recorded requests of the whole
        // fleet, and a certificate that the simulated Apple does not make. Their own tests stand
        // beside their rules.
        let elsewhere = matches!(
            code,
            FindingCode::BadFile | FindingCode::ForeignRequest | FindingCode::UnusualCertificate
        );
        assert!(elsewhere || found.contains_key(code), "{code}");
    }
}

#[test]
fn codes_are_kebab_case_unique_and_explained() {
    let mut names: Vec<&str> = FindingCode::ALL.iter().map(|code| code.as_str()).collect();
    assert!(names.iter().all(|name| name.bytes().all(|c| c.is_ascii_lowercase() || c == b'-')));
    for code in FindingCode::ALL {
        assert!(code.explained().next.ends_with('.'), "{code}");
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), FindingCode::ALL.len());
}

#[test]
fn the_worst_finding_decides() {
    let of = |bytes: &[u8]| inspect(&request(bytes, None)).verdict;
    assert_eq!(of(vpp(EXPIRES, "Contoso").as_bytes()), Verdict::Accept);
    assert_eq!(of(push(|_| ()).as_bytes()), Verdict::Warn);
    let with_key = {
        let apple = Apple::open(None, now().date_time()).unwrap();
        let key = SubjectKey::Fresh;
        let request = PushRequest { key, ..PushRequest::new(now().date_time()) };
        apple.issue(&request).unwrap().pem_with_key().unwrap()
    };
    let refused = inspect(&request(with_key.as_bytes(), None));
    assert_eq!(refused.verdict, Verdict::Refuse);
    assert_eq!(refused.findings[0].severity, Severity::Refuse, "refusals come first");
    assert!(refused.facts.topic.is_some(), "facts are shown all the same");
}

#[test]
fn the_wrong_slot_is_refused_and_the_file_still_told() {
    let content = vpp(EXPIRES, "Contoso");
    let inspection =
        inspect(&Request { kind: Some(Kind::Enrollment), ..request(content.as_bytes(), None) });
    assert_eq!(inspection.kind, Some(Kind::Vpp));
    assert_eq!(inspection.findings[0].code, FindingCode::WrongKind);
    assert_eq!(inspection.facts.organization.as_deref(), Some("Contoso"));
}

#[test]
fn names_are_shown_harmlessly() {
    let content = vpp(EXPIRES, r"a\u001b[2J\n::error::\u202e<b>&");
    let inspection = inspect(&request(content.as_bytes(), None));
    let human = crate::report::inspection_human(&inspection, "x\u{1b}.vpptoken", 100);
    assert!(!human.replace("\u{1b}[", "").contains('\u{1b}') || !human.contains("\u{1b}[2J"));
    assert!(
        human.contains(r"organization:")
            && human.contains(r"a\u{1b}[2J\u{a}:\u{3a}error::\u{202e}")
    );
    let json = crate::report::inspection_json(&inspection).unwrap();
    assert!(json.bytes().all(|c| c == b'\n' || (c >= 0x20 && c != b'<' && c != b'>')));
    let back: Inspection = serde_json::from_str(&json).unwrap();
    assert_eq!(back, inspection);
}

#[test]
fn a_mail_is_told_as_a_mail_and_its_attachment_is_not_downloaded_again() {
    use base64::Engine as _;
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let message = |kind: &str, attached: &str| {
        format!(
            "From: sam@msp.example\r\nTo: dana@msp.example\r\nSubject: Token\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain\r\n\r\nHere it is.\r\n\r\n--b1\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--b1--\r\n",
            base64(attached)
        )
    };
    let token = mail(&envelope(&name("Intune"), &[0x50]));
    let whole = vpp(EXPIRES, "Contoso");
    let outlook: Vec<u8> = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1, 0, 0]
        .into_iter()
        .chain("__properties_version1.0".encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    for bytes in [
        message("application/pkcs7-mime", &token).into_bytes(),
        message("application/octet-stream", &whole).into_bytes(),
        outlook,
    ] {
        let inspection = inspect(&request(&bytes, None));
        assert_eq!(inspection.verdict, Verdict::Refuse);
        let told = inspection.findings.iter().map(ToString::to_string).collect::<String>();
        assert!(told.contains("Save the attachment as a file"), "{told}");
        assert!(!told.contains("ownload it again"), "{told}");
    }
}

#[test]
fn what_apple_answers_in_place_of_a_file_is_told_as_its_error() {
    let portal = br#"{"ErrorCode": -80018, "ErrorMessage": "Signature check failed"}"#;
    let service = br#"{"errorNumber":9625,"errorMessage":"The server has revoked the sToken."}"#;
    for (answer, number) in [(portal.as_slice(), "-80018"), (service.as_slice(), "9625")] {
        let inspection = inspect(&request(answer, None));
        let [finding] = inspection.findings.as_slice() else { panic!("{inspection:?}") };
        assert_eq!(finding.code, FindingCode::WrongKind);
        let told = format!(
            "an error message of Apple's portal, which handed out no file (error {number})"
        );
        assert!(finding.message.contains(&told), "{finding}");
        assert!(!finding.message.contains("sToken"), "never its own words: {finding}");
    }
}

#[test]
fn intunes_public_key_is_told_as_what_it_is() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap().pem();
    for file in [key.public_key_pem(), certificate] {
        let told = inspect(&request(file.as_bytes(), None)).findings[0].to_string();
        assert!(told.contains("public key") && told.contains("(.p7m)"), "{told}");
    }
}

#[test]
fn what_a_merge_or_a_shell_spoilt_is_no_token_file() {
    let pem = push(|_| {});
    let conflict = format!("<<<<<<< HEAD\n{pem}\n=======\n{pem}\n>>>>>>> theirs\n");
    let armored = "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n";
    let utf16: Vec<u8> = armored.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, said) in [(conflict.as_bytes(), "conflict marks"), (&utf16, "UTF-16 text")] {
        let inspection = inspect(&request(bytes, None));
        assert_eq!(inspection.verdict, Verdict::Refuse, "{said}");
        let [finding] = &inspection.findings[..] else { panic!("{:?}", inspection.findings) };
        assert_eq!(finding.code, FindingCode::WrongKind);
        assert!(finding.message.contains(said), "{}", finding.message);
    }
}
