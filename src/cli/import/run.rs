//! One import from beginning to end: read, draft, check, write.

use std::collections::BTreeMap;
use std::path::PathBuf;

use similar::TextDiff;

use super::target::{self, Target, note};
use super::write::{self, Draft, PlaceError};
use super::{Args, fresh, update};
use crate::app::ImportError;
use crate::app::Reach;
use crate::app::replace::{self, New};
use crate::app::session::{self, Session, Tree, Which};
use crate::cli::error::CliError;
use crate::cli::global::Context;
use applecart_core::fleet::{self, FileBytes, NewTenant, Source, is_text};
use applecart_core::model::{Kind, LiveTenant, Outcome, Problem, ProblemCode, Reading, TenantName};
use applecart_core::plan::{self, Observed, PlannedTenant, Selection};
use applecart_core::report::{self, ImportNoteCode, ImportReport, Imported, ImportedTenant};
use applecart_io::git::{GitError, Repo};
use applecart_io::intune::{self, ReadRequest};

/// What is to be written, and what to tell.
pub(super) struct Work {
    root: PathBuf,
    drafts: Vec<Draft>,
    rows: Vec<ImportedTenant>,
    unusable_contracts: usize,
    /// How many tenants were read.
    read: usize,
    wrote: usize,
}

/// Reads live state and drafts the files; writes nothing but snapshots.
pub(super) fn prepare(args: &Args, context: &Context) -> Result<Work, CliError> {
    let repo = Repo::discover(&context.repo)?;
    let Some(root) = repo.worktree().map(std::path::Path::to_owned) else {
        return Err(GitError::NoWorktree { path: repo.path_common_dir() }.into());
    };
    let source = repo.worktree_snapshot()?;
    let all = Selection::parse(&[])?;
    let loaded = session::load(context, Tree::Worktree, Reach::Remote, &all)?.for_reading();
    if let Some(why) = &loaded.blind {
        return Err(ImportError::Blind(why.clone()).into());
    }
    let connector = session::connector(context)?;
    let targets = target::find(args, &loaded, &source, &connector)?;

    let asked = targets.read.iter().map(|target| (target.name.clone(), request(target, &loaded)));
    let asked = asked.collect();
    let live = crate::app::block_on(session::read_each(context, &connector, asked))?;
    let planned = if targets.read.iter().any(|target| target.there.is_some()) {
        let known = session::past(&loaded, context, Which::Shared)?.known;
        let session = Session::new(context, &loaded, &all, &known);
        session.make(&live, plan::Source::Live).plan.tenants
    } else {
        Vec::new()
    };

    let mut work = Work {
        root,
        drafts: Vec::new(),
        rows: targets.settled,
        unusable_contracts: targets.unusable_contracts,
        read: targets.read.len(),
        wrote: 0,
    };
    let by_name: BTreeMap<&str, &PlannedTenant> =
        planned.iter().map(|tenant| (tenant.name.as_str(), tenant)).collect();
    for target in &targets.read {
        let unread = LiveTenant::unknown(&Problem::new(ProblemCode::BadAnswer, "it was not read"));
        let live = live.get(&target.name).unwrap_or(&unread);
        match target.there {
            None => work.draft_new(target, live),
            Some(_) => {
                let planned = by_name.get(target.name.as_str()).copied();
                work.draft_update(target, live, planned, &source);
            }
        }
    }
    work.check(&source, &loaded.policy);
    if let Some(folder) = &args.live_out {
        snapshots(folder, &live)?;
    }
    Ok(work)
}

fn request(target: &Target<'_>, loaded: &session::Loaded) -> Result<ReadRequest, Problem> {
    if let Some(tenant) = target.there {
        return session::request(&loaded.policy, tenant);
    }
    let Some(auth) = loaded.policy.auth_of(target.auth.as_deref()) else {
        let detail = "applecart.yaml does not have the tenant's sign-in profile";
        return Err(Problem::new(ProblemCode::InvalidFile, detail));
    };
    Ok(ReadRequest {
        tenant_id: target.tenant_id,
        auth: auth.clone(),
        watch: Kind::ALL.into(),
        consent_if_push_absent: false,
    })
}

