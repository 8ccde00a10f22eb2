//! One conversation with a mail server, in which the server may say only so much.
//!
//! `lettre` reads a line to its end before it looks at its length, so the stream itself counts: below
//! TLS, so that what is said before and during the handshake counts as well. And it keeps what it has
//! read ahead when encryption begins, so the stream gives no byte ahead: answers that somebody on the
//! way appended in the clear to the server's word for STARTTLS would
//! count as the server's own. So they meet the handshake instead, which fails.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use applecart_core::fleet::{Email, MailTls};
use lettre::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, crypto};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;

/// What a server may say in all, as with every other receiver.
const MOST: usize = 64 * 1024;

/// Why there is no way to encrypt to this server.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoTls {
    #[error(transparent)]
    Name(#[from] rustls::pki_types::InvalidDnsNameError),
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    #[error(transparent)]
    Smtp(#[from] SmtpError),
}

/// Why a mail was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum SmtpFailure {
    #[error(transparent)]
    Stream(#[from] io::Error),
    #[error(transparent)]
    Smtp(#[from] SmtpError),
    /// It is not spoken to without.
    #[error("it offers no STARTTLS")]
    NoStarttls,
    #[error("it does not take {0}, which this mail needs")]
    Lacks(Extension),
}

/// A mail that was taken.
pub(super) struct Taken {
    /// What is left of the conversation is to end it.
    pub(super) connection: AsyncSmtpConnection,
    /// For whom of several it was not taken, and why.
    pub(super) refused: Vec<(Address, SmtpError)>,
}

/// How what is said is encrypted.
enum Security {
    Plain,
    Starttls(TlsParameters),
    Implicit(TlsConnector, ServerName<'static>),
}

/// A mail server, and who signs in there.
pub(super) struct Server {
    host: String,
    port: u16,
    security: Security,
    user: Option<Credentials>,
}

impl Server {
    pub(super) fn new(policy: &Email, user: Option<Credentials>) -> Result<Self, NoTls> {
        // An IPv6 address stands in brackets before a port.
        let host = policy.host.trim_matches(['[', ']']).to_owned();
        let security = match policy.tls {
            MailTls::None => Security::Plain,
            MailTls::Starttls => Security::Starttls(TlsParameters::new(host.clone())?),
            MailTls::Implicit => {
                let provider = Arc::new(crypto::ring::default_provider());
                let config = ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()?
                    .with_platform_verifier()?
                    .with_no_client_auth();
                let name = ServerName::try_from(host.clone())?;
                Security::Implicit(TlsConnector::from(Arc::new(config)), name)
            }
        };
        Ok(Self { host, port: policy.port, security, user })
    }

    /// Has the mail taken.
    pub(super) async fn send(&self, mail: &lettre::Message) -> Result<Taken, SmtpFailure> {
        #[expect(clippy::disallowed_types, reason = "lettre's own stream reads without a bound")]
        let stream = tokio::net::TcpStream::connect((self.host.as_str(), self.port)).await?;
        let peer = stream.peer_addr()?;
        let stream = Bounded { stream, peer, left: MOST };
        let stream: Box<dyn AsyncTokioStream> = match &self.security {
            Security::Implicit(tls, name) => {
                let stream = tls.connect(name.clone(), stream).await?;
                Box::new(Bounded { stream, peer, left: MOST })
            }
            Security::Plain | Security::Starttls(_) => Box::new(stream),
        };
        let hello = ClientId::default();
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello).await?;
        if let Security::Starttls(parameters) = &self.security {
            if !connection.can_starttls() {
                connection.abort().await;
                return Err(SmtpFailure::NoStarttls);
            }
            connection.starttls(parameters.clone(), &hello).await?;
        }
        if let Some(user) = &self.user {
            connection.auth(DEFAULT_MECHANISMS, user).await?;
        }
        match submit(&mut connection, mail).await {
            Ok(refused) => Ok(Taken { connection, refused }),
            Err(failure) => {
                connection.abort().await;
                Err(failure)
            }
        }
    }
}

/// Has the mail taken for whomever the server takes it for; says for whom it does not. `lettre` ends the
/// conversation at the first address that is refused, and nobody would hear of it because one mailbox is
/// gone. An address that is refused for now leaves the mail to be sent to all of them later.
async fn submit(
    connection: &mut AsyncSmtpConnection,
    mail: &lettre::Message,
) -> Result<Vec<(Address, SmtpError)>, SmtpFailure> {
    let (envelope, bytes) = (mail.envelope(), mail.formatted());
    let mut addresses = envelope.from().into_iter().chain(envelope.to());
    let needs = [
        (
            addresses.any(|one| !one.to_string().is_ascii()),
            Extension::SmtpUtfEight,
            MailParameter::SmtpUtfEight,
        ),
        (
            !bytes.is_ascii(),
            Extension::EightBitMime,
            MailParameter::Body(MailBodyParameter::EightBitMime),
        ),
    ];
    let mut parameters = Vec::new();
    for (_, extension, parameter) in needs.into_iter().filter(|(is_needed, ..)| *is_needed) {
        if !connection.server_info().supports_feature(extension) {
            return Err(SmtpFailure::Lacks(extension));
        }
        parameters.push(parameter);
    }
    connection.command(Mail::new(envelope.from().cloned(), parameters)).await?;
    let (mut taken, mut refused) = (0, Vec::new());
    for address in envelope.to() {
        match connection.command(Rcpt::new(address.clone(), Vec::new())).await {
            Ok(_) => taken += 1,
            Err(error) if error.is_permanent() => refused.push((address.clone(), error)),
            Err(error) => return Err(error.into()),
        }
    }
    if taken == 0
        && let Some((_, error)) = refused.pop()
    {
        return Err(error.into());
    }
    connection.command(Data).await?;
    connection.message(&bytes).await?;
    Ok(refused)
}

/// A stream from which only so much is read, and nothing ahead of what is asked for.
#[derive(Debug)]
struct Bounded<S> {
    stream: S,
    peer: SocketAddr,
    left: usize,
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut next = [0];
        let mut next = ReadBuf::new(&mut next);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut next))?;
        buffer.put_slice(next.filled());
        let Some(left) = self.left.checked_sub(next.filled().len()) else {
            let why = format!("it says more than the {} KiB that are read", MOST / 1024);
            return Poll::Ready(Err(io::Error::other(why)));
        };
        self.left = left;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug> AsyncTokioStream
    for Bounded<S>
{
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

    use super::*;

    #[tokio::test]
    async fn answers_in_the_clear_behind_the_word_for_starttls_are_not_read_ahead() {
        let (mut server, stream) = tokio::io::duplex(1024);
        server.write_all(b"220 go\r\n250 ok\r\n250 queued\r\n").await.unwrap();
        let peer = SocketAddr::from(([127, 0, 0, 1], 25));
        let mut client = BufReader::new(Bounded { stream, peer, left: MOST });
        let mut line = String::new();
        client.read_line(&mut line).await.unwrap();
        assert_eq!(line, "220 go\r\n");
        assert_eq!(client.buffer(), b"", "they are left to the handshake");
    }
}
