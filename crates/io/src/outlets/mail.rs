//! Mail over SMTP, encrypted wherever it leaves this machine.

use std::time::Duration;

use applecart_core::fleet::{Email, MailTls};
use applecart_core::model::{safe_text, sentence};
use applecart_core::outlets::letter::clipped;
use applecart_core::outlets::mail::{Mail, NoMail};
use applecart_core::outlets::message::Message;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;

use super::calendar::{self, ics};
use super::smtp::{Server, SmtpFailure, Taken};
use super::{DELIVERY, Sink, SinkError, variable};

/// A user of the server. Not `Debug`: it holds a password.
pub struct MailUser {
    user: String,
    password: String,
}

impl MailUser {
    /// The user that the environment names for a sink; none where it names neither user nor
    /// password.
    pub fn from_environment(
        sink: &str,
        read: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, SinkError> {
        let names = (variable(sink, "USER"), variable(sink, "PASSWORD"));
        match (read(&names.0), read(&names.1)) {
            (Some(user), Some(password)) => Ok(Some(Self { user, password })),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(SinkError::NotConfigured { variable: names.0 }),
            (Some(_), None) => Err(SinkError::NotConfigured { variable: names.1 }),
        }
    }
}

/// Sends mail through one server.
pub struct MailSink {
    name: String,
    policy: Email,
    server: Server,
}

impl MailSink {
    /// The sink of this name, whose secrets are called after it.
    pub fn new(name: &str, policy: Email, user: Option<MailUser>) -> Result<Self, SinkError> {
        let bad = || SinkError::BadAddress { what: format!("{}:{}", policy.host, policy.port) };
        if policy.tls == MailTls::None && !is_this_machine(&policy.host) {
            return Err(bad());
        }
        let user = user.map(|MailUser { user, password }| Credentials::new(user, password));
        let server = Server::new(&policy, user).map_err(|_| bad())?;
        Ok(Self { name: name.to_owned(), server, policy })
    }

    fn unsendable(&self, why: NoMail) -> SinkError {
        SinkError::Unsendable { host: self.policy.host.clone(), why: why.to_string() }
    }

    fn failed(&self, failure: &SmtpFailure) -> SinkError {
        let host = self.policy.host.clone();
        let code = match failure {
            SmtpFailure::Smtp(error) if error.is_timeout() => return self.timed_out(),
            SmtpFailure::Smtp(error) => error.status().map(|code| (u16::from(code), error)),
            SmtpFailure::Stream(_) | SmtpFailure::NoStarttls | SmtpFailure::Lacks(_) => None,
        };
        match code {
            Some((status, error)) if error.is_transient() => {
                SinkError::Busy { host, status, retry_after: None }
            }
            // What it says may repeat what it was sent; the status says enough.
            Some((status, _)) => SinkError::Refused { host, status, answer: self.advice(status) },
            None => {
                let why = sentence(failure);
                let next = self.next(failure, &why).unwrap_or_default();
                SinkError::Unreachable { host, why: format!("{}{next}", clipped(&why, 200)) }
            }
        }
    }

    /// What to do about a refusal that is about who signs in.
    fn advice(&self, status: u16) -> Option<String> {
        let user = variable(&self.name, "USER");
        let password = variable(&self.name, "PASSWORD");
        match status {
            530 => Some(format!("it wants a user: set {user} and {password}")),
            534 | 535 => Some(format!("it does not take the user: check {user} and {password}")),
            _ => None,
        }
    }

    /// What to do about a server that cannot be spoken to, where its answer says so.
    fn next(&self, failure: &SmtpFailure, why: &str) -> Option<&'static str> {
        if matches!(failure, SmtpFailure::NoStarttls) {
            return Some(
                ". Nothing is sent in the clear. Where it takes TLS from the start, mostly on port 465, write that port and `tls: implicit`",
            );
        }
        let is_clear =
            ["InvalidContentType", "corrupt message"].iter().any(|one| why.contains(one));
        if self.policy.tls == MailTls::Implicit && is_clear {
            return Some(". It does not speak TLS from the start: write `tls: starttls`");
        }
        super::next_of_tls(why)
    }

