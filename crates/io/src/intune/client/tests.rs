#![expect(clippy::disallowed_types, reason = "servers for tests")]

use std::sync::atomic::AtomicUsize;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::transport::Network;
use super::*;

const LONG: Duration = Duration::from_secs(20);

fn http() -> Http {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let seams = Seams::default();
    let network = Network::new(LONG, Arc::clone(&seams.clock)).unwrap();
    Http::new(Arc::new(network), seams, LONG)
}

async fn get(http: &Http, url: &str) -> Result<Reply, Fault> {
    http.send(Request::new(reqwest::Method::GET, url, true), LONG, Arc::default()).await
}

#[tokio::test]
async fn http_2_is_offered_over_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let hello = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = vec![0; 4096];
        let read = stream.read(&mut hello).await.unwrap();
        hello.truncate(read);
        hello
    };
    let http = http();
    let (hello, outcome) = tokio::join!(hello, get(&http, &url));
    assert!(outcome.is_err(), "the server has no certificate");
    // The list of ALPN names in the ClientHello (RFC 7301): each with its length before it.
    let offered = b"\x02h2\x08http/1.1";
    assert!(hello.windows(offered.len()).any(|names| names == offered));
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                // Each of them fits into one packet.
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                    if stream.write_all(answer).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    let http = http();
    for _ in 0..5 {
        assert_eq!(get(&http, &url).await.ok().unwrap().status, 200);
    }
    assert_eq!(http.sent(), 5);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_request_without_an_answer_has_an_id() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let seen = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        String::from_utf8_lossy(&request[..read]).into_owned()
    };
    let http = http();
    let (request, outcome) = tokio::join!(seen, get(&http, &url));
    let Some(Fault::Cut { request_id, .. }) = outcome.err() else { panic!() };
    assert!(request.contains(&format!("client-request-id: {request_id}\r\n")), "{request}");
}
