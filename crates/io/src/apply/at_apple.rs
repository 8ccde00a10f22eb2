//! Apple, asked about the VPP tokens that are about to be uploaded. The file is open anyway; a plan, which
//! opens none, asks nobody.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures::StreamExt as _;
use zeroize::Zeroizing;

use super::files::{Ready, Refused};
use super::tools::Tools;
use crate::apple::Apple;
use applecart_core::apple::location::{Answer, Location};
use applecart_core::fleet::CheckWithApple;
use applecart_core::model::{Kind, Sha256};
use applecart_core::plan::{Due, Verify};
use applecart_core::rules::at_apple::{Asked, Verdict};
use applecart_core::rules::bindings::Bindings;

/// So many tokens are asked about at once; the pace is [`Apple`]'s.
const BESIDE: usize = 8;

/// The way to Apple, and what it said in this run.
pub struct AtApple<'a> {
    apple: &'a Apple,
    /// Whose each location is.
    bindings: &'a Bindings<'a>,
    /// What it said of each file, by the SHA-256 of the opened file.
    said: Mutex<BTreeMap<Sha256, Answer>>,
}

impl<'a> AtApple<'a> {
    pub fn new(apple: &'a Apple, bindings: &'a Bindings<'a>) -> Self {
        Self { apple, bindings, said: Mutex::default() }
    }

    fn learn(&self, sha256: Sha256, answer: Answer) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).insert(sha256, answer);
    }

    /// What Apple said of each file that it was asked about in this run.
    pub fn said(self) -> BTreeMap<Sha256, Answer> {
        self.said.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The location of a file that Apple was asked about.
    pub(super) fn location(&self, sha256: Sha256) -> Option<Location> {
        match self.said.lock().unwrap_or_else(PoisonError::into_inner).get(&sha256)? {
            Answer::Alive(location) => Some(location.clone()),
            Answer::Dead(_) | Answer::Unknown(_) => None,
        }
    }
}

/// Asks about every file that was judged and is a VPP token's.
pub(super) async fn ask_all<'d>(
    judged: Vec<(&'d Due, Result<Option<Ready>, Refused>)>,
    tools: &Tools<'_>,
) -> Vec<(&'d Due, Result<(), Refused>)> {
    let asked = judged.into_iter().map(|(due, judged)| async move {
        let ready = match judged {
            Ok(Some(ready)) => ready,
            Ok(None) => return (due, Ok(())),
            Err(refused) => return (due, Err(refused)),
        };
        (due, ask(due, &ready, tools).await.map(drop))
    });
    futures::stream::iter(asked).buffered(BESIDE).collect().await
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
        tools.at_apple.learn(verify.file.sha256, answer);
        (verify, Ok(verdict))
    });
    futures::stream::iter(looked).buffered(BESIDE).collect().await
}

/// Asks about a due upload; what is worth knowing of the answer, or why nothing is uploaded.
pub(super) async fn ask(
    due: &Due,
    ready: &Ready,
    tools: &Tools<'_>,
) -> Result<Vec<String>, Refused> {
    let file = due.file().filter(|_| due.kind() == Kind::Vpp);
    let Some(file) = file.filter(|_| tools.policy.check_with_apple != CheckWithApple::Off) else {
        return Ok(Vec::new());
    };
    let at_apple = tools.at_apple;
    let answer = at_apple.apple.location(ready.bearer()).await;
    let verdict = Asked {
        token: &due.token,
        sha256: file.sha256,
        past: tools.view.tenant(due.tenant.tenant_id),
        before: due.before.as_ref(),
        destination: Some((&due.tenant, at_apple.bindings)),
        policy: tools.policy,
        today: tools.judged_at().date_time().date_naive(),
    }
    .verdict(&answer);
    let is_silent = matches!(answer, Answer::Unknown(_));
    at_apple.learn(file.sha256, answer);
    if verdict.holds.is_empty() {
        Ok(verdict.told().collect())
    } else if is_silent {
        Err(Refused::Unanswered(verdict))
    } else {
        Err(Refused::AtApple(verdict.holds))
    }
}
