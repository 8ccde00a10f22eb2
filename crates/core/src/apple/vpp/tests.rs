//! One test per finding of VPP tokens, named by its code.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;
use crate::apple::testing::vpp;

const EXPIRES: &str = "2027-11-20T10:11:12+0000";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn codes(findings: &[Finding]) -> Vec<FindingCode> {
    findings.iter().map(|finding| finding.code).collect()
}

#[track_caller]
fn accepted(file: &[u8]) -> (VppToken, Vec<FindingCode>) {
    let reading = read(file);
    let found = codes(&reading.findings);
    assert!(!reading.findings.iter().any(Finding::refuses), "{:?}", reading.findings);
    (reading.token.unwrap(), found)
}

#[track_caller]
fn refused(file: &[u8], code: FindingCode) -> String {
    let reading = read(file);
    assert!(reading.token.is_none());
    let all: String = reading.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert!(!all.contains("MARKER"), "{all}");
    let finding = reading.findings.iter().find(|finding| finding.code == code);
    finding.unwrap_or_else(|| panic!("{all}")).message.clone()
}

fn live(organization: &str, expires: &str) -> LiveVpp {
    LiveVpp {
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
        expires: Some(at(expires)),
        last_modified: None,
        last_sync: None,
        last_sync_status: None,
        state: "valid".into(),
        role_scope_tag_ids: None,
    }
}

fn judged(now: &str, live: &[LiveVpp]) -> Vec<FindingCode> {
    let (token, _) = accepted(vpp(EXPIRES, "Contoso").as_bytes());
    let expected =
        Expectations { now: at(now), live: Some(live), renew_before: Duration::days(45) };
    codes(&judge(&token, &expected))
}

const NOW: &str = "2026-11-22T12:00:00Z";

#[test]
fn apples_shape_has_nothing_remarkable() {
    for end in ["", "\n", "\r\n"] {
        let text = vpp(EXPIRES, "康托索");
        let (token, found) = accepted(format!("{text}{end}").as_bytes());
        assert_eq!(found, []);
        assert_eq!(token.organization, "康托索");
        assert_eq!(token.expires, at("2027-11-20T10:11:12Z"));
        assert_eq!(token.expose_text(), text);
    }
}

