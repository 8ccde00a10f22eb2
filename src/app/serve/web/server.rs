//! Listening: HTTP/1.1 with or without TLS, for a bounded number of connections of a bounded age. A
//! client that sends or reads slowly, or a thousand at once, cost the loop nothing.
#![expect(clippy::disallowed_types, reason = "a server listens on a socket")]
#![expect(clippy::disallowed_methods, reason = "the age of a connection is the machine's time")]

use std::future::{Ready, ready};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

use super::{Listen, ServeError, Tls};

/// How many connections may be open at once; more are closed at once.
const CONNECTIONS: usize = 256;
/// How long a client may take to send the head of a request, or to begin the next one.
const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may last. Clients open another one.
const AGE: Duration = Duration::from_secs(60);
/// The most that the head of a request may hold.
const HEAD_BYTES: usize = 16 * 1024;
/// How long answers that are being written may take once the controller stops.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A server that answers until it is stopped or dropped.
pub(in crate::app::serve) struct Running {
    pub(in crate::app::serve) address: SocketAddr,
    handle: Handle<SocketAddr>,
    task: tokio::task::JoinHandle<io::Result<()>>,
    certificate: Option<(Tls, RustlsConfig)>,
}

impl Running {
    /// Answers what was asked, and ends.
    pub(in crate::app::serve) async fn stop(self) {
        self.handle.graceful_shutdown(Some(LAST_WORDS));
        // It can only fail by a panic, which has been reported.
        let _ = self.task.await;
    }

    /// Takes the certificate that stands in its files now. One that cannot be used replaces none.
    pub(in crate::app::serve) async fn renew_certificate(&self) {
        let Some((tls, config)) = &self.certificate else { return };
        match load(tls).await {
            Ok(newer) => config.reload_from_config(newer.get_inner()),
            Err(error) => {
                tracing::warn!("{}", applecart_core::model::sentence(&error));
            }
        }
    }
}

/// Listens at the address and answers by these routes.
pub(super) async fn start(listen: &Listen, routes: Router) -> Result<Running, ServeError> {
    let cannot = |source| ServeError::Bind { address: listen.address, source };
    let listener = TcpListener::bind(listen.address).map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let config = match &listen.tls {
        Some(tls) => Some((tls.clone(), load(tls).await?)),
        None => None,
    };
    let handle = Handle::new();
    let mut server = axum_server::from_tcp(listener)
        .map_err(cannot)?
        .handle(handle.clone())
        .http1_only()
        .first_request_timeout(HEAD);
    server.http_builder().http1().header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
    let bounded = Bounded(Arc::new(Semaphore::new(CONNECTIONS)));
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    let task = match &config {
        None => tokio::spawn(server.acceptor(bounded).serve(service)),
        Some((_, config)) => {
            let tls = RustlsAcceptor::new(config.clone()).acceptor(bounded);
            tokio::spawn(server.acceptor(tls).serve(service))
        }
    };
    Ok(Running { address, handle, task, certificate: config })
}

async fn load(tls: &Tls) -> Result<RustlsConfig, ServeError> {
    let cannot = |source| ServeError::Certificate { tls: tls.clone(), source };
    let config = RustlsConfig::from_pem_file(&tls.certificate, &tls.key).await.map_err(cannot)?;
    let mut inner = (*config.get_inner()).clone();
    inner.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(RustlsConfig::from_config(Arc::new(inner)))
}

/// Lets so many connections in.
#[derive(Clone)]
struct Bounded(Arc<Semaphore>);

impl<S> Accept<TcpStream, S> for Bounded {
    type Stream = Held;
    type Service = S;
    type Future = Ready<io::Result<(Held, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let held = Arc::clone(&self.0).try_acquire_owned().map_err(io::Error::other);
        ready(held.and_then(|place| {
            // Small answers must not wait for the client's acknowledgements.
            stream.set_nodelay(true)?;
            let end = Box::pin(tokio::time::sleep(AGE));
            Ok((Held { stream, end, _place: place }, service))
        }))
    }
}

/// A connection with its place, which ends when it is too old: also while it waits for the client.
struct Held {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Held {
    fn is_too_old(&mut self, context: &mut Context<'_>) -> bool {
        self.end.as_mut().poll(context).is_ready()
    }
}

const TOO_OLD: io::ErrorKind = io::ErrorKind::TimedOut;

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.is_too_old(context) {
            true => Poll::Ready(Err(TOO_OLD.into())),
            false => Pin::new(&mut self.stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.is_too_old(context) {
            true => Poll::Ready(Err(TOO_OLD.into())),
            false => Pin::new(&mut self.stream).poll_write(context, buffer),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
