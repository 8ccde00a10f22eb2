//! Mail: a real server takes it, and another parser reads it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use applecart_core::fleet::{Email, MailTls};
use applecart_io::outlets::mail::{MailSink, MailUser};
use applecart_io::outlets::{Sink as _, SinkError};
use serde_json::Value;
use tempfile::TempDir;

use super::*;

/// A mail server of another make, until it is dropped.
pub(crate) struct Smtp {
    process: Child,
    port: u16,
    folder: TempDir,
    python: PathBuf,
}

impl Smtp {
    pub(crate) fn start(certificate: Option<(&Path, &Path)>) -> Option<Self> {
        let python = python("aiosmtpd")?;
        let folder = TempDir::new().unwrap();
        let mut command = Command::new(&python);
        command.arg(project().join("tests/integration/sinks/smtpd.py")).arg(folder.path());
        if let Some((certificate, key)) = certificate {
            command.args([certificate, key]);
        }
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self { process, port: line.trim().parse().unwrap(), folder, python })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn policy(&self, tls: MailTls) -> Email {
        Email {
            host: "127.0.0.1".into(),
            port: self.port,
            tls,
            from: "applecart@msp.example".into(),
            to: vec!["noc@msp.example".into()],
            reply_to: Some("help@msp.example".into()),
            contacts: false,
        }
    }

