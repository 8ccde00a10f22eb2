//! The controller's HTTP server: a page, its data, metrics, probes, and hooks that wake the loop.
//!
//! Nothing here writes anything. Every request passes [`guard`] first, and what is shown was read by
//! the loop; only histories are read on demand, out of the clone, and few at a time.

mod guard;
mod hooks;
mod server;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use serde::Deserialize;
use tokio::sync::{Notify, Semaphore};

use super::board::{Board, Reading, Shown};
use super::{Options, metrics, now};
use crate::app::history::{self, HistoryOptions};
use crate::app::{AppError, Context};
use applecart_core::outlets;
use applecart_core::plan::Selection;
use applecart_core::report::{self, History, Period};
pub use guard::{Access, Network, Proxy};
pub use hooks::WebhookSecret;
use hooks::{Forge, Hooks};
pub(super) use server::Running;

/// How long a request may take, with its body.
const REQUEST: Duration = Duration::from_secs(20);
/// So many histories are read at once.
const READERS: usize = 2;

/// Where the controller listens, and to whom.
pub struct Listen {
    pub address: SocketAddr,
    pub access: Access,
    pub tls: Option<Tls>,
    /// Answers in the clear on an address that others can reach.
    pub plain_http: bool,
    pub webhooks: Option<WebhookSecret>,
}

/// The files of a certificate and its key. They are read again after every run, for certificates are
/// renewed while the controller runs.
#[derive(Clone, Debug)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Why the controller cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("serve works on what is merged, and not on a revision that is named (--rev {0})")]
    Revision(String),
    #[error("{address} can be reached by other machines, and nothing would ask who they are")]
    Open { address: SocketAddr },
    #[error(
        "{address} can be reached by other machines, and what they are told would be readable on the way"
    )]
    InTheClear { address: SocketAddr },
    #[error("{variable} is set to nothing, so nobody would be asked for it")]
    Blank { variable: &'static str },
    #[error("{variable} has fewer than {least} characters, which can be guessed")]
    Weak { variable: &'static str, least: usize },
    #[error(
        "the network {text} holds addresses of strangers, who would be believed to be the proxy"
    )]
    Wide { text: String },
    #[error("{text:?} is not an address such as 10.0.3.7, or a network such as 10.0.0.0/8")]
    Network { text: String },
    #[error("{name:?} is not the name of an HTTP header")]
    Header { name: String },
    #[error(
        "{name} is in requests of which nobody has signed in, so everybody would be admitted through the proxy"
    )]
    EveryRequest { name: String },
    #[error("{name:?} is not the name of a host such as status.msp.example")]
    Host { name: String },
    #[error(
        "{variable} has a space, a line break or a letter beyond ASCII in it, which no header carries, so nobody could send it"
    )]
    Unsendable { variable: &'static str },
    #[error("--interval {}s is shorter than a second", .interval.as_secs_f64())]
    TooOften { interval: Duration },
    #[error("cannot listen on {address}")]
    Bind { address: SocketAddr, source: std::io::Error },
    #[error("the certificate {} and the key {} cannot be used", tls.certificate.display(), tls.key.display())]
    Certificate { tls: Tls, source: std::io::Error },
    #[error("the server ended")]
    Ended(#[source] std::io::Error),
    #[error("a run took longer than {}s and did not end when it was asked to", limit.as_secs())]
    Hung { limit: Duration },
}

/// What handlers are given.
struct Web {
    context: Context,
    options: Arc<Options>,
    board: Arc<Board>,
    wake: Arc<Notify>,
    hooks: Hooks,
    readers: Arc<Semaphore>,
}

/// Listens and answers.
pub(super) async fn start(
    context: &Context,
    options: &Arc<Options>,
    board: &Arc<Board>,
    wake: &Arc<Notify>,
) -> Result<Running, AppError> {
    options.listen.check()?;
    let web = Arc::new(Web {
        context: context.clone(),
        options: Arc::clone(options),
        board: Arc::clone(board),
        wake: Arc::clone(wake),
        hooks: Hooks::new(options.listen.webhooks.clone()),
        readers: Arc::new(Semaphore::new(READERS)),
    });
    Ok(server::start(&options.listen, routes(web)).await?)
}

impl Listen {
    /// Refuses what would tell strangers about customers.
    fn check(&self) -> Result<(), ServeError> {
        let address = self.address;
        if address.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        if self.access.is_open() {
            return Err(ServeError::Open { address });
        }
        if self.tls.is_none() && !self.plain_http {
            return Err(ServeError::InTheClear { address });
        }
        Ok(())
    }
}

fn routes(web: Arc<Web>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/t/{tenant}/{kind}", get(token))
        .route("/t/{tenant}/{kind}/{name}", get(named_token))
        .route("/metrics", get(measured))
        .route("/livez", get(alive))
        .route("/readyz", get(ready))
        .route("/api/v1/status", get(status))
        .route("/api/v1/attention", get(attention))
        .route("/api/v1/history", get(history))
        .route("/hooks/github", post(github))
        .route("/hooks/gitlab", post(gitlab))
        .route("/hooks/azure", post(azure))
        .fallback(|| async {
            text(StatusCode::NOT_FOUND, "there is nothing here; the page is at /")
        })
        .method_not_allowed_fallback(|| async {
            text(StatusCode::METHOD_NOT_ALLOWED, "this address cannot be asked like that")
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&web), around))
        .with_state(web)
}

