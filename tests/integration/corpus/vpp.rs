//! VPP tokens. They are plain base64 and JSON, so no second reader is needed.

use applecart_core::apple::Verdict::{Accept, Refuse, Warn};
use applecart_core::model::Kind::Vpp;
use serde_json::json;

use super::Case;
use super::maker::base64;

const TOKEN: &str = "U0VDUkVULU1BUktFUi0xMjM0NTY3ODkwYWJjZGVmZ2hpamtsbW5vcA==";

fn text(expires: &str, organization: &str) -> String {
    base64(
        format!(r#"{{"expDate":{expires},"token":"{TOKEN}","orgName":{}}}"#, json!(organization))
            .as_bytes(),
    )
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let year = (chrono::Utc::now() + chrono::Duration::days(300)).format("%Y").to_string();
    let date = |rest: &str| format!("\"{year}-12-31T{rest}\"");
    let usual = text(&date("00:00:00+0000"), "Contoso");
    let facts =
        [("organization", json!("Contoso")), ("expires", json!(format!("{year}-12-31T00:00:00Z")))];

    let mut good = |name: &str, bytes: Vec<u8>| {
        cases.push(Case::new(format!("vpp {name}"), bytes).of_kind(Vpp, Accept, &[]).facts(&facts));
    };
    good("as Apple makes it", usual.clone().into_bytes());
    good("newline at the end", format!("{usual}\n").into_bytes());
    good("CRLF at the end", format!("{usual}\r\n").into_bytes());
    good("blanks around", format!("  {usual}  \n\n").into_bytes());
    good(
        "time zone of California",
        text(&format!("\"{year}-12-30T17:00:00-0700\""), "Contoso").into_bytes(),
    );
    let key =
        |json: &str| base64(json.replace("DATE", &date("00:00:00+0000")).as_bytes()).into_bytes();
    good(
        "another key order",
        key(r#"{"orgName":"Contoso","token":"SECRET-MARKER","expDate":DATE}"#),
    );
    good(
        "pretty JSON",
        key(
            "{\n  \"orgName\": \"Contoso\",\n  \"token\": \"SECRET-MARKER\",\n  \"expDate\": DATE\n}\n",
        ),
    );
    good(
        "more fields",
        key(
            r#"{"orgName":"Contoso","token":"SECRET-MARKER","expDate":DATE,"location":{"name":"x"},"n":[1,2]}"#,
        ),
    );
    good(
        "escaped letters",
        key(r#"{"orgName":"Con\u0074oso","token":"SECRET-MARKER","expDate":DATE}"#),
    );

    let mut odd = |name: &str, bytes: Vec<u8>| {
        cases.push(
            Case::new(format!("vpp {name}"), bytes)
                .of_kind(Vpp, Warn, &["unusual-form"])
                .facts(&facts),
        );
    };
    odd("UTF-8 mark", format!("\u{feff}{usual}").into_bytes());
    odd(
        "UTF-16LE mark",
        [0xFF, 0xFE].into_iter().chain(usual.encode_utf16().flat_map(u16::to_le_bytes)).collect(),
    );
    odd("UTF-16BE", usual.encode_utf16().flat_map(u16::to_be_bytes).collect());
    odd("in lines of 76", format!("{}\n{}", &usual[..76], &usual[76..]).into_bytes());
    odd(
        "in lines of 64 CRLF",
        format!("{}\r\n{}\r\n{}", &usual[..64], &usual[64..128], &usual[128..]).into_bytes(),
    );
    odd("double base64", base64(usual.as_bytes()).into_bytes());
    odd("triple base64", base64(base64(usual.as_bytes()).as_bytes()).into_bytes());
    odd("quoted", format!("\"{usual}\"").into_bytes());
    odd("in a mail", format!("Hi,\n\nthe token for London:\n\n{usual}\n\nBob").into_bytes());
    odd("a word in front", format!("Token\n{usual}\n").into_bytes());
    odd(
        "plain JSON",
        format!(
            "{{\"expDate\":{},\"token\":\"{TOKEN}\",\"orgName\":\"Contoso\"}}",
            date("00:00:00+0000")
        )
        .into_bytes(),
    );
    let midnight = chrono::NaiveDate::parse_from_str(&format!("{year}-12-31"), "%Y-%m-%d")
        .unwrap()
        .and_hms_opt(0, 0, 0)
        .unwrap()
        .and_utc()
        .timestamp();
    for (name, expires) in [
        ("Z", date("00:00:00Z")),
        ("milliseconds", date("00:00:00.000Z")),
        ("milliseconds and offset", date("00:00:00.999+0000")),
        ("colon in the offset", date("01:00:00+01:00")),
        ("blank instead of T", date("00:00:00+0000").replace('T', " ")),
        ("epoch seconds", midnight.to_string()),
        ("epoch milliseconds", format!("{midnight}000")),
        ("epoch as text", format!("\"{midnight}\"")),
        ("epoch milliseconds as text", format!("\"{midnight}123\"")),
    ] {
        odd(&format!("expiry with {name}"), text(&expires, "Contoso").into_bytes());
    }
    let safe = format!(
        r#"{{"orgName":"Contoso","token":"?>?>?>","expDate":{},"x":"ÿÿÿþþþ~~~"}}"#,
        date("00:00:00+0000")
    );
    odd(
        "URL-safe",
        base64(safe.as_bytes())
            .replace('+', "-")
            .replace('/', "_")
            .trim_end_matches('=')
            .as_bytes()
            .to_vec(),
    );
    odd(
        "without padding",
        base64(format!("{safe} ").as_bytes()).trim_end_matches('=').as_bytes().to_vec(),
    );

    let zoneless = Case::new("vpp expiry without a zone", text(&date("00:00:00"), "Contoso"));
    cases.push(zoneless.of_kind(Vpp, Warn, &["no-time-zone"]).facts(&facts));
    for (name, organization) in [
        ("Chinese", "康托索有限公司"),
        ("markup", "<img src=x onerror=alert(1)>"),
        ("control characters", "a\u{1b}[2J\n::error::b\u{202e}"),
        ("quotes", "O\"Neil \\ Sons"),
    ] {
        cases.push(
            Case::new(format!("vpp {name} name"), text(&date("00:00:00+0000"), organization))
                .of_kind(Vpp, Accept, &[])
                .facts(&[("organization", json!(organization))]),
        );
    }
    cases.push(Case::new("vpp expired", text("\"2020-01-01T00:00:00+0000\"", "Contoso")).of_kind(
        Vpp,
        Refuse,
        &["expired"],
    ));
    let soon = (chrono::Utc::now() + chrono::Duration::days(10))
        .format("\"%Y-%m-%dT%H:%M:%S+0000\"")
        .to_string();
    cases.push(Case::new("vpp soon", text(&soon, "Contoso")).of_kind(Vpp, Warn, &["expires-soon"]));

    let other = text(&date("00:00:00+0000"), "Contoso Ltd");
    for (name, bytes) in [
        ("in lines", format!("{usual}\n{other}\n")),
        ("glued", format!("{usual}{other}")),
        ("with names", format!("London\n{usual}\nParis\n{other}")),
        ("three", format!("{usual}\n{other}\n{usual}\n")),
    ] {
        cases.push(Case::new(format!("vpp several {name}"), bytes).of_kind(
            Vpp,
            Refuse,
            &["several-tokens"],
        ));
    }
    for (name, json) in [
        ("no organisation", r#"{"expDate":"2030-01-01T00:00:00+0000","token":"SECRET-MARKER"}"#),
        ("no token", r#"{"expDate":"2030-01-01T00:00:00+0000","orgName":"x"}"#),
        ("empty token", r#"{"expDate":"2030-01-01T00:00:00+0000","orgName":"x","token":""}"#),
        ("no expiry", r#"{"token":"SECRET-MARKER","orgName":"x"}"#),
        ("expiry in words", r#"{"expDate":"next year","token":"SECRET-MARKER","orgName":"x"}"#),
        (
            "expiry without time",
            r#"{"expDate":"2030-01-01","token":"SECRET-MARKER","orgName":"x"}"#,
        ),
        (
            "expiry of 31 February",
            r#"{"expDate":"2030-02-31T00:00:00+0000","token":"SECRET-MARKER","orgName":"x"}"#,
        ),
        (
            "token twice",
            r#"{"expDate":"2030-01-01T00:00:00+0000","token":"SECRET-MARKER","token":"b","orgName":"x"}"#,
        ),
        (
            "another field twice",
            r#"{"expDate":"2030-01-01T00:00:00+0000","token":"SECRET-MARKER","a":1,"a":2,"orgName":"x"}"#,
        ),
        (
            "text behind",
            r#"{"expDate":"2030-01-01T00:00:00+0000","token":"SECRET-MARKER","orgName":"x"} x"#,
        ),
        ("cut", r#"{"expDate":"2030-01-01T00:00:00+0000","token":"SECRET-MAR"#),
        ("a list", r#"{"expDate":["2030"],"token":"SECRET-MARKER","orgName":"x"}"#),
    ] {
        cases.push(Case::new(format!("vpp damaged: {name}"), base64(json.as_bytes())).of_kind(
            Vpp,
            Refuse,
            &["malformed"],
        ));
    }
    cases.push(Case::new("vpp damaged: text cut", usual[..usual.len() - 7].to_owned()).of_kind(
        Vpp,
        Refuse,
        &["malformed"],
    ));
    cases
}
