//! Every parser of what others write, behind one signature: bytes in, and whether they were usable.
//!
//! The targets of cargo-fuzz drive them, and so does `tests/integration/corpus/hostile.rs`, which breaks the
//! files of `corpus/` by their structure. Each must end, without a panic, and must not repeat a secret.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use applecart_core::apple::{
    Authority, Finding, classify, enrollment, key_identity, location, public_key_file, push,
    request_file, requested_key, revoked::RevocationList, vendor_signature, vpp,
};
use applecart_core::fleet::{
    Auth, Cloud, CredentialKind, Diagnostic, Entry, EntryKind, FileBytes, Folder, load_folder,
    load_policy,
};
use applecart_core::ledger;
use applecart_core::model::{Kind, Timestamp};
use applecart_core::plan::Plan;
use applecart_core::sealed;
use applecart_io::intune::{
    Answer, ClientSecret, Connector, ConnectorOptions, NoAnswer, ReadRequest, Request, RetryPolicy,
    Transport, parse_snapshot, snapshot_of,
};
use applecart_io::seams::Seams;
use applecart_io::seams::testing::{SeededIds, VirtualClock};
use applecart_io::store::SavedEntries;
use applecart_io::vault::{self, Identities, KeySource};

/// What must not be repeated stands behind this word in the files that are broken.
const MARKER: &str = "MARKER";

/// The key that opens the encrypted files of the corpus, and nothing else.
const IDENTITY: &str = include_str!("../corpus/identities/key.txt");

