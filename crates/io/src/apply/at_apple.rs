//! Apple, asked about the VPP tokens that are about to be uploaded. The file is open anyway; a plan, which
//! opens none, asks nobody.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::StreamExt as _;
use zeroize::Zeroizing;

use super::files::{Ready, Refused};
use super::tools::Tools;
use crate::apple::Apple;
use applecart_core::apple::location::{Answer, Location};
use applecart_core::fleet::CheckWithApple;
use applecart_core::model::{Kind, Sha256};
use applecart_core::plan::{Due, Verify};
use applecart_core::rules::answered::{Answered, Entry};
use applecart_core::rules::at_apple::{Asked, Verdict};
use applecart_core::rules::bindings::Bindings;

/// So many tokens are asked about at once; the pace is [`Apple`]'s.
const BESIDE: usize = 8;

/// The way to Apple, and what it said in this run.
pub struct AtApple<'a> {
    apple: &'a Apple,
    /// Whose each location is.
    bindings: &'a Bindings<'a>,
    said: Mutex<Said>,
}

/// What Apple said in a run.
#[derive(Default)]
struct Said {
    /// Of each file, by the SHA-256 of the opened file.
    of_files: BTreeMap<Sha256, Answer>,
    /// The same by location, to find two entries of one.
    answered: Answered,
}

impl<'a> AtApple<'a> {
    pub fn new(apple: &'a Apple, bindings: &'a Bindings<'a>) -> Self {
        Self { apple, bindings, said: Mutex::default() }
    }

    fn heard(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, entry: &Entry<'_>, sha256: Sha256, answer: Answer) {
        let mut said = self.heard();
        if let Answer::Alive(location) = &answer {
            said.answered.note(entry, &location.id);
        }
        said.of_files.insert(sha256, answer);
    }

    /// Holds a file that is of the location of another entry's, by all that Apple said so far.
    fn compare(&self, entry: &Entry<'_>, verdict: &mut Verdict) {
        let Some(location) = &verdict.location else { return };
        verdict.holds.extend(self.heard().answered.hold(entry, location, self.bindings));
    }

    /// What Apple said of each file that it was asked about in this run.
    pub fn said(self) -> BTreeMap<Sha256, Answer> {
        self.said.into_inner().unwrap_or_else(PoisonError::into_inner).of_files
    }

    /// The location of a file that Apple was asked about.
    pub(super) fn location(&self, sha256: Sha256) -> Option<Location> {
        match self.heard().of_files.get(&sha256)? {
            Answer::Alive(location) => Some(location.clone()),
            Answer::Dead(_) | Answer::Unknown(_) => None,
        }
    }
}

/// Asks about every file that was judged and is a VPP token's. Their answers are compared when all are
/// there: before the first upload.
pub(super) async fn ask_all<'d>(
    judged: Vec<(&'d Due, Result<Option<Ready>, Refused>)>,
    tools: &Tools<'_>,
) -> Vec<(&'d Due, Result<(), Refused>)> {
    let asked = judged.into_iter().map(|(due, judged)| async move {
        let heard = match judged {
            Ok(Some(ready)) => Ok(hear(due, &ready, tools).await),
            Ok(None) => Ok(None),
            Err(refused) => Err(refused),
        };
        (due, heard)
    });
    let heard: Vec<_> = futures::stream::iter(asked).buffered(BESIDE).collect().await;
    let judged = |heard: Result<_, _>, due| heard.and_then(|heard| judge(due, heard, tools));
    heard.into_iter().map(|(due, heard)| (due, judged(heard, due).map(drop))).collect()
}

/// What Apple knows a file by that was opened and compared; nothing of another kind than VPP.
type Opened = Result<Option<Zeroizing<String>>, Refused>;

/// What became of a file that Intune should have already, and what speaks against it at Apple.
pub(super) type Looked<'v> = (&'v Verify, Result<Verdict, Refused>);