    /// What Python's own parser finds in all that was taken.
    pub(crate) fn taken(&self) -> Vec<Value> {
        let output = Command::new(&self.python)
            .arg(project().join("tests/integration/sinks/read.py"))
            .arg(self.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// A certificate for this machine that nobody trusts unless told to, and its key.
pub(crate) fn certified(folder: &Path) -> (PathBuf, PathBuf) {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let key = rcgen::generate_simple_self_signed(names).unwrap();
    let (certificate, secret) = (folder.join("tls.pem"), folder.join("tls.key"));
    std::fs::write(&certificate, key.cert.pem()).unwrap();
    std::fs::write(&secret, key.signing_key.serialize_pem()).unwrap();
    (certificate, secret)
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn header<'a>(mail: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = mail["headers"].as_array().unwrap();
    let is_its = |one: &&Value| one[0].as_str().unwrap().eq_ignore_ascii_case(name);
    headers.iter().filter(is_its).map(|one| one[1].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_mail_is_read_by_another_parser_as_it_was_meant() {
    let Some(server) = Smtp::start(None) else { return };
    let sink = MailSink::new("noc", server.policy(MailTls::None), None).unwrap();
    for step in [Step::Raised(1), Step::Again(1, 1), Step::Resolved(1)] {
        sink.deliver(&message(Cause::Critical, step)).await.unwrap();
    }
    let taken = server.taken();
    assert_eq!(taken.len(), 3);
    let first = header(&taken[0], "message-id")[0];
    for (place, mail) in taken.iter().enumerate() {
        assert_eq!(mail["defects"], serde_json::json!([]), "{mail}");
        assert_eq!(mail["envelope"]["to"], serde_json::json!(["noc@msp.example"]));
        assert_eq!(header(mail, "to"), ["noc@msp.example"]);
        assert_eq!(header(mail, "reply-to"), ["help@msp.example"]);
        assert_eq!(header(mail, "auto-submitted"), ["auto-generated"]);
        assert_eq!(header(mail, "date"), ["Fri, 01 Jan 2027 08:00:00 +0000"]);
        for forged in ["bcc", "cc"] {
            assert!(header(mail, forged).is_empty(), "{mail}");
        }
        let subject = header(mail, "subject")[0];
        assert!(
            subject.starts_with("Ümlaut \"&\" <Co>\\u{d}\\u{a}Bcc: x@evil.example"),
            "{subject}"
        );
        assert!(subject.contains("critical") || place == 2, "{subject}");
        assert!(subject.len() < 260 && subject.contains(" [AC-"), "{subject}");
        let expected: &[&str] = if place == 0 { &[] } else { &[first] };
        assert_eq!(header(mail, "in-reply-to"), expected);
        assert_eq!(header(mail, "references"), expected);
        let text = mail["parts"]["text/plain"].as_str().unwrap().replace("\r\n", "\n");
        assert_eq!(text.contains("\n    applecart renew contoso/push\n"), place < 2, "{text}");
        let entry = mail["parts"].get("text/calendar").and_then(Value::as_str);
        assert_eq!(entry.is_some(), place < 2, "what is over has no date");
        assert!(entry.is_none_or(|entry| entry.contains("DTSTART;VALUE=DATE:202701")), "{entry:?}");
        let html = mail["parts"]["text/html"].as_str().unwrap();
        assert!(html.contains("&lt;!channel&gt;") && !html.contains("<!channel>"), "{html}");
        assert!(!html.contains("<a ") && !html.contains("<img"), "{html}");
    }
}

#[tokio::test]
async fn a_customers_contacts_get_one_mail_in_their_own_words() {
    let Some(server) = Smtp::start(None) else { return };
    let policy = Email { contacts: true, to: Vec::new(), ..server.policy(MailTls::None) };
    let sink = MailSink::new("noc", policy, None).unwrap();
    sink.deliver(&message(Cause::AwaitingConfirmation, Step::Raised(1))).await.unwrap();
    let inner = sink.deliver(&message(Cause::LedgerLineBroken, Step::Raised(1))).await;
    assert!(matches!(inner, Err(SinkError::Nobody { .. })), "{inner:?}");
    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    let contacts = serde_json::json!(["it@contoso.example", "boss@contoso.example"]);
    assert_eq!(taken[0]["envelope"]["to"], contacts);
    assert!(taken[0]["parts"].get("text/calendar").is_none());
    let text = taken[0]["parts"]["text/plain"].as_str().unwrap();
    assert!(text.contains("has been renewed") && text.contains("help@msp.example"), "{text}");
    assert!(!text.contains("applecart") && !text.contains("awaiting"), "{text}");
}

#[tokio::test]
async fn a_refused_address_is_told_without_what_the_server_said() {
    let Some(server) = Smtp::start(None) else { return };
    let policy = Email { to: vec!["nobody@msp.example".into()], ..server.policy(MailTls::None) };
    let sink = MailSink::new("noc", policy, None).unwrap();
    let error = sink.deliver(&message(Cause::Critical, Step::Raised(1))).await.unwrap_err();
    assert_eq!(error.to_string(), "127.0.0.1 refused it with status 550");
    assert!(server.taken().is_empty());
}

#[tokio::test]
async fn an_address_that_is_refused_keeps_the_mail_from_no_other() {
    let Some(server) = Smtp::start(None) else { return };
    let to = ["nobody@msp.example", "noc@msp.example", "nobody2@msp.example"];
    let policy = Email { to: to.map(str::to_owned).into(), ..server.policy(MailTls::None) };
    let sink = MailSink::new("noc", policy.clone(), None).unwrap();
    sink.deliver(&message(Cause::Critical, Step::Raised(1))).await.unwrap();
    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0]["envelope"]["to"], serde_json::json!(["noc@msp.example"]));
    // Of one that is refused for now, nobody knows whether it will be: all of them wait.
    let later = Email { to: vec!["later@msp.example".into(), "noc@msp.example".into()], ..policy };
    let sink = MailSink::new("noc", later, None).unwrap();
    let error = sink.deliver(&message(Cause::Critical, Step::Raised(1))).await.unwrap_err();
    assert!(matches!(error, SinkError::Busy { status: 450, .. }), "{error:?}");
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test]
async fn a_server_that_cannot_prove_its_name_or_encrypt_gets_nothing() {
    let folder = TempDir::new().unwrap();
    let (certificate, secret) = certified(folder.path());
    let Some(server) = Smtp::start(Some((&certificate, &secret))) else { return };
    let user = || MailUser::from_environment("noc", |_| Some("s3cret".into())).unwrap();
    let one = message(Cause::Critical, Step::Raised(1));
    for tls in [MailTls::Starttls, MailTls::Implicit] {
        let sink = MailSink::new("noc", server.policy(tls), user()).unwrap();
        let error = sink.deliver(&one).await.unwrap_err();
        assert!(matches!(error, SinkError::Unreachable { .. }), "{error:?}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    assert!(server.taken().is_empty());
    // One that offers no encryption is not talked to, either.
    let Some(plain) = Smtp::start(None) else { return };
    let sink = MailSink::new("noc", plain.policy(MailTls::Starttls), user()).unwrap();
    assert!(sink.deliver(&one).await.is_err());
    assert!(plain.taken().is_empty());
}
