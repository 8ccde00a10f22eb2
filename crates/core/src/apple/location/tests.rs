//! Answers as Apple's documents and other people's programs show them, not as the simulator makes them.

use super::{Answer, Death, Location, Silence};
use crate::apple::radix64;

/// `GET client/config`, with every member that Apple documents; the secrets are markers.
const ALIVE: &str = r#"{
    "countryISO2ACode": "GB",
    "defaultPlatform": "enterprisestore",
    "locationName": "London",
    "mdmInfo": {"id": "9b1dF1", "metadata": "MARKER-METADATA", "name": "Microsoft Intune"},
    "notificationAuthToken": "MARKER-NOTIFICATION-TOKEN",
    "notificationUrl": "https://MARKER-URL.example/hook",
    "subscribedNotificationTypes": ["ASSET_COUNT", "ASSET_MANAGEMENT"],
    "tokenExpirationDate": "2030-11-08T22:33:22+0000",
    "uId": "2049025000431439",
    "websiteURL": "https://business.apple.com/"
}"#;

/// Asked with the token of nobody in particular.
fn read(status: u16, body: &[u8]) -> Answer {
    super::read(status, body, &token())
}

/// The secret inside of [`token`].
const INNER: &str = "VDFhYnNlY3JldEluc2lkZTAxMjM0NTY3ODlhYmNkZWY=";

/// A token as Apple gives it out.
fn token() -> String {
    let json = format!(
        r#"{{"expDate":"2030-11-08T22:33:22+0000","token":"{INNER}","orgName":"Contoso Ltd"}}"#
    );
    radix64::wrapped(json.as_bytes(), usize::MAX).trim_end().to_owned()
}

fn error(number: &str) -> String {
    format!(
        r#"{{"errorInfo": {{"secret": "MARKER-INFO"}}, "errorMessage": "MARKER-MESSAGE", "errorNumber": {number}}}"#
    )
}

#[test]
fn a_token_that_works_tells_its_location_and_who_claimed_it() {
    let location = Location {
        id: "2049025000431439".parse().unwrap(),
        name: Some("London".to_owned()),
        country: Some("GB".to_owned()),
        mdm: Some("Microsoft Intune".to_owned()),
    };
    assert_eq!(read(200, ALIVE.as_bytes()), Answer::Alive(location));
}

#[test]
fn what_apple_leaves_out_is_not_known_and_the_token_works_all_the_same() {
    for body in [
        r#"{"uId": "77"}"#,
        r#"{"uId": 77, "locationName": " ", "mdmInfo": {}, "countryISO2ACode": null}"#,
        r#"{"uId": "77", "mdmInfo": null, "somethingNew": {"a": [1]}}"#,
    ] {
        let location = Location { id: "77".parse().unwrap(), name: None, country: None, mdm: None };
        assert_eq!(read(200, body.as_bytes()), Answer::Alive(location), "{body}");
    }
}

#[test]
fn three_numbers_are_death_at_whatever_status_they_come() {
    for status in [200, 400, 401, 403, 500] {
        for (number, death) in
            [("9621", Death::Expired), ("9622", Death::Invalid), ("9625", Death::Revoked)]
        {
            for written in [number.to_owned(), format!("{number:?}")] {
                assert_eq!(read(status, error(&written).as_bytes()), Answer::Dead(death));
            }
            assert_eq!(death.number().to_string(), number);
        }
    }
}

#[test]
fn everything_else_is_unknown() {
    let unknown = |status, body: &str| match read(status, body.as_bytes()) {
        Answer::Unknown(silence) => silence,
        other => panic!("{body}: {other:?}"),
    };
    for number in [9601, 9602, 9603, 9634, 9646, 9722, 1] {
        let silence = unknown(200, &error(&number.to_string()));
        assert_eq!(silence, Silence::Error { number });
        assert_eq!(silence.is_passing(), [9603, 9646].contains(&number), "{number}");
    }
    for body in ["", "null", "[]", "<html>", "{}", r#"{"uId": ""}"#, r#"{"uId": "a b"}"#] {
        assert_eq!(unknown(200, body), Silence::Unreadable, "{body}");
        for status in [401, 404, 429, 503] {
            let silence = unknown(status, body);
            assert_eq!(silence, Silence::Status { status }, "{body}");
            assert_eq!(silence.is_passing(), [429, 503].contains(&status), "{status}");
        }
    }
    // No location is believed where Apple says that something failed.
    assert_eq!(unknown(500, ALIVE), Silence::Status { status: 500 });
    assert_eq!(unknown(200, &error("\"ninety\"")), Silence::Unreadable);
    assert_eq!(unknown(200, r#"{"uId": "77", "locationName": 5}"#), Silence::Unreadable);
}

#[test]
fn no_secret_of_an_answer_gets_into_what_is_read() {
    for body in [ALIVE.to_owned(), error("9625"), error("9646"), error("\"MARKER\"")] {
        let answer = read(200, body.as_bytes());
        let told = match &answer {
            Answer::Unknown(silence) => silence.to_string(),
            _ => String::new(),
        };
        assert!(!format!("{answer:?}{told}").contains("MARKER"), "{answer:?}");
    }
}

#[test]
fn a_name_steers_no_terminal_and_fills_no_page() {
    let body = format!(r#"{{"uId": "77", "locationName": "\u001b[2J{}"}}"#, "x".repeat(5000));
    let Answer::Alive(location) = read(200, body.as_bytes()) else { panic!("it works") };
    let name = location.name.unwrap();
    assert!(name.starts_with("\\u{1b}[2Jx") && name.len() < 300, "{name}");
}

#[test]
fn an_answer_that_hands_back_what_was_sent_cannot_be_read_wherever_it_has_it() {
    let sent = token();
    let inside = String::from_utf8(radix64::decode(&sent).unwrap().bytes.to_vec()).unwrap();
    let (start, middle) = (sent.get(..60).unwrap(), INNER.get(8..30).unwrap());
    let secrets = [
        sent.clone(),
        INNER.to_owned(),
        inside,
        start.to_owned(),
        middle.to_owned(),
        format!("London ({sent})"),
        // Another token, cut or whole.
        "eyJleHBEYXRlIjoiMjAzMS0wMS0wMVQwMDowMDowMCswMDAwIiwidG9rZW4iOiJ4".to_owned(),
        r#"{"expDate":"2031"#.to_owned(),
    ];
    for secret in &secrets {
        let written = serde_json::to_string(secret).unwrap();
        for body in [
            format!(r#"{{"uId": "77", "locationName": {written}}}"#),
            format!(r#"{{"uId": "77", "mdmInfo": {{"name": {written}}}}}"#),
            format!(r#"{{"uId": "77", "countryISO2ACode": {written}}}"#),
        ] {
            let answer = super::read(200, body.as_bytes(), &sent);
            assert_eq!(answer, Answer::Unknown(Silence::Unreadable), "{body}");
        }
    }
    let id = INNER.trim_end_matches('=');
    let body = format!(r#"{{"uId": "{id}"}}"#);
    assert_eq!(super::read(200, body.as_bytes(), &sent), Answer::Unknown(Silence::Unreadable));
    // Long names of people are names, and so is what the token says of its organisation.
    for name in [
        "Contoso Ltd",
        "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch",
        "Berlin: Unter den Linden 77, Haus 2 / Aufgang 3 - Verwaltung und Vertrieb",
        "ドナウダンプ船 2",
    ] {
        let body = format!(r#"{{"uId": "77", "locationName": {name:?}}}"#);
        assert!(matches!(super::read(200, body.as_bytes(), &sent), Answer::Alive(_)), "{name}");
    }
}