/// Asks about the VPP tokens that Intune should have already. Nothing is uploaded, so nothing is held: a
/// token that died is told.
pub(super) async fn look_all<'v>(
    opened: Vec<(&'v Verify, Opened)>,
    tools: &Tools<'_>,
) -> Vec<Looked<'v>> {
    let looked = opened.into_iter().map(|(verify, opened)| async move {
        let text = match opened {
            Ok(text) => text.filter(|_| tools.policy.check_with_apple != CheckWithApple::Off),
            Err(refused) => return (verify, Err(refused)),
        };
        let Some(text) = text else { return (verify, Ok(Verdict::default())) };
        let answer = tools.at_apple.apple.location(&text).await;
        let verdict = Asked {
            token: &verify.token,
            sha256: verify.file.sha256,
            past: tools.view.tenant(verify.tenant_id),
            before: Some(&verify.live),
            destination: None,
            policy: tools.policy,
            today: tools.judged_at().date_time().date_naive(),
        }
        .verdict(&answer);
        tools.at_apple.learn(&entry_of(verify, tools), verify.file.sha256, answer);
        (verify, Ok(verdict))
    });
    let mut looked: Vec<Looked<'_>> =
        futures::stream::iter(looked).buffered(BESIDE).collect().await;
    for (verify, looked) in &mut looked {
        if let Ok(verdict) = looked {
            tools.at_apple.compare(&entry_of(verify, tools), verdict);
        }
    }
    looked
}

fn entry_of<'v>(verify: &'v Verify, tools: &'v Tools<'_>) -> Entry<'v> {
    let past = tools.view.tenant(verify.tenant_id);
    Entry { tenant: &verify.name, token: &verify.token, past }
}

/// What followed from Apple's answer alone, and whether it was none.
struct Heard {
    verdict: Verdict,
    is_silent: bool,
}

/// Asks about a due upload; what is worth knowing of the answer, or why nothing is uploaded.
pub(super) async fn ask(
    due: &Due,
    ready: &Ready,
    tools: &Tools<'_>,
) -> Result<Vec<String>, Refused> {
    judge(due, hear(due, ready, tools).await, tools)
}

/// Asks about a due upload; `None` where nobody asks.
async fn hear(due: &Due, ready: &Ready, tools: &Tools<'_>) -> Option<Heard> {
    let file = due.file().filter(|_| due.kind() == Kind::Vpp)?;
    if tools.policy.check_with_apple == CheckWithApple::Off {
        return None;
    }
    let at_apple = tools.at_apple;
    let answer = at_apple.apple.location(ready.bearer()).await;
    let past = tools.view.tenant(due.tenant.tenant_id);
    let verdict = Asked {
        token: &due.token,
        sha256: file.sha256,
        past,
        before: due.before.as_ref(),
        destination: Some((&due.tenant, at_apple.bindings)),
        policy: tools.policy,
        today: tools.judged_at().date_time().date_naive(),
    }
    .verdict(&answer);
    let is_silent = matches!(answer, Answer::Unknown(_));
    let entry = Entry { tenant: &due.tenant.name, token: &due.token, past };
    at_apple.learn(&entry, file.sha256, answer);
    Some(Heard { verdict, is_silent })
}

/// What is worth knowing of an answer beside all others, or why nothing is uploaded.
fn judge(due: &Due, heard: Option<Heard>, tools: &Tools<'_>) -> Result<Vec<String>, Refused> {
    let Some(Heard { mut verdict, is_silent }) = heard else { return Ok(Vec::new()) };
    let past = tools.view.tenant(due.tenant.tenant_id);
    let entry = Entry { tenant: &due.tenant.name, token: &due.token, past };
    tools.at_apple.compare(&entry, &mut verdict);
    if verdict.holds.is_empty() {
        Ok(verdict.told().collect())
    } else if is_silent {
        Err(Refused::Unanswered(verdict))
    } else {
        Err(Refused::AtApple(verdict.holds))
    }
}