    fn timed_out(&self) -> SinkError {
        let host = self.policy.host.clone();
        if self.policy.port == 465 && self.policy.tls == MailTls::Starttls {
            let seconds = DELIVERY.as_secs();
            let why = format!(
                "nothing was said within {seconds} s. Port 465 takes TLS from the start: write `tls: implicit`"
            );
            return SinkError::Unreachable { host, why };
        }
        SinkError::TimedOut { host, after: DELIVERY }
    }
}

/// So long a server may take to say goodbye, once it has the mail.
const GOODBYE: Duration = Duration::from_secs(2);

fn is_this_machine(host: &str) -> bool {
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[async_trait]
impl Sink for MailSink {
    async fn deliver(&self, message: &Message) -> Result<(), SinkError> {
        let mail = Mail::of(message, &self.policy).map_err(|why| match why.is_for_nobody() {
            true => SinkError::Nobody { why: why.to_string() },
            false => self.unsendable(why),
        })?;
        let mail = composed(mail)?;
        match tokio::time::timeout(DELIVERY, self.server.send(&mail)).await {
            Ok(Ok(Taken { mut connection, refused })) => {
                for (address, error) in &refused {
                    let status = error.status().map(|status| format!(" with status {status}"));
                    tracing::warn!(
                        "the sink {}: {} refused the mail for {}{}; its other addresses have it. Correct or remove that address",
                        self.name,
                        self.policy.host,
                        clipped(&safe_text(address.as_ref()), 100),
                        status.unwrap_or_default(),
                    );
                }
                // It has the mail, however it ends this.
                let _ = tokio::time::timeout(GOODBYE, connection.abort()).await;
                Ok(())
            }
            Ok(Err(failure)) => Err(self.failed(&failure)),
            Err(_) => Err(self.timed_out()),
        }
    }
}

/// An address, and nothing but an address: no name, no list, no second header.
fn mailbox(address: &str) -> Result<Mailbox, SinkError> {
    let parsed: Result<Address, _> = address.parse();
    // Readers decode what looks encoded, and another address stands there.
    if is_like_encoded(address) {
        return Err(SinkError::BadAddress { what: clipped(&safe_text(address), 100) });
    }
    let address =
        parsed.map_err(|_| SinkError::BadAddress { what: clipped(&safe_text(address), 100) })?;
    Ok(Mailbox::new(None, address))
}

/// A header that is neither folded nor encoded. Its text is made of identifiers only.
fn header(name: &'static str, text: &str) -> HeaderValue {
    let text: String = text.chars().filter(|c| c.is_ascii_graphic()).collect();
    let name = HeaderName::new_from_ascii_str(name);
    HeaderValue::dangerous_new_pre_encoded(name, text.clone(), text)
}

/// Whether a reader of mail would decode a part of the text.
fn is_like_encoded(text: &str) -> bool {
    text.contains("=?")
}

/// A subject. One that looks encoded is encoded itself, so that what is read is what was written.
fn subject(text: &str) -> HeaderValue {
    let name = HeaderName::new_from_ascii_str("Subject");
    if !is_like_encoded(text) {
        return HeaderValue::new(name, text.to_owned());
    }
    let mut words = vec![String::new()];
    for letter in text.chars() {
        // A word is at most 75 characters long, and the first one stands beside the name.
        match words.last_mut() {
            Some(word) if word.len() + letter.len_utf8() <= 36 => word.push(letter),
            _ => words.push(letter.to_string()),
        }
    }
    let word = |word: &String| format!("=?utf-8?b?{}?=", STANDARD.encode(word));
    let encoded = words.iter().map(word).collect::<Vec<_>>().join("\r\n ");
    HeaderValue::dangerous_new_pre_encoded(name, text.to_owned(), encoded)
}

/// The mail as it is sent: text and HTML as two forms of one thing.
fn composed(mail: Mail) -> Result<lettre::Message, SinkError> {
    let mut builder = lettre::Message::builder()
        .from(mailbox(&mail.from)?)
        .reply_to(mailbox(&mail.reply_to)?)
        .date(mail.at.date_time().into())
        .raw_header(subject(&mail.subject));
    for address in &mail.to {
        builder = builder.to(mailbox(address)?);
    }
    builder = builder
        .raw_header(header("Message-ID", &mail.message_id))
        .raw_header(header("Auto-Submitted", "auto-generated"))
        // Exchange would answer with the absence notes of the whole team.
        .raw_header(header("X-Auto-Response-Suppress", "All"));
    if let Some(first) = &mail.answers {
        builder = builder
            .raw_header(header("In-Reply-To", first))
            .raw_header(header("References", first));
    }
    // The same mail is the same bytes, whenever it is sent.
    let mark: String = mail.message_id.chars().filter(char::is_ascii_hexdigit).take(32).collect();
    let both = MultiPart::alternative()
        .boundary(format!("applecart-{mark}"))
        .singlepart(part(ContentType::TEXT_PLAIN, mail.text))
        .singlepart(part(ContentType::TEXT_HTML, mail.html));
    let mut files: Vec<SinglePart> = Vec::new();
    if let Some(request) = mail.request {
        files.push(file("push-request.csr", "application/pkcs10", request)?);
    }
    if !mail.renewals.is_empty() {
        files.push(file("renewal.ics", calendar::CONTENT_TYPE, ics(&mail.renewals, mail.at))?);
    }
    let whole = if files.is_empty() {
        both
    } else {
        let mixed = MultiPart::mixed().boundary(format!("applecart-whole-{mark}")).multipart(both);
        files.into_iter().fold(mixed, MultiPart::singlepart)
    };
    builder.multipart(whole).map_err(|error| SinkError::BadAddress { what: sentence(&error) })
}

/// A file beside the message.
fn file(name: &str, kind: &str, body: String) -> Result<SinglePart, SinkError> {
    let kind = ContentType::parse(kind);
    let kind = kind.map_err(|error| SinkError::BadAddress { what: sentence(&error) })?;
    Ok(Attachment::new(name.to_owned()).body(body, kind))
}

fn part(kind: ContentType, body: String) -> SinglePart {
    SinglePart::builder().header(kind).body(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> Mail {
        Mail {
            message_id: "<aa11@msp.example>".into(),
            answers: Some("<bb22@msp.example>".into()),
            subject: "Zoë\r\nBcc: x@y.example [AC-1]".into(),
            from: "applecart@msp.example".into(),
            reply_to: "help@msp.example".into(),
            to: vec!["noc@msp.example".into(), "noc2@msp.example".into()],
            at: "2027-01-15T08:00:00Z".parse().unwrap(),
            text: "A line.\n".into(),
            html: "<p>A line.</p>".into(),
            request: None,
            renewals: Vec::new(),
        }
    }

    #[test]
    fn the_same_mail_is_the_same_bytes_and_answers_the_first() {
        let bytes = composed(mail()).unwrap().formatted();
        assert_eq!(bytes, composed(mail()).unwrap().formatted());
        let text = String::from_utf8(bytes).unwrap();
        for header in [
            "Message-ID: <aa11@msp.example>\r\n",
            "In-Reply-To: <bb22@msp.example>\r\n",
            "References: <bb22@msp.example>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Reply-To: help@msp.example\r\n",
            "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n",
        ] {
            assert!(text.contains(header), "{header}: {text}");
        }
        assert!(!text.contains("\nBcc:"), "{text}");
    }

    #[test]
    fn an_address_is_one_address() {
        for address in [
            "a@b.example, c@d.example",
            "a@b.example\r\nBcc: c@d.example",
            "A <a@b.example>",
            "a b@c.example",
            "@b.example",
            "a",
            "=?utf-8?q?c=40d.example?=@b.example",
        ] {
            assert!(matches!(mailbox(address), Err(SinkError::BadAddress { .. })), "{address}");
            let other = Mail { to: vec![address.into()], ..mail() };
            assert!(composed(other).is_err(), "{address}");
        }
    }

    #[test]
    fn nothing_is_sent_unencrypted_to_another_machine() {
        let policy = |host: &str, tls| Email {
            host: host.into(),
            port: 25,
            tls,
            from: "a@b.example".into(),
            to: Vec::new(),
            reply_to: None,
            contacts: true,
        };
        for host in ["mail.msp.example", "127.0.0.1.evil.example", "localhost.evil.example"] {
            assert!(MailSink::new("noc", policy(host, MailTls::None), None).is_err(), "{host}");
        }
        assert!(MailSink::new("noc", policy("127.0.0.1", MailTls::None), None).is_ok());
    }

    #[test]
    fn half_a_sign_in_names_the_variable_that_is_missing() {
        let only = |name: &'static str| move |asked: &str| (asked == name).then(|| "x".to_owned());
        let missing = |read: &dyn Fn(&str) -> Option<String>| {
            MailUser::from_environment("noc-mail", read).err().map(|error| error.to_string())
        };
        assert_eq!(
            missing(&only("APPLECART_SINK_NOC_MAIL_USER")).unwrap(),
            "the environment variable APPLECART_SINK_NOC_MAIL_PASSWORD is not set"
        );
        assert!(missing(&only("APPLECART_SINK_NOC_MAIL_PASSWORD")).is_some());
        assert!(missing(&|_| None).is_none());
    }

    #[test]
    fn what_looks_encoded_is_encoded_itself() {
        let text = "=?utf-8?q?fabrikam=0D=0ABcc:=20evil=40x.example?= push: critical Zoë [AC-1]";
        let bytes = composed(Mail { subject: text.into(), ..mail() }).unwrap().formatted();
        let whole = String::from_utf8(bytes).unwrap();
        let (_, rest) = whole.split_once("Subject: ").unwrap();
        let mut lines = rest.split("\r\n").scan(true, |first, line| {
            (std::mem::take(first) || line.starts_with(' ')).then_some(line.trim())
        });
        let read: String = lines
            .by_ref()
            .map(|word| {
                assert!(word.len() <= 75, "{word}");
                let inner = word.strip_prefix("=?utf-8?b?").unwrap().strip_suffix("?=").unwrap();
                String::from_utf8(STANDARD.decode(inner).unwrap()).unwrap()
            })
            .collect();
        assert_eq!(read, text);
    }

    /// What a sink says of a server that says this to whoever comes, for as long as it is heard.
    #[expect(clippy::disallowed_types, reason = "a server that misbehaves, on this machine")]
    async fn told_by(tls: MailTls, greeting: &'static [u8], for_ever: &'static [u8]) -> String {
        use tokio::io::AsyncWriteExt as _;

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut said = 0;
            let mut next = stream.write_all(greeting).await;
            while next.is_ok() && !for_ever.is_empty() {
                next = stream.write_all(for_ever).await;
                said += for_ever.len();
            }
            if for_ever.is_empty() {
                // One that is gone could not be heard.
                let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            }
            said
        });
        let policy = Email {
            host: "127.0.0.1".into(),
            port,
            tls,
            from: "a@msp.example".into(),
            to: vec!["b@msp.example".into()],
            reply_to: None,
            contacts: false,
        };
        let sink = MailSink::new("noc", policy, None).unwrap();
        let sent = sink.server.send(&composed(mail()).unwrap()).await;
        let why = sink.failed(&sent.err().unwrap()).to_string();
        let said = server.await.unwrap();
        assert!(said < 16 * 1024 * 1024, "{said} bytes were said until it was left alone");
        why
    }

    #[tokio::test]
    async fn a_server_that_never_ends_its_line_is_left_alone() {
        const LONG: &[u8] = &[b'A'; 16 * 1024];
        for tls in [MailTls::None, MailTls::Starttls] {
            let why = told_by(tls, b"220-", LONG).await;
            assert!(why.contains("says more than the 64 KiB"), "{why}");
        }
        // A record of TLS that belongs to no handshake, again and again.
        let why = told_by(MailTls::Implicit, b"", &[0x16, 3, 3, 0, 1, 0]).await;
        assert!(why.starts_with("127.0.0.1 could not be reached"), "{why}");
    }

    #[tokio::test]
    async fn a_server_that_cannot_be_spoken_to_is_told_with_what_to_write() {
        let why = told_by(MailTls::Starttls, b"220 a\r\n250 a\r\n221 bye\r\n", b"").await;
        assert!(why.contains("no STARTTLS") && why.contains("`tls: implicit`"), "{why}");
        let why = told_by(MailTls::Implicit, b"220 mail.msp.example ESMTP\r\n", b"").await;
        assert!(why.contains("`tls: starttls`"), "{why}");
        let wants = b"220 a\r\n250 a\r\n530 5.7.0 Authentication required\r\n221 bye\r\n";
        let why = told_by(MailTls::None, wants, b"").await;
        assert!(
            why.contains("set APPLECART_SINK_NOC_USER and APPLECART_SINK_NOC_PASSWORD"),
            "{why}"
        );
    }
}