/// One file a tenant, for `plan --live` and `inspect --live`.
fn snapshots(
    folder: &std::path::Path,
    live: &BTreeMap<TenantName, LiveTenant>,
) -> Result<(), CliError> {
    #[expect(clippy::disallowed_methods, reason = "cli writes snapshots where it is told to")]
    std::fs::create_dir_all(folder).map_err(|source| CliError::File {
        path: folder.to_owned(),
        doing: "make",
        source,
    })?;
    for (name, live) in live {
        if let Some(snapshot) = intune::snapshot_of(live) {
            let bytes = report::json(&snapshot)?.into_bytes();
            replace::replace(&[New { path: folder.join(format!("{name}.json")), bytes }])?;
        }
    }
    Ok(())
}

/// The problems of a read, each once, and the kinds that they leave unknown.
fn problems(live: &LiveTenant) -> (Vec<Problem>, Vec<Kind>) {
    let of = [
        (Kind::Push, live.push.problem()),
        (Kind::Enrollment, live.enrollment.problem()),
        (Kind::Vpp, live.vpp.problem()),
    ];
    let mut problems: Vec<Problem> = Vec::new();
    let mut unknown = Vec::new();
    for (kind, problem) in of {
        let Some(problem) = problem else { continue };
        unknown.push(kind);
        if !problems.contains(problem) {
            problems.push(problem.clone());
        }
    }
    (problems, unknown)
}

fn is_empty(live: &LiveTenant) -> bool {
    let no_push = live.push == Reading::Absent;
    let none = |count: Option<usize>| count == Some(0);
    no_push
        && none(live.enrollment.present().map(Vec::len))
        && none(live.vpp.present().map(Vec::len))
}

impl Work {
    fn draft_new(&mut self, target: &Target<'_>, live: &LiveTenant) {
        let (problems, unknown) = problems(live);
        let mut row = row(target, Imported::Created, problems, unknown);
        if row.unknown.len() == Kind::ALL.len() {
            row.result = Imported::Failed;
        } else if target.skip_empty && is_empty(live) {
            row.result = Imported::Empty;
            row.notes.push(note(
                ImportNoteCode::NotWritten,
                "Intune has no Apple credential of this customer, so there is nothing to watch; `import NAME --tenant-id` makes a file all the same",
            ));
        } else {
            let mut entries = fresh::entries(live);
            row.notes.append(&mut entries.notes);
            let display_name = target.display_name.clone().map(|name| name.trim().to_owned());
            if let Some(name) =
                display_name.as_ref().filter(|name| !name.is_empty() && !is_text(name))
            {
                let detail = format!(
                    "the name {name:?} cannot stand in a tenant file; `displayName` was left out"
                );
                row.notes.push(note(ImportNoteCode::NotWritten, detail));
            }
            let after = fleet::new_tenant(&NewTenant {
                name: target.name.clone(),
                display_name: display_name.filter(|name| is_text(name)),
                tenant_id: target.tenant_id,
                auth: target.auth.clone(),
                tokens: entries.tokens,
            });
            let name = target.name.clone();
            let draft = Draft { name, before: None, after, left: Vec::new() };
            row.file = Some(draft.path());
            self.drafts.push(draft);
        }
        self.rows.push(row);
    }

    fn draft_update(
        &mut self,
        target: &Target<'_>,
        live: &LiveTenant,
        planned: Option<&PlannedTenant>,
        source: &Source,
    ) {
        let (problems, unknown) = problems(live);
        let mut row = row(target, Imported::Unchanged, problems, unknown);
        let text =
            source.tenants.iter().find(|folder| folder.name == target.name.as_str()).and_then(
                |folder| match &folder.tenant_file {
                    Some(FileBytes::Read(bytes)) => std::str::from_utf8(bytes).ok(),
                    _ => None,
                },
            );
        if let Some(planned) = planned {
            for problem in &planned.problems {
                if !row.problems.contains(problem) {
                    row.problems.push(problem.clone());
                }
            }
        }
        let observed = planned.filter(|planned| planned.observed != Observed::None);
        let (Some(tenant), Some(planned), Some(before)) = (target.there, observed, text) else {
            row.result = Imported::Failed;
            return self.rows.push(row);
        };
        let path = format!("tenants/{}/tenant.yaml", target.name);
        match update::update(&path, before, tenant, planned, live) {
            Ok(updated) => {
                row.notes.extend(updated.notes);
                if updated.text != before {
                    row.result = Imported::Updated;
                    row.diff = Some(diff(&path, before, &updated.text));
                    row.file = Some(path);
                    self.drafts.push(Draft {
                        name: target.name.clone(),
                        before: Some(before.to_owned()),
                        after: updated.text,
                        left: updated.left,
                    });
                }
            }
            Err(error) => {
                row.result = Imported::Refused;
                row.notes.push(note(ImportNoteCode::Invalid, error.to_string()));
            }
        }
        self.rows.push(row);
    }

