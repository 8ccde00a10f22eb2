//! The HTTP server: loopback only, HTTP/1.1 with keep-alive, and connections it can drop. Tests of
//! whole runs ask the simulator without it ([`Simulator::in_process`]).
#![expect(clippy::disallowed_types, reason = "a server listens on a socket")]

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{self, HeaderMap, HeaderName};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{Request, Response, StatusCode};
use chrono::{DateTime, Utc};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use super::apple::{Apple, AppleError};
use super::control;
use super::dispatch::Dispatcher;
use super::message::{Call, Content, Dropped, Outcome, Reply, percent_decoded};
use super::state::{State, StateError};

/// The largest body that is read, Graph's own limit for ordinary requests.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The simulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The address is not loopback. The simulator holds credentials in the clear and has control
    /// routes without access control.
    #[error("the simulator listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("cannot open the simulator's state")]
    State(#[from] StateError),
    #[error("cannot open the simulated Apple")]
    Apple(#[from] AppleError),
}

#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where to keep the state; in memory when `None`.
    pub state: Option<PathBuf>,
    /// A frozen clock; the machine's when `None`.
    pub now: Option<DateTime<Utc>>,
    /// How long every request waits before it is answered.
    pub latency: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            state: None,
            now: None,
            latency: Duration::ZERO,
        }
    }
}

/// The simulator, not yet running.
#[derive(Debug)]
pub struct Simulator;

impl Simulator {
    /// Opens the state and begins to answer, on the current tokio runtime.
    pub async fn start(options: Options) -> Result<Running, SimulatorError> {
        let Options { listen, state, now, latency } = options;
        if !listen.ip().is_loopback() {
            return Err(SimulatorError::NotLoopback(listen));
        }
        let failed = |source| SimulatorError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;

        let url = format!("http://{address}");
        let world = World::open(state.as_deref(), now, url.clone(), latency)?;
        let world = InProcess(Arc::new(world));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(listener, world.clone(), stopped));
        Ok(Running { url, world, stop, task })
    }

    /// Opens a simulator in memory that is asked without a socket. `origin`, such as
    /// `https://graph.example`, is where its links lead.
    pub fn in_process(origin: &str, now: DateTime<Utc>) -> Result<InProcess, SimulatorError> {
        let world = World::open(None, Some(now), origin.to_owned(), Duration::ZERO)?;
        Ok(InProcess(Arc::new(world)))
    }
}

/// A simulator without a server.
#[derive(Clone, Debug)]
pub struct InProcess(Arc<World>);

impl InProcess {
    pub fn state(&self) -> &Arc<State> {
        &self.0.dispatcher.state
    }

    pub fn apple(&self) -> &Apple {
        &self.0.apple
    }

    /// Answers one request through the server's own routes; `None` where the server would drop the
    /// connection.
    pub async fn handle(&self, request: Request<Bytes>) -> Option<Response<Bytes>> {
        let (head, body) = request.into_parts();
        let response = self.0.respond(&head, body).await.into_response().ok()?;
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.ok()?;
        Some(Response::from_parts(head, body))
    }
}

/// A simulator that answers until it is stopped or dropped.
#[derive(Debug)]
pub struct Running {
    url: String,
    world: InProcess,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Its origin, such as `http://127.0.0.1:8080`, without a slash at the end.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    pub fn state(&self) -> &Arc<State> {
        self.world.state()
    }

    pub fn apple(&self) -> &Apple {
        self.world.apple()
    }

    /// Stops listening and closes every connection, also those of requests that hang.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        // The task ends by itself; it can only fail by a panic, which has been reported.
        let _ = self.task.await;
    }
}

#[derive(Debug)]
struct World {
    dispatcher: Dispatcher,
    apple: Apple,
}

async fn accept(listener: TcpListener, world: InProcess, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Also when `Running` was dropped, with its sender.
            _ = &mut stopped => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, world.clone()));
                }
                // Out of descriptors, or gone before it was accepted: others may still come.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::task::yield_now().await;
                }
            },
        }
    }
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, world: InProcess) {
    // Small answers must not wait for the client's acknowledgements.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let world = world.clone();
        // Boxed, for the connection is polled in place.
        Box::pin(async move { receive(&world.0, request).await })
    });
    let mut connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // An error is a client that went away or a connection dropped on purpose.
    let ended = std::future::poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let mut stream = connection.into_parts().io.into_inner();
    let dropped = ended.as_ref().err().and_then(std::error::Error::source);
    if dropped.and_then(|cause| cause.downcast_ref()).is_some_and(|Dropped { reset }| *reset) {
        // Closing it now sends a reset.
        let _ = stream.set_zero_linger();
    } else {
        let _ = stream.shutdown().await;
    }
}

/// Whether a program on this machine asks. A browser that shows somebody's page can reach loopback,
/// too: it says so in `Origin`, or, where the page's own name was made to lead here, in `Host`.
fn is_from_here(headers: &HeaderMap) -> bool {
    let is_loopback = |authority: &str| {
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    let all = |name: HeaderName, is_fine: &dyn Fn(&str) -> bool| {
        headers.get_all(name).iter().all(|value| value.to_str().is_ok_and(is_fine))
    };
    let from_page = |site: &str| !matches!(site, "same-origin" | "none");
    all(header::HOST, &is_loopback)
        && all(header::ORIGIN, &|origin| origin.strip_prefix("http://").is_some_and(is_loopback))
        && !headers.get("sec-fetch-site").is_some_and(|site| site.to_str().map_or(true, from_page))
}

/// Reads a request whole and answers it.
async fn receive(world: &World, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
    let (head, body) = request.into_parts();
    if !is_from_here(&head.headers) {
        let text = "this simulator answers programs on this machine, and no web pages\n".to_owned();
        let content = Content::Text { media_type: "text/plain", text };
        return Outcome::Reply(Reply::new(StatusCode::FORBIDDEN, content)).into_response();
    }
    match to_bytes(Body::new(body), MOST_BYTES).await {
        Ok(body) => world.respond(&head, body).await.into_response(),
        Err(_) => Outcome::Reply(Reply::empty(StatusCode::PAYLOAD_TOO_LARGE)).into_response(),
    }
}

impl World {
    fn open(
        folder: Option<&Path>,
        now: Option<DateTime<Utc>>,
        origin: String,
        latency: Duration,
    ) -> Result<Self, SimulatorError> {
        let state = Arc::new(State::open(folder, now)?);
        let apple = Apple::open(folder, state.now())?;
        Ok(Self { dispatcher: Dispatcher { state, origin, latency }, apple })
    }

    async fn respond(&self, head: &Parts, body: Bytes) -> Outcome {
        let call = Call {
            method: head.method.clone(),
            path: percent_decoded(head.uri.path()),
            query: head.uri.query().map(str::to_owned),
            headers: head.headers.clone(),
            body,
            part: false,
        };
        if call.path.starts_with(control::PREFIX) {
            Outcome::Reply(control::answer(&self.dispatcher.state, &self.apple, &call))
        } else {
            self.dispatcher.dispatch(&call).await
        }
    }
}
