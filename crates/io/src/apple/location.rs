//! Whether a VPP token works at Apple, and whose it is.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex;

use super::Apple;
use super::get::{Get, Host};
use applecart_core::apple::location::{self, Answer};
use applecart_core::model::Sha256;

/// An answer has under a kilobyte.
const MAX_ANSWER: usize = 64 << 10;
/// How often Apple is asked about one token where it is busy.
const ATTEMPTS: u32 = 3;
/// How long is waited where it does not say so, doubled from attempt to attempt.
const WAIT: Duration = Duration::from_secs(1);
/// The longest that Apple is waited for when it asks to be; more, and the token stays unknown.
const LONGEST: Duration = Duration::from_secs(30);
/// How long an answer is good for in a run that opens a file more than once.
const FRESH: Duration = Duration::from_secs(600);

type Asked = Arc<Mutex<Option<(Duration, Answer)>>>;

/// What was answered in this run, by the digest of the token's text.
#[derive(Default)]
pub(super) struct Answers(std::sync::Mutex<BTreeMap<Sha256, Asked>>);

impl Answers {
    fn of(&self, token: &str) -> Asked {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(Sha256::of(token.as_bytes())).or_default())
    }
}

impl Apple {
    /// What Apple says of a VPP token, by its whole text. Asked once in ten minutes, whoever wants to know.
    pub async fn location(&self, token: &str) -> Answer {
        let asked = self.answers.of(token);
        let mut asked = asked.lock().await;
        let now = self.clock.elapsed();
        if let Some((at, answer)) = &*asked
            && now.saturating_sub(*at) < FRESH
        {
            return answer.clone();
        }
        let answer = self.ask(token).await;
        *asked = Some((self.clock.elapsed(), answer.clone()));
        answer
    }

    async fn ask(&self, token: &str) -> Answer {
        let (host, path) = (Host::Vpp, "/mdm/v2/client/config");
        let get = Get { host, path, bearer: Some(token), limit: MAX_ANSWER };
        let mut attempt = 1;
        loop {
            let told = match self.get(&get).await {
                Ok(told) => told,
                Err(silence) => return Answer::Unknown(silence),
            };
            let answer = location::read(told.status, &told.body, token);
            let is_passing = matches!(&answer, Answer::Unknown(silence) if silence.is_passing());
            let wait = told.retry_after.unwrap_or(WAIT * 2_u32.pow(attempt - 1));
            if !is_passing || attempt == ATTEMPTS || wait > LONGEST {
                return answer;
            }
            // Whoever asks too often is too much for it, whichever token comes next.
            self.leave_alone(wait);
            attempt += 1;
        }
    }
}