/// What holds for every request: who may ask, for how long, and what browsers do with the answer.
async fn around(State(web): State<Arc<Web>>, request: Request, next: middleware::Next) -> Response {
    let mut response = match guard::check(&web.options.listen.access, &request) {
        Err(refusal) => refusal.into_response(),
        Ok(()) => match tokio::time::timeout(REQUEST, next.run(request)).await {
            Ok(response) => response,
            Err(_) => text(StatusCode::REQUEST_TIMEOUT, "the request took too long"),
        },
    };
    guard::harden(response.headers_mut());
    response
}

fn text(status: StatusCode, line: &str) -> Response {
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    (status, [(header::CONTENT_TYPE, kind)], format!("{line}\n")).into_response()
}

/// Content that was read at one moment, or that it is still what the client has.
fn content(kind: &'static str, etag: &str, asked: &HeaderMap, body: impl Into<Body>) -> Response {
    let mut response = if asked.get(header::IF_NONE_MATCH).is_some_and(|known| known == etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = HeaderValue::from_static(kind);
        ([(header::CONTENT_TYPE, kind)], body.into()).into_response()
    };
    if let Ok(etag) = etag.parse() {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

const JSON: &str = "application/json";

fn broken() -> Response {
    text(StatusCode::INTERNAL_SERVER_ERROR, "internal error; the log says more")
}

fn not_read_yet() -> Response {
    text(StatusCode::SERVICE_UNAVAILABLE, "nothing has been read yet; /readyz says more")
}

/// Runs what takes its time where no other request waits for it.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Response> {
    let failed = |_| broken();
    tokio::task::spawn_blocking(work).await.map_err(failed)
}

async fn page(State(web): State<Arc<Web>>) -> Response {
    let shown = web.board.shown();
    let Some(reading) = shown.reading.clone() else {
        return first_page(&shown, web.board.figures().failing > 0);
    };
    let render = move || {
        let made = || Bytes::from(report::status_html(&reading.status, &shown.view()));
        shown.page.get_or_init(made).clone()
    };
    aside(render).await.map_or_else(|response| response, of_page)
}

/// What a browser shows until a run has found something, and then replaces.
fn first_page(shown: &Shown, has_failed: bool) -> Response {
    let head = match has_failed {
        true => {
            "The first run failed, and nothing can be shown yet. This page shows the result of the next."
        }
        false => "The first run is going on. This page shows its result.",
    };
    let mut lines = vec![head.to_owned()];
    lines.extend(shown.notices.iter().map(|notice| report::escape(notice)));
    if has_failed {
        let next = "This names what is missing, and what to do. Run it as the controller runs, with its environment:";
        lines.extend([next.to_owned(), "applecart doctor".to_owned()]);
    }
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, &lines.join("\n"));
    response.headers_mut().insert(header::REFRESH, HeaderValue::from_static("5"));
    response
}

