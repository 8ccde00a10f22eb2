//! The way to Intune, on which things go wrong: every request passes here, and so does every answer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use applecart_io::intune::{Answer, NoAnswer, Request, Transport};
use applecart_io::seams::Clock;
use applecart_io::seams::testing::VirtualClock;
use applecart_simulator as simulated;
use applecart_simulator::{FaultRule, InProcess};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::pool::{TENANTS, tenant_id};
use crate::script::{Dice, Fault, Sort, Strike};
use crate::sight::{self, Sights};
use crate::witness::{Stage, Witness};

/// Longer than any client waits.
const FOR_EVER: Duration = Duration::from_secs(1200);

/// One run's way.
pub(crate) struct Wire {
    pub(crate) simulator: InProcess,
    /// What time it really is.
    pub(crate) clock: VirtualClock,
    /// What time the run's machine says it is.
    pub(crate) machine: Arc<dyn Clock>,
    pub(crate) run: String,
    pub(crate) strikes: Vec<Strike>,
    pub(crate) dice: Mutex<Dice>,
    pub(crate) counts: Mutex<[u64; 3]>,
    pub(crate) witness: Arc<Mutex<Witness>>,
}

/// A request as it is looked at here.
struct Asked {
    sort: Sort,
    method: String,
    path: String,
    tenant: Option<usize>,
    body: Vec<u8>,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let path = request.url.trim_start_matches(crate::pool::ORIGIN);
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let method = request.method.to_string();
        let sort = match () {
            () if path.ends_with("/oauth2/v2.0/token") => Sort::SignIn,
            () if method == "GET" || path.ends_with("/$batch") => Sort::Read,
            () => Sort::Write,
        };
        let bearer = request.headers.get("authorization").and_then(|value| value.to_str().ok());
        let claims = bearer.and_then(|bearer| {
            let claims = bearer.split('.').nth(1)?;
            serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
        });
        let id = claims.and_then(|claims| Some(claims.get("tid")?.as_str()?.to_owned()));
        let is = |tenant: &usize| {
            let own = tenant_id(*tenant).to_string();
            id.as_deref() == Some(own.as_str()) || path.starts_with(&format!("/{own}/"))
        };
        let tenant = (0..TENANTS).find(is);
        let body = request.body.as_ref().map(|body| body.to_vec()).unwrap_or_default();
        Self { sort, method, path, tenant, body }
    }

    /// The same in every process: ids that Intune makes are not in it.
    fn shown(&self) -> String {
        let parts = self.path.split('/').map(|part| match part.len() {
            36 => "…",
            _ => part,
        });
        let path = parts.collect::<Vec<_>>().join("/");
        let tenant = self.tenant.map(|tenant| tenant.to_string()).unwrap_or_default();
        format!("{} {path} of {tenant}", self.method)
    }
}

