//! A page on this machine, to which a browser comes back from Entra.
//!
//! It listens on loopback only, reads no more than the first line and `Host` of a `GET`, and sends
//! nothing but the page that whoever waits for the visit answers with.
#![expect(clippy::disallowed_types, reason = "a browser comes back over a socket")]

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// No browser's first lines come near.
const MAX_HEAD: usize = 32 << 10;
/// How long a connection may say nothing. Browsers open some that they never use.
const PATIENCE: Duration = Duration::from_secs(30);

/// Listens until it is dropped.
pub struct Loopback {
    port: u16,
    visits: mpsc::Receiver<Visit>,
    _accepting: JoinSet<()>,
}

/// A browser that waits for its page.
pub struct Visit {
    stream: TcpStream,
    pub path: String,
    pub query: BTreeMap<String, String>,
}

impl Loopback {
    /// Listens on this port, or on any where it is 0.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn bind(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        let port = listener.local_addr()?.port();
        let (visited, visits) = mpsc::channel(8);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, port, visited));
        Ok(Self { port, visits, _accepting: accepting })
    }

    /// Where a browser finds it. Entra compares everything of it but the port.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// The next visit; `None` where no more can come.
    pub async fn next(&mut self) -> Option<Visit> {
        self.visits.recv().await
    }
}

impl Visit {
    /// Shows a page: a title and a sentence.
    pub async fn answer(self, status: u16, title: &str, sentence: &str) {
        let body = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head><body><h1>{title}</h1><p>{sentence}</p></body></html>\n",
            title = escaped(title),
            sentence = escaped(sentence),
        );
        self.send(status, "text/html; charset=utf-8", &body).await;
    }

    /// Shows a whole page that somebody else has made.
    pub async fn answer_page(self, html: &str) {
        self.send(200, "text/html; charset=utf-8", html).await;
    }

    async fn send(mut self, status: u16, media_type: &str, body: &str) {
        let reason = match status {
            200 => "OK",
            404 => "Not Found",
            _ => "Bad Request",
        };
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\ncontent-security-policy: default-src 'none'; style-src 'unsafe-inline'\r\ncache-control: no-store\r\nreferrer-policy: no-referrer\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n",
            body.len()
        );
        // A browser that went away has nothing to be told.
        let _ = self.stream.write_all(head.as_bytes()).await;
        let _ = self.stream.write_all(body.as_bytes()).await;
        let _ = self.stream.shutdown().await;
    }
}

async fn accept(listener: TcpListener, port: u16, visited: mpsc::Sender<Visit>) {
    let mut reading = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = reading.join_next(), if !reading.is_empty() => {}
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                let visited = visited.clone();
                reading.spawn(async move {
                    let read = tokio::time::timeout(PATIENCE, read(stream, port)).await;
                    if let Ok(Some(visit)) = read {
                        let _ = visited.send(visit).await;
                    }
                });
            }
        }
    }
}

/// Reads a `GET` that a browser on this machine sent here by this machine's own name: a page whose
/// name was made to lead here says so in `Host`.
async fn read(mut stream: TcpStream, port: u16) -> Option<Visit> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        head.extend_from_slice(buffer.get(..read)?);
        if head.len() > MAX_HEAD {
            return None;
        }
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let target = lines.next()?.strip_prefix("GET ")?.split(' ').next()?;
    let host = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    })?;
    let own = [format!("localhost:{port}"), format!("127.0.0.1:{port}")];
    if !own.iter().any(|own| host.eq_ignore_ascii_case(own)) {
        return None;
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Some(Visit { path: path.to_owned(), query, stream })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(port: u16, request: String) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let reading = stream.read_to_string(&mut answer);
        let read = tokio::time::timeout(Duration::from_secs(20), reading).await;
        assert!(read.is_ok(), "whoever is told nothing is not kept waiting");
        answer
    }

    #[tokio::test]
    async fn a_browser_is_answered_and_nobody_who_calls_this_machine_by_another_name() {
        let mut loopback = Loopback::bind(0).await.unwrap();
        let port = loopback.port;
        let foreign = format!("GET /?state=1 HTTP/1.1\r\nHost: evil.example:{port}\r\n\r\n");
        assert_eq!(asked(port, foreign).await, "");
        let post = format!("POST /?state=1 HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
        assert_eq!(asked(port, post).await, "");
        let good = format!("GET /?state=a%20b HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
        let asking = tokio::spawn(asked(port, good));
        let visit = loopback.next().await.unwrap();
        assert_eq!((visit.path.as_str(), visit.query["state"].as_str()), ("/", "a b"));
        visit.answer(200, "Done <b>", "You can close this page.").await;
        let answer = asking.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("<h1>Done &lt;b&gt;</h1>"), "{answer}");
        assert!(answer.contains("default-src 'none'"), "{answer}");
    }
}
