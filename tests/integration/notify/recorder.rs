//! A webhook that records what it is sent, and answers as it is told to.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answers {
    Status(u16),
    /// It will not take what holds this text.
    Refuses(&'static str),
    /// It takes the message, and says so after a while.
    Slowly(Duration),
    /// It takes the message, and says so once it is to answer otherwise.
    Held,
    /// It takes the message and never says so.
    Never,
}

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: HashMap<String, String>,
    pub(crate) raw: Vec<u8>,
    pub(crate) body: Value,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

struct Shared {
    answers: Mutex<Answers>,
    received: Mutex<Vec<Received>>,
}

pub(crate) struct Recorder {
    address: String,
    shared: Arc<Shared>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            answers: Mutex::new(Answers::Status(200)),
            received: Mutex::default(),
        });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&own);
                std::thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn answer(&self, answers: Answers) {
        *self.shared.answers.lock().unwrap() = answers;
    }

    /// What came since it was asked last.
    pub(crate) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut *self.shared.received.lock().unwrap())
    }

    pub(crate) fn count(&self) -> usize {
        self.shared.received.lock().unwrap().len()
    }
}

/// Requests of one connection, one after the other.
fn serve(stream: &TcpStream, shared: &Shared) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = || {
            let mut line = String::new();
            reader.read_line(&mut line).map(|_| line.trim_end().to_owned()).unwrap_or_default()
        };
        if line().is_empty() {
            return;
        }
        let mut headers = HashMap::new();
        while let Some((name, value)) = line().split_once(": ") {
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").and_then(|text| text.parse().ok());
        let mut raw = vec![0; length.unwrap_or(0)];
        if reader.read_exact(&mut raw).is_err() {
            return;
        }
        let body = serde_json::from_slice(&raw).unwrap_or(Value::Null);
        let answers = *shared.answers.lock().unwrap();
        let received = Received { headers, raw: raw.clone(), body };
        shared.received.lock().unwrap().push(received);
        let status = match answers {
            Answers::Status(status) => status,
            Answers::Refuses(text) if String::from_utf8_lossy(&raw).contains(text) => 400,
            Answers::Refuses(_) => 200,
            Answers::Slowly(pause) => {
                std::thread::sleep(pause);
                200
            }
            Answers::Held => {
                while *shared.answers.lock().unwrap() == Answers::Held {
                    std::thread::sleep(Duration::from_millis(20));
                }
                200
            }
            Answers::Never => {
                std::thread::sleep(Duration::from_secs(60));
                return;
            }
        };
        let answer = format!(
            "HTTP/1.1 {status} Said\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
        );
        if (&*stream).write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