impl Wire {
    fn witness(&self) -> std::sync::MutexGuard<'_, Witness> {
        self.witness.lock().unwrap()
    }

    /// What goes wrong with this request.
    fn struck(&self, sort: Sort) -> Option<Fault> {
        let mut counts = self.counts.lock().unwrap();
        let count = counts.get_mut(sort as usize).expect("three sorts");
        let nth = *count;
        *count += 1;
        let mut strikes = self.strikes.iter().filter(|one| one.sort == sort);
        let hit = strikes.find(|one| one.nth == nth || (one.lasts && one.nth < nth));
        hit.map(|one| one.fault)
    }

    fn pause(&self) -> Duration {
        let mut dice = self.dice.lock().unwrap();
        let slow = if dice.percent(4) { 9000 } else { 300 };
        Duration::from_millis(5 + dice.below(slow))
    }

    /// Through the simulator's own routes. Nothing is waited for in there.
    async fn asks(&self, request: &Request, rule: Option<FaultRule>) -> Result<Answer, NoAnswer> {
        let state = self.simulator.state();
        state.set_clock(Some(self.clock.now().date_time()));
        let struck = rule.is_some();
        if let Some(rule) = rule {
            state.add_fault(rule);
        }
        let mut asked = axum::http::Request::builder()
            .method(request.method.clone())
            .uri(&request.url)
            .body(request.body.clone().unwrap_or_default())
            .map_err(|error| NoAnswer::Unmade { cause: error.to_string() })?;
        *asked.headers_mut() = request.headers.clone();
        let answer = self.simulator.handle(asked).await;
        if struck {
            state.clear_faults();
        }
        let gone = || NoAnswer::Silence { cause: "it is gone".to_owned() };
        let (head, body) = answer.ok_or_else(gone)?.into_parts();
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.to_vec(),
            received: self.machine.now(),
        })
    }

    /// Lets it arrive, and writes down what came of it.
    async fn arrives(
        &self,
        asked: &Asked,
        request: &Request,
        rule: Option<FaultRule>,
    ) -> Result<Answer, NoAnswer> {
        let is_done = rule.is_none();
        let (real, machine) = (self.clock.now().date_time(), self.machine.now().date_time());
        let sent = (asked.sort == Sort::Write).then(|| {
            let text = String::from_utf8_lossy(&asked.body).into_owned();
            let mut witness = self.witness();
            witness.stage(&self.run, Stage::Sent);
            if is_done {
                witness.arrives(&self.run, asked.tenant, &text, (real, machine))
            } else {
                None
            }
        });
        let answer = self.asks(request, rule).await;
        if let (Some(Some(sent)), Ok(answer)) = (sent, &answer) {
            let state = self.simulator.state();
            let tenant = asked.tenant.and_then(|tenant| state.tenant(tenant_id(tenant)));
            self.witness().arrived(sent, answer.status, tenant.as_ref());
        }
        answer
    }

    /// Intune says that it took it, and has what it had before.
    async fn swallowed(&self, asked: &Asked, request: &Request) -> Result<Answer, NoAnswer> {
        let state = self.simulator.state();
        let id = asked.tenant.map(tenant_id);
        let before = id.and_then(|id| state.tenant(id));
        let answer = self.arrives(asked, request, None).await;
        if let (Some(id), Some(before)) = (id, before) {
            let back = |tenant: &mut simulated::Tenant| {
                *tenant = before;
                Ok::<_, simulated::StateError>(())
            };
            state.change(id, back).expect("a tenant that is there");
        }
        answer
    }

    fn old(&self, asked: &Asked, new: Answer) -> Answer {
        let key = format!("{} {}", asked.shown(), String::from_utf8_lossy(&asked.body));
        let now = sight::of(&asked.path, &asked.body, new.status, &new.body);
        let old = self.witness().earlier(&key, &now);
        match old {
            Some((status, body)) => Answer { status, body, ..new },
            None => new,
        }
    }

    fn keep(&self, asked: &Asked, answer: &Answer) {
        let key = format!("{} {}", asked.shown(), String::from_utf8_lossy(&asked.body));
        let seen = sight::of(&asked.path, &asked.body, answer.status, &answer.body);
        self.witness().keep(key, (answer.status, answer.body.clone(), seen));
    }

    async fn carried(
        &self,
        asked: &Asked,
        request: &Request,
        fault: Option<Fault>,
    ) -> Result<Answer, NoAnswer> {
        let patience = request.timeout.min(FOR_EVER);
        let silent = || NoAnswer::Silence { cause: "the connection was closed".to_owned() };
        match fault {
            Some(Fault::NoConnection) => {
                Err(NoAnswer::NoConnection { cause: "refused".to_owned() })
            }
            Some(Fault::Silence) => Err(silent()),
            Some(Fault::Hangs) => {
                self.clock.sleep(patience).await;
                Err(NoAnswer::TimedOut)
            }
            Some(Fault::Throttled) => {
                let retry_after = Some(simulated::RetryAfter::Seconds(7));
                let rule = FaultRule::always(simulated::Fault::Throttle { retry_after });
                self.arrives(asked, request, Some(rule)).await
            }
            Some(Fault::Status(status)) => {
                let rule = FaultRule::always(simulated::Fault::status(status));
                self.arrives(asked, request, Some(rule)).await
            }
            Some(Fault::Lost) => {
                let _ = self.arrives(asked, request, None).await;
                self.clock.sleep(self.pause()).await;
                Err(silent())
            }
            Some(Fault::BrokeOff) => {
                let _ = self.arrives(asked, request, None).await;
                Err(NoAnswer::BrokeOff)
            }
            Some(Fault::Doubled) => {
                let first = self.arrives(asked, request, None).await;
                // The second one is no doing of this program's.
                let _ = self.asks(request, None).await;
                first
            }
            Some(Fault::Nonsense) => {
                let answer = self.arrives(asked, request, None).await?;
                Ok(Answer { body: b"<html>Sign in</html>".to_vec(), ..answer })
            }
            Some(Fault::Stale) if asked.sort == Sort::Read => {
                let answer = self.arrives(asked, request, None).await?;
                Ok(self.old(asked, answer))
            }
            Some(Fault::Late(late)) if late >= patience => {
                let _ = self.arrives(asked, request, None).await;
                self.clock.sleep(patience).await;
                Err(NoAnswer::TimedOut)
            }
            Some(Fault::Late(late)) => {
                self.clock.sleep(late).await;
                self.arrives(asked, request, None).await
            }
            Some(Fault::Paused(time)) => {
                self.clock.sleep(time).await;
                self.arrives(asked, request, None).await
            }
            Some(Fault::Swallowed) if asked.sort == Sort::Write => {
                self.swallowed(asked, request).await
            }
            Some(Fault::Stale | Fault::Swallowed) | None => {
                self.arrives(asked, request, None).await
            }
        }
    }
}

#[async_trait::async_trait]
impl Transport for Wire {
    async fn send(&self, request: Request) -> Result<Answer, NoAnswer> {
        let asked = Asked::of(&request);
        let fault = self.struck(asked.sort);
        self.clock.sleep(self.pause()).await;
        let answer = self.carried(&asked, &request, fault).await;
        self.clock.sleep(self.pause()).await;
        let seen: Sights = match &answer {
            Ok(answer) if asked.sort == Sort::Read => {
                if fault.is_none() {
                    self.keep(&asked, answer);
                }
                sight::of(&asked.path, &asked.body, answer.status, &answer.body)
            }
            _ => Sights::new(),
        };
        let answered = match &answer {
            Ok(answer) => answer.status.to_string(),
            Err(error) => format!("{error:?}"),
        };
        let at = self.clock.now().date_time();
        let mut witness = self.witness();
        let fault = fault.map(|fault| {
            witness.reach(format!("fault:{}", named(fault)));
            format!(" [{fault:?}]")
        });
        witness.note(
            &self.run,
            &format!("{} → {answered}{}", asked.shown(), fault.unwrap_or_default()),
        );
        let stage = match asked.sort {
            Sort::Write if answer.is_ok() => Stage::Answered,
            Sort::Write => Stage::Sent,
            Sort::Read | Sort::SignIn => Stage::Read,
        };
        witness.stage(&self.run, stage);
        if let Some(tenant) = asked.tenant {
            witness.saw(&self.run, tenant, seen, at);
        }
        drop(witness);
        answer
    }
}

fn named(fault: Fault) -> String {
    let text = format!("{fault:?}").to_lowercase();
    text.split('(').next().unwrap_or_default().to_owned()
}
