//! Servers that are down, or die while they answer, as they are told to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::world::project;

/// What a mail server says once it has a mail.
const KEPT: &[u8] = b"250 kept";

/// A port that leads to a server, or to nobody.
#[derive(Default)]
struct Switches {
    closed: AtomicBool,
    /// That a message was taken is said to nobody.
    holds: AtomicBool,
    held: AtomicBool,
}

pub(super) struct Gate {
    pub(super) port: u16,
    switches: Arc<Switches>,
}

impl Gate {
    pub(super) fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let switches = Arc::new(Switches::default());
        let own = Arc::clone(&switches);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if own.closed.load(Ordering::Relaxed) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&target) else { continue };
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
                let own = Arc::clone(&own);
                std::thread::spawn(move || answer(server, client, &own));
            }
        });
        Self { port, switches }
    }

    pub(super) fn set(&self, is_open: bool) {
        self.switches.closed.store(!is_open, Ordering::Relaxed);
    }

    /// Whether the next mail that is taken is answered.
    pub(super) fn hold(&self, holds: bool) {
        self.switches.holds.store(holds, Ordering::Relaxed);
        self.switches.held.store(false, Ordering::Relaxed);
    }

    /// Whether a mail was taken and not answered.
    pub(super) fn is_holding(&self) -> bool {
        self.switches.held.load(Ordering::Relaxed)
    }
}

/// What the server says, until it is to be silent.
fn answer(mut server: TcpStream, mut client: TcpStream, switches: &Switches) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = server.read(&mut buffer) {
        if switches.holds.load(Ordering::Relaxed) && buffer[..length].starts_with(KEPT) {
            switches.held.store(true, Ordering::Relaxed);
            return;
        }
        if client.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
    let _ = client.shutdown(Shutdown::Write);
}

/// A mail server of another make.
pub(super) struct Mail {
    process: Child,
    folder: tempfile::TempDir,
    python: PathBuf,
    pub(super) gate: Gate,
}

impl Mail {
    pub(super) fn start() -> Option<Self> {
        let python = crate::sinks::python("aiosmtpd")?;
        let folder = tempfile::TempDir::new().unwrap();
        let mut process = Command::new(&python)
            .arg(project().join("tests/integration/sinks/smtpd.py"))
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let gate = Gate::to(format!("127.0.0.1:{}", line.trim()));
        Some(Self { process, folder, python, gate })
    }

    /// All that was taken, as another mail reader has it.
    pub(super) fn taken(&self) -> Vec<Value> {
        let output = Command::new(&self.python)
            .arg(project().join("tests/integration/sinks/read.py"))
            .arg(self.folder.path())
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Mail {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