fn of_page(page: Bytes) -> Response {
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    let mut response = ([(header::CONTENT_TYPE, kind)], page).into_response();
    if let Ok(policy) = report::page_policy().parse() {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

async fn alive(State(web): State<Arc<Web>>) -> Response {
    let limit = web.options.limit;
    let began = web.board.figures().running_since;
    let took = began.map(|began| now(&web.context).elapsed.saturating_sub(began));
    match took.is_some_and(|took| took > limit) {
        true => text(StatusCode::SERVICE_UNAVAILABLE, "a run does not end"),
        false => text(StatusCode::OK, "alive"),
    }
}

async fn ready(State(web): State<Arc<Web>>) -> Response {
    let readiness = web.board.readiness(now(&web.context), web.options.interval);
    let status = match readiness.is_current {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    text(status, &readiness.to_string())
}

async fn measured(State(web): State<Arc<Web>>) -> Response {
    let (figures, shown) = (web.board.figures(), web.board.shown());
    let made = aside(move || {
        let of_fleet = shown.reading.as_ref().map(|reading| reading.metrics()).transpose()?;
        Ok::<_, std::fmt::Error>(of_fleet.unwrap_or_default() + &metrics::text(figures)?)
    });
    match made.await {
        Ok(Ok(text)) => {
            let kind = HeaderValue::from_static(outlets::metrics::CONTENT_TYPE);
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Ok(Err(_)) => broken(),
        Err(response) => response,
    }
}

async fn status(State(web): State<Arc<Web>>, headers: HeaderMap) -> Response {
    let shown = web.board.shown();
    match &shown.reading {
        Some(reading) => content(JSON, &shown.etag, &headers, reading.json.clone()),
        None => not_read_yet(),
    }
}

async fn attention(State(web): State<Arc<Web>>, headers: HeaderMap) -> Response {
    let shown = web.board.shown();
    let Some(reading) = shown.reading.clone() else { return not_read_yet() };
    let list = move || report::json(&reading.status.attention_list());
    match aside(list).await {
        Ok(Ok(json)) => content(JSON, &shown.etag, &headers, json),
        Ok(Err(_)) => broken(),
        Err(response) => response,
    }
}

/// Whose history is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    /// `TENANT` or `TENANT/TOKEN`; the whole fleet without it.
    target: Option<String>,
}

async fn history(State(web): State<Arc<Web>>, Query(target): Query<Target>) -> Response {
    let made = past(&web, target.target, |history| report::json(&history)).await;
    match made {
        Ok(Ok(json)) => {
            ([(header::CONTENT_TYPE, HeaderValue::from_static(JSON))], json).into_response()
        }
        Ok(Err(_)) => broken(),
        Err(response) => response,
    }
}

/// Reads a history out of the clone, as of the commit that the newest reading is of.
async fn past<T: Send + 'static>(
    web: &Arc<Web>,
    target: Option<String>,
    make: impl FnOnce(History) -> T + Send + 'static,
) -> Result<T, Response> {
    let Some(reading) = web.board.shown().reading.clone() else { return Err(not_read_yet()) };
    let Ok(permit) = Arc::clone(&web.readers).acquire_owned().await else {
        return Err(not_read_yet());
    };
    let context = at(&web.context, &reading);
    let told = aside(move || {
        let _permit = permit;
        let options = HistoryOptions {
            target,
            selection: Selection::default(),
            period: Period::default(),
            fetch: false,
            live: false,
        };
        history::history(options, &context).map(|told| make(told.history))
    });
    match told.await? {
        Ok(made) => Ok(made),
        Err(AppError::NoHistory { .. }) => {
            Err(text(StatusCode::NOT_FOUND, "neither Git's history nor the ledger has this"))
        }
        Err(error) => {
            tracing::warn!(
                "a history could not be read: {}",
                applecart_core::model::sentence(&error)
            );
            Err(text(StatusCode::INTERNAL_SERVER_ERROR, "it could not be read; the log says why"))
        }
    }
}

/// The context of the commit that was read, which nobody has to have checked out.
fn at(context: &Context, reading: &Reading) -> Context {
    let rev = reading.rev.clone().unwrap_or_else(|| context.rev.clone());
    Context { rev, ..context.clone() }
}

async fn token(state: State<Arc<Web>>, Path((tenant, kind)): Path<(String, String)>) -> Response {
    token_page(state, tenant, kind, None).await
}

async fn named_token(
    state: State<Arc<Web>>,
    Path((tenant, kind, name)): Path<(String, String, String)>,
) -> Response {
    token_page(state, tenant, kind, Some(name)).await
}

async fn token_page(
    State(web): State<Arc<Web>>,
    tenant: String,
    kind: String,
    name: Option<String>,
) -> Response {
    let wanted = format!("{tenant}/{kind}");
    let shown = web.board.shown();
    let made = past(&web, Some(wanted), move |mut history| {
        if let Some(name) = name {
            let is = |known: &Option<String>| known.as_ref() == Some(&name);
            history.tokens.retain(|token| is(&token.name) || is(&token.id));
        }
        let reading = shown.reading.as_ref().filter(|_| !history.tokens.is_empty())?;
        Some(report::token_html(&reading.status, &history, &shown.view()))
    });
    match made.await {
        Ok(Some(page)) => of_page(page.into()),
        Ok(None) => text(StatusCode::NOT_FOUND, "neither Git's history nor the ledger has this"),
        Err(response) => response,
    }
}

async fn github(state: State<Arc<Web>>, request: Request) -> Response {
    hooked(state, Forge::Github, request).await
}

async fn gitlab(state: State<Arc<Web>>, request: Request) -> Response {
    hooked(state, Forge::Gitlab, request).await
}

async fn azure(state: State<Arc<Web>>, request: Request) -> Response {
    hooked(state, Forge::Azure, request).await
}

async fn hooked(State(web): State<Arc<Web>>, forge: Forge, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let heard = web.hooks.hear(forge, &head.headers, body, web.context.real_now()).await;
    match heard {
        Ok(hooks::Heard::Push) => {
            web.board.woken();
            web.wake.notify_one();
            text(StatusCode::ACCEPTED, "a run will begin within a minute")
        }
        Ok(hooks::Heard::Known) => text(StatusCode::OK, "this delivery was received before"),
        Ok(hooks::Heard::Other) => text(StatusCode::OK, "this event starts no run; a push does"),
        Err(refusal) => text(refusal.status(), &refusal.to_string()),
    }
}