    /// Drops every draft that would make the fleet invalid.
    fn check(&mut self, source: &Source, policy: &fleet::Policy) {
        let refused: Vec<(TenantName, Vec<String>)> = write::mistakes(source, policy, &self.drafts)
            .into_iter()
            .map(|(draft, mistakes)| {
                let told = mistakes
                    .iter()
                    .map(|one| format!("{}:{}: {}", one.file, one.line, one.message));
                (draft.name.clone(), told.collect())
            })
            .collect();
        for (name, told) in refused {
            self.drafts.retain(|draft| draft.name != name);
            self.settle(&name, Imported::Refused, |row| {
                row.file = None;
                row.notes.extend(told.into_iter().map(|mistake| {
                    let detail =
                        format!("the file would be invalid, so it was not written: {mistake}");
                    note(ImportNoteCode::Invalid, detail)
                }));
            });
        }
    }

    fn settle(
        &mut self,
        name: &TenantName,
        result: Imported,
        more: impl FnOnce(&mut ImportedTenant),
    ) {
        let mine = |row: &&mut ImportedTenant| row.name == name.as_str() && row.file.is_some();
        if let Some(row) = self.rows.iter_mut().find(mine) {
            row.result = result;
            more(row);
        }
    }

    /// How many existing files would change.
    pub(super) fn updates(&self) -> usize {
        self.drafts.iter().filter(|draft| draft.before.is_some()).count()
    }

    pub(super) fn wrote(&self) -> bool {
        self.wrote > 0
    }

    /// Puts the files in place, tenant by tenant.
    pub(super) fn write(&mut self, remove_files: bool) {
        for draft in std::mem::take(&mut self.drafts) {
            match write::put(&self.root, &draft) {
                Ok(()) => self.wrote += 1,
                Err(error) => {
                    let result = match error {
                        PlaceError::File(..) => Imported::Failed,
                        _ => Imported::Refused,
                    };
                    self.settle(&draft.name, result, |row| {
                        row.file = None;
                        row.notes.push(note(ImportNoteCode::File, error.to_string()));
                    });
                    continue;
                }
            }
            for file in &draft.left {
                let shown = format!("tenants/{}/{file}", draft.name);
                let detail = match remove_files
                    .then(|| write::remove(&self.root, &draft.name, file))
                {
                    None => format!(
                        "{shown} belongs to no token any more; delete it (`git rm`, or --remove-files). Git's history keeps it"
                    ),
                    Some(Ok(())) => format!("{shown} was deleted; Git's history keeps it"),
                    Some(Err(error)) => format!("{shown} was not deleted: {error}"),
                };
                self.settle(&draft.name, Imported::Updated, |row| {
                    row.notes.push(note(ImportNoteCode::Unreferenced, detail));
                });
            }
        }
    }

    pub(super) fn report(&self, written: bool) -> ImportReport {
        ImportReport::new(self.rows.clone(), self.unusable_contracts, written)
    }

    /// 8 where no tenant that was read could be signed in to, 4 for what was refused, 3 for what
    /// could not be read or written.
    pub(super) fn outcome(&self) -> Outcome {
        let sign_in = |row: &&ImportedTenant| row.problems.iter().any(|one| one.code.is_sign_in());
        let signed_out = self.rows.iter().filter(sign_in).count();
        let mut outcome = Outcome::Done;
        if self.read > 0 && signed_out == self.read {
            outcome = outcome.and(Outcome::SignIn);
        }
        for row in &self.rows {
            if row.result == Imported::Refused {
                outcome = outcome.and(Outcome::Refused);
            }
            if row.result == Imported::Failed || !row.problems.is_empty() {
                outcome = outcome.and(Outcome::Partial);
            }
        }
        outcome
    }
}

fn row(
    target: &Target<'_>,
    result: Imported,
    problems: Vec<Problem>,
    unknown: Vec<Kind>,
) -> ImportedTenant {
    ImportedTenant {
        name: target.name.to_string(),
        tenant_id: Some(target.tenant_id),
        display_name: target.display_name.clone(),
        result,
        file: None,
        unknown,
        problems,
        notes: target.notes.clone(),
        diff: None,
    }
}

fn diff(path: &str, before: &str, after: &str) -> String {
    TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(3)
        .header(&format!("a/{path}"), &format!("b/{path}"))
        .to_string()
}
