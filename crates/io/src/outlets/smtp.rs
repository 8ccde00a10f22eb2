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
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
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

    /// Has the mail taken. What is left of the conversation is to end it.
    pub(super) async fn send(
        &self,
        mail: &lettre::Message,
    ) -> Result<AsyncSmtpConnection, SmtpFailure> {
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
        connection.send(mail.envelope(), &mail.formatted()).await?;
        Ok(connection)
    }
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
