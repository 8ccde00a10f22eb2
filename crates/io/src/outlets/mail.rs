//! Mail over SMTP, encrypted wherever it leaves this machine.

use applecart_core::fleet::{Email, MailTls};
use applecart_core::model::{safe_text, sentence};
use applecart_core::outlets::letter::clipped;
use applecart_core::outlets::mail::{Mail, NoMail};
use applecart_core::outlets::message::Message;
use async_trait::async_trait;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::calendar::{self, ics};
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
    policy: Email,
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

impl MailSink {
    pub fn new(policy: Email, user: Option<MailUser>) -> Result<Self, SinkError> {
        let bad = || SinkError::BadAddress { what: format!("{}:{}", policy.host, policy.port) };
        let parameters = || TlsParameters::new(policy.host.clone()).map_err(|_| bad());
        let tls = match policy.tls {
            MailTls::Implicit => Tls::Wrapper(parameters()?),
            MailTls::Starttls => Tls::Required(parameters()?),
            MailTls::None if is_this_machine(&policy.host) => Tls::None,
            MailTls::None => return Err(bad()),
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(policy.host.as_str())
            .port(policy.port)
            .tls(tls)
            .timeout(Some(DELIVERY));
        let builder = match user {
            Some(MailUser { user, password }) => {
                builder.credentials(Credentials::new(user, password))
            }
            None => builder,
        };
        Ok(Self { transport: builder.build(), policy })
    }

    fn unsendable(&self, why: NoMail) -> SinkError {
        SinkError::Unsendable { host: self.policy.host.clone(), why: why.to_string() }
    }

    fn failed(&self, error: &SmtpError) -> SinkError {
        let host = self.policy.host.clone();
        if error.is_timeout() {
            return SinkError::TimedOut { host, after: DELIVERY };
        }
        match error.status() {
            Some(code) => {
                let status = u16::from(code);
                if error.is_transient() {
                    SinkError::Busy { host, status, retry_after: None }
                } else {
                    // What it says may repeat what it was sent; the status says enough.
                    SinkError::Refused { host, status, answer: None }
                }
            }
            None => SinkError::Unreachable { host, why: clipped(&sentence(error), 200) },
        }
    }
}

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
        let mail = Mail::of(message, &self.policy).map_err(|why| self.unsendable(why))?;
        let mail = composed(mail)?;
        let sending = self.transport.send(mail);
        match tokio::time::timeout(DELIVERY, sending).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(SinkError::TimedOut { host: self.policy.host.clone(), after: DELIVERY }),
        }
    }
}

/// An address, and nothing but an address: no name, no list, no second header.
fn mailbox(address: &str) -> Result<Mailbox, SinkError> {
    let parsed: Result<Address, _> = address.parse();
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

/// The mail as it is sent: text and HTML as two forms of one thing.
fn composed(mail: Mail) -> Result<lettre::Message, SinkError> {
    let mut builder = lettre::Message::builder()
        .from(mailbox(&mail.from)?)
        .reply_to(mailbox(&mail.reply_to)?)
        .date(mail.at.date_time().into())
        .subject(&mail.subject);
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
            assert!(MailSink::new(policy(host, MailTls::None), None).is_err(), "{host}");
        }
        assert!(MailSink::new(policy("127.0.0.1", MailTls::None), None).is_ok());
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
}