#[test]
fn unusual_form() {
    let text = vpp(EXPIRES, "Contoso");
    let json = STANDARD.decode(&text).unwrap();
    let wrapped = format!("{}\n{}", &text[..76], &text[76..]);
    let in_mail = format!("Hello,\n\nthis is it:\n{text}\n\nRegards");
    for file in [
        json.clone(),
        wrapped.into_bytes(),
        in_mail.into_bytes(),
        format!("\"{text}\"").into_bytes(),
        STANDARD.encode(&text).into_bytes(),
        STANDARD.encode(STANDARD.encode(&text)).into_bytes(),
        format!("\u{feff}{text}").into_bytes(),
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    ] {
        let (token, found) = accepted(&file);
        assert_eq!(found, [FindingCode::UnusualForm]);
        assert_eq!(token.expose_text(), text, "what is sent is always the one usual form");
    }
    // Bytes that differ between the two alphabets, and a length that needs padding.
    let odd = format!(r#"{{"orgName":"???>>>","token":"x","expDate":"{EXPIRES}","more":[1]}} "#);
    let (_, found) = accepted(URL_SAFE_NO_PAD.encode(odd).as_bytes());
    assert_eq!(found, [FindingCode::UnusualForm]);
}

#[test]
fn no_time_zone() {
    let (token, found) = accepted(vpp("2027-11-20T10:11:12", "Contoso").as_bytes());
    assert_eq!((token.expires, found), (at("2027-11-20T10:11:12Z"), vec![FindingCode::NoTimeZone]));
}

#[test]
fn malformed() {
    let encode = |json: &str| STANDARD.encode(json);
    let whole = vpp(EXPIRES, "Contoso");
    for (file, word) in [
        (encode(r#"{"expDate":"2027-11-20T10:11:12+0000","token":"MARKER"}"#), "`orgName`"),
        (encode(r#"{"expDate":"2027-11-20T10:11:12+0000","orgName":"x","token":""}"#), "`token`"),
        (encode(r#"{"expDate":"2027-11-20T10:11:12+0000","orgName":"x","token":5}"#), "`token`"),
        (encode(r#"{"orgName":"x","token":"MARKER"}"#), "`expDate`"),
        (encode(r#"{"orgName":"x","token":"MARKER","expDate":null}"#), "`expDate`"),
        (encode(r#"{"orgName":"x","token":"MARKER","expDate":"soon"}"#), "not a date"),
        (encode(r#"{"orgName":"x","token":"MARKER","expDate":{"a":1}}"#), "not a date"),
        (encode(r#"{"orgName":"x","orgName":"y","token":"MARKER","expDate":1}"#), "twice"),
        (encode(r#"{"orgName":"x","token":"MARKER","expDate":1}]"#), "something follows"),
        (encode(r#"{"orgName":"x","token":"MARKER","expDate":"#), "not JSON"),
        (whole[..whole.len() - 3].to_owned(), "cut off"),
        (whole[..whole.len() - 20].to_owned(), "not JSON"),
    ] {
        let message = refused(file.as_bytes(), FindingCode::Malformed);
        assert!(message.contains(word), "{word}: {message}");
    }
}

#[test]
fn several_tokens() {
    let (one, two) = (vpp(EXPIRES, "Contoso"), vpp(EXPIRES, "Contoso Ltd."));
    for file in [
        format!("{one}\n{two}"),
        format!("{one}{two}"),
        format!("{one}\r\n\r\n{two}\r\n"),
        format!("London\n{one}\nParis\n{two}\n"),
    ] {
        refused(file.as_bytes(), FindingCode::SeveralTokens);
    }
}

#[test]
fn expired_and_expires_soon() {
    assert_eq!(judged("2027-11-20T10:11:12Z", &[]), [FindingCode::Expired]);
    assert_eq!(judged("2027-11-20T10:11:11Z", &[]), [FindingCode::ExpiresSoon]);
    assert_eq!(judged(NOW, &[]), []);
}

#[test]
fn organization_differs() {
    assert_eq!(
        judged(NOW, &[live("Fabrikam", "2026-12-01T00:00:00Z")]),
        [FindingCode::OrganizationDiffers]
    );
    assert_eq!(judged(NOW, &[live("Contoso ", "2026-12-01T00:00:00Z")]), []);
}

#[test]
fn same_as_live() {
    assert_eq!(judged(NOW, &[live("Contoso", "2027-11-20T10:11:12Z")]), [FindingCode::SameAsLive]);
}

#[test]
fn older_than_live() {
    let newer = live("Contoso", "2027-11-20T10:11:13Z");
    let older = live("Contoso", "2026-12-01T00:00:00Z");
    assert_eq!(judged(NOW, std::slice::from_ref(&newer)), [FindingCode::OlderThanLive]);
    // It may be the other location's, which it would renew.
    assert_eq!(judged(NOW, &[newer, older]), []);
}

#[test]
fn deep_nesting_is_malformed() {
    let deep = format!(r#"{{"orgName":"x","token":"y","expDate":1,"a":{}"#, "[".repeat(200_000));
    refused(deep.as_bytes(), FindingCode::Malformed);
    let many = format!(r#"{{"token":"y",{}"z":1}}"#, r#""k":1,"#.repeat(100_000));
    refused(many.as_bytes(), FindingCode::Malformed);
}

proptest! {
    #[test]
    fn any_text_ends_in_a_verdict(json in r#"\{("(expDate|token|orgName|x)":("[a-z0-9:+-]{0,30}"|[0-9]{0,15}|null|\{\}),?){0,5}\}?"#) {
        for file in [json.clone(), STANDARD.encode(&json)] {
            let reading = read(file.as_bytes());
            prop_assert!(reading.token.is_some() || reading.findings.iter().any(Finding::refuses));
        }
    }

    #[test]
    fn a_mutated_token_ends_in_a_verdict(at in 0_usize..200, byte: u8, cut in 1_usize..200) {
        let mut file = vpp(EXPIRES, "Contoso").into_bytes();
        if let Some(place) = file.get_mut(at) {
            *place = byte;
        }
        file.truncate(cut);
        let reading = read(&file);
        prop_assert!(reading.token.is_some() || reading.findings.iter().any(Finding::refuses));
    }
}