/// A parser by the name of its folder in `corpus/`.
pub type Parser = (&'static str, fn(&[u8]) -> bool);

pub const PARSERS: [Parser; 19] = [
    ("policy", policy),
    ("tenant", tenant),
    ("push", |bytes| token(&push::read(bytes).findings)),
    ("enrollment", |bytes| token(&enrollment::read(bytes).findings)),
    ("vpp", |bytes| token(&vpp::read(bytes).findings)),
    ("classify", |bytes| !classify(bytes).words().name.is_empty()),
    ("request", request),
    ("sealed", |bytes| sealed::seal(bytes).is_some_and(|seal| seal.addressees().is_some())),
    ("open", open),
    ("identities", identities),
    ("plan", |bytes| serde_json::from_slice(bytes).is_ok_and(|plan: Plan| plan.is_intact())),
    ("ledger", ledger_lines),
    ("saved", |bytes| SavedEntries::parse(Path::new("saved.json"), bytes).is_ok()),
    ("snapshot", snapshot),
    ("graph", |bytes| microsoft(Asked::Read, bytes)),
    ("batch", |bytes| microsoft(Asked::Batch, bytes)),
    ("entra", |bytes| microsoft(Asked::SignIn, bytes)),
    ("location", apple_location),
    ("revoked", revoked),
];

/// Reads with the parser of this name.
///
/// # Panics
/// When there is none, or it finds that it was wrong.
pub fn read(name: &str, bytes: &[u8]) -> bool {
    let parser = PARSERS.iter().find(|(parser, _)| *parser == name);
    parser.expect("there is a parser of this name").1(bytes)
}

fn quiet(said: &str) {
    assert!(!said.contains(MARKER), "a secret is repeated: {said}");
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn has_verdict(is_usable: bool, mistakes: &[Diagnostic]) -> bool {
    let is_wrong = mistakes.iter().any(Diagnostic::is_error);
    assert_ne!(is_usable, is_wrong, "usable, or told what is wrong: {mistakes:?}");
    is_usable
}

fn policy(bytes: &[u8]) -> bool {
    let (policy, mistakes) = load_policy(Some(bytes));
    has_verdict(policy.is_some(), &mistakes)
}

fn tenant(bytes: &[u8]) -> bool {
    let entry = |path: &str| Entry {
        path: path.to_owned(),
        kind: EntryKind::Blob,
        id: "0".repeat(40),
        size: Some(2048),
    };
    let folder = Folder {
        name: "contoso".to_owned(),
        tree: "0".repeat(40),
        tenant_file: Some(FileBytes::Read(bytes.to_vec())),
        entries: ["abm.p7m.age", "london.vpptoken.age", "push.pem.age"].map(entry).to_vec(),
        overfull: None,
    };
    load_folder(folder, None).is_some_and(|desired| desired.valid().is_some())
}

fn token(findings: &[Finding]) -> bool {
    for finding in findings {
        quiet(&finding.message);
    }
    !findings.iter().any(Finding::refuses)
}

/// A request for Apple, a vendor's signature on one, and Intune's public keys.
fn request(bytes: &[u8]) -> bool {
    let text = text(bytes);
    let _ = (key_identity(text), public_key_file(text), vendor_signature(text));
    requested_key(text).is_some() && request_file(text).is_some()
}

fn open(bytes: &[u8]) -> bool {
    thread_local!(static KEYS: OnceCell<Identities> = const { OnceCell::new() });
    KEYS.with(|keys| {
        let keys = keys.get_or_init(|| {
            let mut keys = Identities::default();
            let source = KeySource::Value("KEY");
            keys.add(&source, IDENTITY.as_bytes(), &|_| None).expect("the corpus has a key");
            keys
        });
        vault::open(bytes, keys).inspect_err(|error| quiet(&format!("{error:?}{error}"))).is_ok()
    })
}

fn identities(bytes: &[u8]) -> bool {
    let mut keys = Identities::default();
    let added = keys.add(&KeySource::Value("KEY"), bytes, &|_| None);
    added.inspect_err(|error| quiet(&format!("{error:?}{error}"))).is_ok() && !keys.is_empty()
}

/// A file of lines. A line that is read is written again as it was.
fn ledger_lines(bytes: &[u8]) -> bool {
    for line in bytes.split(|&byte| byte == b'\n') {
        if let Ok(record) = ledger::decode(line) {
            assert_eq!(ledger::encode(&record).as_deref(), Ok(line));
        }
    }
    ledger::read_chain(bytes).is_ok()
}

/// What was read is written as a snapshot that is read again as the same.
fn snapshot(bytes: &[u8]) -> bool {
    let Ok(live) = parse_snapshot(bytes) else { return false };
    let Some(written) = snapshot_of(&live) else { return false };
    parse_snapshot(written.to_string().as_bytes()).is_ok()
}

fn apple_location(bytes: &[u8]) -> bool {
    let _ = location::read(401, bytes, "");
    matches!(location::read(200, bytes, ""), location::Answer::Alive(_))
}

fn revoked(bytes: &[u8]) -> bool {
    Authority::apples().is_some_and(|apple| RevocationList::read(bytes, apple).is_ok())
}

/// Which request is answered with the bytes. The others are answered well.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    SignIn,
    Batch,
    Read,
}

struct Microsoft {
    hostile: Asked,
    body: Mutex<Vec<u8>>,
}

#[async_trait::async_trait]
impl Transport for Microsoft {
    async fn send(&self, request: Request) -> Result<Answer, NoAnswer> {
        let asked = match request.url.as_str() {
            url if url.ends_with("/token") => Asked::SignIn,
            url if url.ends_with("/$batch") => Asked::Batch,
            _ => Asked::Read,
        };
        let (status, body) = match asked {
            _ if asked == self.hostile => {
                (200, self.body.lock().expect("nobody panics with it").clone())
            }
            Asked::SignIn => {
                let token = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"MARKER"}"#;
                (200, token.as_bytes().to_vec())
            }
            // Where there is no batch, each is asked for by itself.
            Asked::Batch => (404, Vec::new()),
            Asked::Read => (404, br#"{"error":{"code":"ResourceNotFound","message":""}}"#.to_vec()),
        };
        let received = Timestamp::from_unix(1_800_000_000).expect("a time of this century");
        Ok(Answer { status, headers: Default::default(), body, received })
    }
}

/// What a whole reading of a tenant makes of such an answer.
fn microsoft(hostile: Asked, bytes: &[u8]) -> bool {
    let start = Timestamp::from_unix(1_800_000_000).expect("a time of this century");
    let clock = VirtualClock::new(start);
    let body = Mutex::new(bytes.to_vec());
    let mut options =
        ConnectorOptions::new(Box::new(|_: &Auth| ClientSecret::new("MARKER".to_owned())));
    options.transport = Some(Arc::new(Microsoft { hostile, body }));
    options.retry = RetryPolicy { attempts: 1, base: Duration::ZERO, ..RetryPolicy::default() };
    options.seams = Seams { clock: Arc::new(clock.clone()), ids: Arc::new(SeededIds::new(1)) };
    let connector = Connector::new(options).expect("nothing is needed for it");
    let request = ReadRequest {
        tenant_id: "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11".parse().expect("an id"),
        auth: Auth {
            client_id: "2f6b1111-2222-3333-4444-555566667777".to_owned(),
            reader_client_id: None,
            credential: CredentialKind::ClientSecret,
            cloud: Cloud::Public,
        },
        watch: Kind::ALL.into_iter().collect(),
        consent_if_push_absent: true,
    };
    let live = clock.run(connector.read(&request));
    let problems = [live.push.problem(), live.enrollment.problem(), live.vpp.problem()];
    problems.iter().flatten().for_each(|problem| quiet(&format!("{problem:?}")));
    problems.iter().any(Option::is_none)
}
