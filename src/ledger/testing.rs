//! What the ledger's tests share: short ways to write entries, and repositories in folders that
//! go away.
#![expect(clippy::disallowed_types, reason = "tests look at real repositories")]

use git2::Repository;
use proptest::prelude::*;
use tempfile::TempDir;

use super::line::{Author, Draft};
use crate::model::{
    Actor, Cause, Event, Facts, FailureCode, Kind, Sha256, TenantId, Timestamp, TokenRef,
};

/// An instant, so many minutes after the tests' beginning of time.
pub(crate) fn at(minutes: i64) -> Timestamp {
    Timestamp::from_unix(1_800_000_000 + minutes * 60).unwrap()
}

/// A digest that is told apart by `text`.
pub(crate) fn sha(text: &str) -> Sha256 {
    Sha256::of(text.as_bytes())
}

/// A tenant id that is told apart by `number`.
pub(crate) fn tenant(number: u32) -> TenantId {
    format!("00000000-0000-4000-8000-{number:012}").parse().unwrap()
}

/// A VPP token whose id is not known.
pub(crate) fn vpp(name: &str) -> TokenRef {
    TokenRef { kind: Kind::Vpp, id: None, name: Some(name.into()) }
}

/// The writer of run `run` in clone `clone-1`.
pub(crate) fn author(run: &str) -> Author {
    let actor = Actor { user: Some("dana".into()), host: Some("desk".into()), pipeline: None };
    Author { run: run.into(), clone: "clone-1".into(), actor }
}

/// An entry about the push certificate of `contoso`.
pub(crate) fn draft(event: Event, minute: i64, run: &str, sha256: Option<Sha256>) -> Draft {
    let name = "contoso".parse().unwrap();
    Draft { sha256, ..Draft::new(at(minute), event, name, TokenRef::push(), &author(run)) }
}

/// The same entry about another tenant.
pub(crate) fn named(number: u32, draft: Draft) -> (TenantId, Draft) {
    let name = format!("tenant-{number}").parse().unwrap();
    (tenant(number), Draft { name, ..draft })
}

/// An intent with a lease of 15 minutes.
pub(crate) fn intent(minute: i64, run: &str, sha256: Sha256) -> Draft {
    Draft {
        lease_until: Some(at(minute + 15)),
        ..draft(Event::Intended, minute, run, Some(sha256))
    }
}

/// A failure.
pub(crate) fn failure(minute: i64, run: &str, sha256: Sha256, code: FailureCode) -> Draft {
    let cause = Cause { code, status: Some(400), request_id: None, detail: None };
    Draft { cause: Some(cause), ..draft(Event::Failed, minute, run, Some(sha256)) }
}

/// A repository with one commit on `main`.
pub(crate) fn repository() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut options = git2::RepositoryInitOptions::new();
    options.initial_head("main");
    let repo = Repository::init_opts(dir.path(), &options).unwrap();
    let tree = repo.treebuilder(None).unwrap().write().unwrap();
    let tree = repo.find_tree(tree).unwrap();
    let time = git2::Time::new(1_800_000_000, 0);
    let signature = git2::Signature::new("Dana", "dana@example.com", &time).unwrap();
    repo.commit(Some("HEAD"), &signature, &signature, "start", &tree, &[]).unwrap();
    dir
}

/// Any entry, with text of every kind.
pub(crate) fn arbitrary_draft() -> impl Strategy<Value = Draft> {
    let event = prop::sample::select(vec![
        Event::Intended,
        Event::Applied,
        Event::Failed,
        Event::Confirmed,
        Event::ChangedOutsideGit,
        Event::Notified,
    ]);
    let text = prop::option::of(any::<String>());
    (event, 0i64..1_000_000, any::<String>(), text.clone(), text, any::<Option<u16>>()).prop_map(
        |(event, minute, run, name, detail, status)| Draft {
            token: TokenRef { kind: Kind::Vpp, id: detail.clone(), name: name.clone() },
            after: Some(Facts { location: name, ..Facts::default() }),
            cause: Some(Cause { code: FailureCode::Rejected, status, request_id: None, detail }),
            ..draft(event, minute, &run, Some(sha(&run)))
        },
    )
}
