//! A bare repository that clones of a fleet share.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use applecart_core::model::{LedgerEntry, TenantId};
use applecart_io::store::save_unpushed;

use super::{Run, World, finish, tenant_id};

/// The ledger's branch.
pub(crate) const REFNAME: &str = "refs/heads/applecart/ledger";

/// A bare repository with a fleet in it, and folders for clones.
pub(crate) struct Hub {
    pub(crate) world: World,
}

impl Hub {
    /// A fleet whose ledger is begun, and named by its settings.
    pub(crate) fn new() -> Self {
        let hub = Self::without_ledger();
        hub.begin();
        hub
    }

    pub(crate) fn without_ledger() -> Self {
        Self::with_policy("")
    }

    /// A fleet without a ledger, whose settings have these lines, too.
    pub(crate) fn with_policy(more: &str) -> Self {
        let world = World::new();
        world.write("applecart.yaml", &world.policy(more));
        world.commit("Start");
        let hub = Self { world };
        git(hub.world.path(""), &["init", "--quiet", "--bare", "--initial-branch=main", "hub"]);
        hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
        hub
    }

    /// Begins the ledger, and merges its first commit into the fleet's settings.
    pub(crate) fn begin(&self) {
        let clone = self.clone("begin", &[]);
        clone.run(&["ledger", "create"]).ends_with(0);
        clone.commit("Name the ledger");
        clone.git(&["push", "--quiet", "origin", "main"]);
        self.world.git(&["pull", "--quiet", &self.url(), "main"]);
        std::fs::remove_dir_all(clone.folder).unwrap();
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.world.path("hub")
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.folder().display())
    }

    pub(crate) fn clone(&self, name: &str, options: &[&str]) -> Clone<'_> {
        let folder = self.world.path(name);
        let path = folder.to_str().unwrap();
        let url = self.url();
        let arguments = [&["clone", "--quiet"], options, &["--", &url, path]].concat();
        git(self.world.path(""), &arguments);
        Clone { hub: self, folder }
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(self.folder(), arguments)
    }

    /// Entries of a run in a file, as a run that could not push them leaves it.
    pub(crate) fn saved(&self, name: &str, entries: &[(TenantId, LedgerEntry)]) -> PathBuf {
        let path = self.world.path(name);
        save_unpushed(&path, entries).unwrap();
        path
    }

    /// Lets a hook of the server decline every push to the ledger.
    #[cfg(unix)]
    pub(crate) fn protect(&self, hook: &str) -> PathBuf {
        let path = self.folder().join("hooks").join(hook);
        script(&path, "echo 'GH006: Protected branch update failed' >&2\nexit 1");
        path
    }

    /// The hub over HTTP, as a forge has it: everybody may read, and pushes are answered with this
    /// status.
    pub(crate) fn web(&self, refused: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hub", listener.local_addr().unwrap());
        let root = self.world.path("");
        std::thread::spawn(move || {
            listener.incoming().flatten().for_each(|stream| answer(stream, &root, refused));
        });
        url
    }

    /// Every line of a tenant's file at the remote.
    pub(crate) fn lines(&self, tenant: &str) -> Vec<serde_json::Value> {
        self.lines_of(REFNAME, tenant)
    }

    /// Every line of what people recorded of a tenant.
    pub(crate) fn notes(&self, tenant: &str) -> Vec<serde_json::Value> {
        self.lines_of("refs/heads/applecart/notes", tenant)
    }

    fn lines_of(&self, refname: &str, tenant: &str) -> Vec<serde_json::Value> {
        let text = self.git(&["show", &format!("{refname}:tenants/{}.jsonl", tenant_id(tenant))]);
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

pub(crate) struct Clone<'a> {
    pub(crate) hub: &'a Hub,
    pub(crate) folder: PathBuf,
}

impl Clone<'_> {
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.hub.world.command(arguments);
        // A test may tell for years.
        command.current_dir(&self.folder).env("APPLECART_TEST_TELLS_BY_NOW", "1");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments))
    }

    pub(crate) fn append(&self, file: &Path) -> Run {
        self.run(&["ledger", "append", file.to_str().unwrap()])
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(self.folder.clone(), arguments)
    }

    pub(crate) fn commit(&self, message: &str) {
        let identity = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"];
        let commit = ["commit", "--quiet", "--all", "--message", message];
        self.git(&[&identity[..], &commit[..]].concat());
    }
}

/// One request, through Git's own program for the web.
fn answer(mut stream: TcpStream, root: &Path, refused: &str) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).map(|_| line.trim_end().to_owned()).unwrap_or_default()
    };
    let request = line();
    let Some((method, rest)) = request.split_once(' ') else { return };
    let target = rest.split(' ').next().unwrap();
    let mut headers = HashMap::new();
    while let Some((name, value)) = line().split_once(": ") {
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let header = |name: &str| headers.get(name).map_or("", String::as_str);
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    if target.contains("git-receive-pack") {
        let realm = "WWW-Authenticate: Basic realm=\"forge\"";
        let rest = "Content-Length: 0\r\nConnection: close\r\n\r\n";
        write!(stream, "HTTP/1.1 {refused}\r\n{realm}\r\n{rest}").unwrap();
        return;
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut backend = Command::new("git");
    backend.arg("http-backend").env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    backend.env("REQUEST_METHOD", method).env("PATH_INFO", path).env("QUERY_STRING", query);
    backend.env("CONTENT_TYPE", header("content-type"));
    backend.env("HTTP_CONTENT_ENCODING", header("content-encoding"));
    backend.env("GIT_PROTOCOL", header("git-protocol"));
    let mut backend = backend.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    backend.stdin.take().unwrap().write_all(&body).unwrap();
    let output = backend.wait_with_output().unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n").unwrap();
    stream.write_all(&output.stdout).unwrap();
}

#[track_caller]
pub(crate) fn git(folder: PathBuf, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .args(arguments)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[cfg(unix)]
pub(crate) fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
