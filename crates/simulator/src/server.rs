//! The HTTP server: loopback only, HTTP/1.1 with keep-alive, and connections it can drop.
#![expect(clippy::disallowed_types, reason = "a server listens on a socket")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
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
use super::message::{Call, Dropped, Outcome, Reply, percent_decoded};
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
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The state cannot be opened.
    #[error("cannot open the simulator's state")]
    State(#[from] StateError),
    /// The simulated Apple cannot be opened.
    #[error("cannot open the simulated Apple")]
    Apple(#[from] AppleError),
}

/// How to run.
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
        let folder = state.as_deref();
        let state = Arc::new(State::open(folder, now)?);
        let apple = Arc::new(Apple::open(folder, state.now())?);
        let failed = |source| SimulatorError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;

        let url = format!("http://{address}");
        let dispatcher = Dispatcher { state: Arc::clone(&state), origin: url.clone(), latency };
        let world = Arc::new(World { dispatcher, apple: Arc::clone(&apple) });
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(listener, world, stopped));
        Ok(Running { url, state, apple, stop, task })
    }
}

/// A simulator that answers until it is stopped or dropped.
#[derive(Debug)]
pub struct Running {
    url: String,
    state: Arc<State>,
    apple: Arc<Apple>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Its origin, such as `http://127.0.0.1:8080`, without a slash at the end.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Its state.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Its Apple.
    pub fn apple(&self) -> &Apple {
        &self.apple
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
    apple: Arc<Apple>,
}

async fn accept(listener: TcpListener, world: Arc<World>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Also when `Running` was dropped, with its sender.
            _ = &mut stopped => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&world)));
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

async fn serve(stream: TcpStream, world: Arc<World>) {
    // Small answers must not wait for the client's acknowledgements.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let world = Arc::clone(&world);
        // Boxed, for the connection is polled in place.
        Box::pin(async move { world.respond(request).await })
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

impl World {
    async fn respond(&self, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
        let (head, body) = request.into_parts();
        let Ok(body) = to_bytes(Body::new(body), MOST_BYTES).await else {
            return Outcome::Reply(Reply::empty(StatusCode::PAYLOAD_TOO_LARGE)).into_response();
        };
        let call = Call {
            method: head.method,
            path: percent_decoded(head.uri.path()),
            query: head.uri.query().map(str::to_owned),
            headers: head.headers,
            body,
            part: false,
        };
        let outcome = if call.path.starts_with(control::PREFIX) {
            Outcome::Reply(control::answer(&self.dispatcher.state, &self.apple, &call))
        } else {
            self.dispatcher.dispatch(&call).await
        };
        outcome.into_response()
    }
}
