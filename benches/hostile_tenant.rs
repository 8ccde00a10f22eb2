//! How much memory a tenant can take whose Graph answers as it likes.
//!
//! ```text
//! cargo bench --bench hostile_tenant -- [RUNS]
//! ```
//!
//! One `plan` for each way to answer, of a fleet of one tenant; both collections answer alike and at the
//! same time.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark runs programs and prints figures"
)]

mod fleet;

use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// A little under the most that one answer may have.
const LARGE: usize = (8 << 20) - 4096;
/// A little under the most that a collection may have.
const COLLECTION: usize = (16 << 20) - 8192;

#[derive(Clone, Copy, Debug)]
enum Answer {
    Ordinary,
    /// A page with one token each, and always a next one.
    SmallPages,
    /// The same with pages as large as they may be.
    LargePages,
    /// One page that is larger than it may be.
    GiantPage,
    /// More tokens than are read, each with no more than an id.
    BareTokens,
    /// The same, with names that fill what a collection may have.
    FatTokens,
    /// As many tokens as are read, with as much text.
    Limits,
}

const ANSWERS: [Answer; 7] = [
    Answer::Ordinary,
    Answer::SmallPages,
    Answer::LargePages,
    Answer::GiantPage,
    Answer::BareTokens,
    Answer::FatTokens,
    Answer::Limits,
];

fn main() {
    let [runs] = fleet::numbers([3]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    repository(folder.path());
    for answer in ANSWERS {
        let url = runtime.block_on(serve(answer));
        let mut figures: Vec<(f64, f64)> = (0..runs).map(|_| plan(folder.path(), &url)).collect();
        figures.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (memory, cpu) = figures[figures.len() / 2];
        println!("{answer:?}: {memory:.1} MiB, {cpu:.2} s CPU");
    }
}

fn repository(folder: &Path) {
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "applecart.yaml",
        "apiVersion: applecart/v1\nkind: Fleet\nauth:\n  clientId: 2f6b0000-0000-4000-8000-000000000000\n  credential: client-secret\n",
    );
    write(
        "tenants/contoso/tenant.yaml",
        "apiVersion: applecart/v1\nkind: Tenant\nname: contoso\ntenantId: 6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11\nwatch: [push, enrollment, vpp]\n",
    );
    let who = ["-c", "user.name=Bench", "-c", "user.email=bench@example.invalid"];
    let commit = [&who[..], &["commit", "--quiet", "-m", "fleet"]].concat();
    for arguments in [&["init", "--quiet"][..], &["add", "--all"], &commit] {
        let status = Command::new("git").current_dir(folder).args(arguments).status().unwrap();
        assert!(status.success());
    }
}

/// Peak memory in MiB and CPU time in seconds of one plan.
fn plan(folder: &Path, url: &str) -> (f64, f64) {
    let output = Command::new("/usr/bin/time")
        .args(["-f", "%U %S %M", env!("CARGO_BIN_EXE_applecart"), "plan", "--format", "json"])
        .current_dir(folder)
        .env("APPLECART_GRAPH_URL", url)
        .env("APPLECART_LOGIN_URL", url)
        .env("AZURE_CLIENT_SECRET", "not a secret")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.lines().next_back().unwrap();
    let figures: Vec<f64> = last.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let [user, system, memory] = figures.as_slice() else { panic!("no figures: {errors}") };
    (memory / 1024.0, user + system)
}

async fn serve(answer: Answer) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(respond).with_state((answer, url.clone()));
    tokio::spawn(async { axum::serve(listener, router).await });
    url
}

async fn respond(State((answer, url)): State<(Answer, String)>, request: Request) -> Response {
    let path = request.uri().path();
    let error = |status, code: &str| {
        (status, format!(r#"{{"error":{{"code":"{code}","message":"no"}}}}"#)).into_response()
    };
    match path {
        _ if path.ends_with("/token") => {
            r#"{"token_type":"Bearer","expires_in":3599,"access_token":"abc"}"#.into_response()
        }
        _ if path.ends_with("/$batch") => error(StatusCode::NOT_FOUND, "NotFound"),
        _ if path.ends_with("Certificate") => error(StatusCode::NOT_FOUND, "ResourceNotFound"),
        _ => {
            let page = request.uri().query().and_then(|query| query.strip_prefix("page="));
            let page: usize = page.and_then(|page| page.parse().ok()).unwrap_or(0);
            let next = format!("{url}{path}?page={}", page + 1);
            collection(answer, page, &next).into_response()
        }
    }
}

fn collection(answer: Answer, page: usize, next: &str) -> String {
    let next = format!(r#","@odata.nextLink":"{next}""#);
    match answer {
        Answer::Ordinary => r#"{"value":[]}"#.to_owned(),
        Answer::SmallPages => format!(r#"{{"value":[{{"id":"{page}"}}]{next}}}"#),
        Answer::LargePages => format!(r#"{{"value":[],"more":"{}"{next}}}"#, "x".repeat(LARGE)),
        Answer::GiantPage => format!(r#"{{"value":[],"more":"{}"}}"#, "x".repeat(2 * LARGE)),
        Answer::BareTokens => {
            let tokens: Vec<String> =
                (0..10_000).map(|number| format!(r#"{{"id":"{number}"}}"#)).collect();
            format!(r#"{{"value":[{}]}}"#, tokens.join(","))
        }
        Answer::FatTokens => {
            let name = "x".repeat(COLLECTION / 10_000 - 80);
            let tokens = named(page * 5_000..(page + 1) * 5_000, &next, &name);
            let next = if page == 0 { next.as_str() } else { "" };
            format!(r#"{{"value":[{tokens}]{next}}}"#)
        }
        Answer::Limits => {
            format!(r#"{{"value":[{}]}}"#, named(0..3_000, &next, &"x".repeat(320)))
        }
    }
}

/// Tokens with this name, of the kind whose page comes next.
fn named(numbers: Range<usize>, next: &str, name: &str) -> String {
    let member = if next.contains("vpp") { "displayName" } else { "tokenName" };
    let token = |number: usize| format!(r#"{{"id":"{number}","{member}":"{name}"}}"#);
    numbers.map(token).collect::<Vec<_>>().join(",")
}
