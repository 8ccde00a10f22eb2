//! Who watches. It knows what arrived at Intune, what every run was shown, and what the ledger's
//! remote has, and says when a promise is broken. It shares no code with the program.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use applecart_simulator::Tenant;
use chrono::{DateTime, Duration, Utc};

use crate::fleet::{Declared, Main};
use crate::ledger::{self, Line};
use crate::pool::{Pool, Slot, TENANTS, tenant_id};
use crate::sight::{self, Shown, Sights};

/// How long Intune may take to show what is not a certificate.
const SETTLE: i64 = 30;

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Begun,
    Read,
    Announced,
    Sent,
    Answered,
    ReadBack,
}

impl Stage {
    pub(crate) const ALL: [Self; 6] =
        [Self::Begun, Self::Read, Self::Announced, Self::Sent, Self::Answered, Self::ReadBack];
}

/// A credential that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) at: DateTime<Utc>,
    pub(crate) tenant: usize,
    /// In the pool.
    pub(crate) credential: usize,
    /// What Intune had directly afterwards, where it took it.
    pub(crate) landed: Option<Shown>,
}

#[derive(Clone, Debug)]
struct Sight {
    run: String,
    at: DateTime<Utc>,
    tenant: usize,
    slot: Slot,
    shown: Option<Shown>,
}

type Kept = (u16, Vec<u8>, Sights);

pub(crate) struct Witness {
    pub(crate) pool: Arc<Pool>,
    pub(crate) clock: applecart_io::seams::testing::VirtualClock,
    pub(crate) journal: Vec<String>,
    pub(crate) broken: Vec<String>,
    pub(crate) reached: BTreeSet<String>,
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) main: Vec<Main>,
    /// Every line that the remote has, by tenant.
    pub(crate) ledger: Vec<Vec<Line>>,
    /// Tokens whose files the last apply refused.
    pub(crate) refused: BTreeSet<(String, String)>,
    sights: Vec<Sight>,
    runs: BTreeMap<String, usize>,
    alive: BTreeSet<String>,
    /// How many lines of each tenant the remote had when a run began.
    had: BTreeMap<String, Vec<usize>>,
    stages: BTreeMap<String, Stage>,
    kept: BTreeMap<String, Vec<Kept>>,
}

impl Witness {
    pub(crate) fn new(pool: Arc<Pool>, clock: applecart_io::seams::testing::VirtualClock) -> Self {
        Self {
            pool,
            clock,
            journal: Vec::new(),
            broken: Vec::new(),
            reached: BTreeSet::new(),
            arrivals: Vec::new(),
            main: Vec::new(),
            ledger: vec![Vec::new(); TENANTS],
            refused: BTreeSet::new(),
            sights: Vec::new(),
            runs: BTreeMap::new(),
            alive: BTreeSet::new(),
            had: BTreeMap::new(),
            stages: BTreeMap::new(),
            kept: BTreeMap::new(),
        }
    }

    pub(crate) fn begins(&mut self, run: &str) -> usize {
        let number = self.runs.len() + 1;
        self.runs.insert(run.to_owned(), number);
        self.alive.insert(run.to_owned());
        self.had.insert(run.to_owned(), self.ledger.iter().map(Vec::len).collect());
        self.stages.insert(run.to_owned(), Stage::Begun);
        number
    }

    pub(crate) fn ends(&mut self, run: &str) {
        self.alive.remove(run);
    }

    pub(crate) fn dies(&mut self, run: &str) {
        self.ends(run);
        if let Some(stage) = self.stages.get(run) {
            self.reach(format!("crash:{stage:?}").to_lowercase());
        }
        self.note(run, "dies");
    }

    pub(crate) fn reach(&mut self, what: String) {
        self.reached.insert(what);
    }

    pub(crate) fn stage(&mut self, run: &str, stage: Stage) {
        let stages = &mut self.stages;
        let now = stages.get(run).copied().unwrap_or(Stage::Begun);
        let stage =
            if stage == Stage::Read && now >= Stage::Answered { Stage::ReadBack } else { stage };
        stages.insert(run.to_owned(), now.max(stage));
    }

    pub(crate) fn note(&mut self, run: &str, what: &str) {
        use applecart_io::seams::Clock as _;
        let at = self.clock.elapsed().as_millis();
        let who = match self.runs.get(run) {
            Some(number) => format!("run {number}"),
            None => run.to_owned(),
        };
        self.journal.push(format!("{}.{:03} {who}: {what}", at / 1000, at % 1000));
    }

    pub(crate) fn breaks(&mut self, what: String) {
        self.note("broken", &what);
        self.broken.push(what);
    }

    pub(crate) fn keep(&mut self, key: String, answer: Kept) {
        let kept = self.kept.entry(key).or_default();
        if kept.last().is_none_or(|last| last.2 != answer.2) {
            kept.push(answer);
        }
    }

    /// The last answer to the same request that showed something else.
    pub(crate) fn earlier(&self, key: &str, now: &Sights) -> Option<(u16, Vec<u8>)> {
        let kept = self.kept.get(key)?;
        let (status, body, _) = kept.iter().rev().find(|(_, _, seen)| seen != now)?;
        Some((*status, body.clone()))
    }

    pub(crate) fn saw(&mut self, run: &str, tenant: usize, seen: Sights, at: DateTime<Utc>) {
        for (slot, shown) in seen {
            self.sights.push(Sight { run: run.to_owned(), at, tenant, slot, shown });
        }
    }

    /// What a run was shown last.
    pub(crate) fn last(&self, run: &str, tenant: usize, slot: Slot) -> Option<&Option<Shown>> {
        let is_it = |one: &&Sight| one.run == run && one.tenant == tenant && one.slot == slot;
        self.sights.iter().rev().find(is_it).map(|one| &one.shown)
    }

    /// New lines at the remote. Nothing that was there may be gone or other.
    pub(crate) fn ledger_moved(
        &mut self,
        run: &str,
        before: &BTreeMap<String, Vec<u8>>,
        after: &BTreeMap<String, Vec<u8>>,
    ) {
        for (tenant, old) in before {
            if !after.get(tenant).is_some_and(|new| new.starts_with(old)) {
                self.breaks(format!("the ledger of {tenant} lost lines"));
            }
        }
        for (id, bytes) in after {
            if before.get(id) == Some(bytes) {
                continue;
            }
            let Some(tenant) = (0..TENANTS).find(|one| tenant_id(*one).to_string() == *id) else {
                self.breaks(format!("the ledger has a file of nobody: {id}"));
                continue;
            };
            match ledger::chain(bytes) {
                Ok(lines) => self.learns(run, tenant, lines),
                Err(why) => self.breaks(format!("the chain of tenant {tenant} is broken: {why}")),
            }
        }
    }

    fn learns(&mut self, run: &str, tenant: usize, lines: Vec<Line>) {
        let known = self.ledger.get(tenant).map_or(0, Vec::len);
        for line in lines.iter().skip(known) {
            let pool = Arc::clone(&self.pool);
            let file = pool.names.get(line.text("sha256")).map(String::as_str).unwrap_or("no file");
            let told =
                format!("ledger of {tenant}: {} {} {file}", line.event(), line.of_token("kind"));
            self.note(line.text("run"), &told);
            self.reach(format!("event:{}", line.event()));
            if !line.failure().is_empty() {
                self.reach(format!("failure:{}", line.failure()));
            }
            if line.event() == "intended" {
                self.stage(run, Stage::Announced);
            }
            if line.event() == "applied" {
                self.must_have_arrived(tenant, line);
            }
        }
        if let Some(of_tenant) = self.ledger.get_mut(tenant) {
            *of_tenant = lines;
        }
    }

    /// What the ledger says was applied, Intune took.
    fn must_have_arrived(&mut self, tenant: usize, line: &Line) {
        let sha256 = line.text("sha256");
        if sha256.is_empty() {
            return;
        }
        let pool = Arc::clone(&self.pool);
        let is_it = |arrival: &Arrival| {
            let credential = pool.credentials.get(arrival.credential);
            arrival.tenant == tenant && credential.is_some_and(|one| one.sha256 == sha256)
        };
        if !self.arrivals.iter().any(is_it) {
            self.breaks(format!("tenant {tenant}: applied in the ledger, and never arrived"));
        }
    }

    fn lines_of(&self, tenant: usize, slot: Slot) -> impl Iterator<Item = &Line> {
        let is_it = move |line: &&Line| {
            let is_paris = line.of_token("name") == "Paris";
            line.of_token("kind") == slot.kind()
                && (slot.kind() != "vpp" || is_paris == (slot == Slot::Paris))
        };
        self.ledger.get(tenant).into_iter().flatten().filter(is_it)
    }

    /// A write is about to arrive: whether it may.
    pub(crate) fn arrives(
        &mut self,
        run: &str,
        tenant: Option<usize>,
        body: &str,
        (now, machine): (DateTime<Utc>, DateTime<Utc>),
    ) -> Option<Arrival> {
        let pool = Arc::clone(&self.pool);
        let plain = body.replace("\\n", "").replace("\\r", "");
        let credential = pool.credentials.iter().position(|one| plain.contains(&one.wire));
        let Some(tenant) = tenant else {
            self.breaks("something was sent to nobody".to_owned());
            return None;
        };
        let Some(number) = credential else {
            if ["\"certificate\"", "\"depToken\"", "\"token\""]
                .iter()
                .any(|name| body.contains(name))
            {
                self.breaks(format!("tenant {tenant}: a credential was sent that nobody declared"));
            }
            return None;
        };
        let sent = pool.credentials.get(number)?;
        let mut faults = Vec::new();
        if sent.owner != tenant && self.could_tell(run, number) {
            faults.push("it is another tenant's");
        }
        if sent.expires <= now {
            faults.push("it is dead");
        }
        if matches!(sent.role, "kind" | "facts") {
            faults.push("it is not what was reviewed");
        }
        if sent.role == "future" && now < crate::pool::start() + Duration::days(34) {
            faults.push("it is not valid yet");
        }
        if !self.is_in_force(tenant, number, now) {
            faults.push("the base does not say so");
        }
        match self.last(run, tenant, sent.slot) {
            None => faults.push("the run did not look before"),
            Some(Some(shown)) => {
                if sent.slot != Slot::Abm && sent.expires < shown.expires {
                    faults.push("what the run saw in Intune ends later");
                }
                if sent.topic.is_some()
                    && sent.topic != shown.topic
                    && !self.is_allowed(tenant, sent.slot)
                {
                    faults.push("its topic is another one");
                }
            }
            Some(None) => {}
        }
        faults.extend(self.faults_of_record(run, tenant, number, (now, machine)));
        faults.extend(self.faults_of_repeating(tenant, number));
        for fault in faults {
            self.breaks(format!("{} was sent to tenant {tenant}: {fault}", sent.name));
        }
        self.note(run, &format!("sends {} to tenant {tenant}", sent.name));
        Some(Arrival { at: now, tenant, credential: number, landed: None })
    }

    /// Whether anything said whose a credential is before the run began: its owner's entry in the base,
    /// or what the ledger says that its owner had. Of a certificate nothing else does where the tenant
    /// has none itself.
    fn could_tell(&self, run: &str, credential: usize) -> bool {
        let Some(sent) = self.pool.credentials.get(credential) else { return true };
        if sent.slot != Slot::Push {
            return true;
        }
        let had =
            self.had.get(run).and_then(|had| had.get(sent.owner)).copied().unwrap_or_default();
        let lines = self.ledger.get(sent.owner).into_iter().flatten().take(had);
        let is_recorded = lines.into_iter().any(|line| line.of_token("kind") == "push");
        // Who states a topic first has it.
        let states = |declared: &Declared| {
            let file = declared.slots.get(&Slot::Push).and_then(Option::as_ref);
            file.is_some_and(|file| file.topic == sent.topic)
        };
        let first = self.main.iter().find_map(|main| main.tenants.iter().position(states));
        let is_stated = first == Some(sent.owner);
        is_recorded || is_stated
    }

    pub(crate) fn arrived(&mut self, mut sent: Arrival, status: u16, tenant: Option<&Tenant>) {
        let slot = self.pool.credentials.get(sent.credential).map(|one| one.slot);
        if (200..300).contains(&status) {
            sent.landed = slot.zip(tenant).and_then(|(slot, tenant)| sight::truth(tenant, slot));
            self.arrivals.push(sent);
        }
    }

    /// What the base said within the last minute, or says now.
    fn is_in_force(&self, tenant: usize, credential: usize, now: DateTime<Utc>) -> bool {
        let pool = &self.pool;
        let Some(sent) = pool.credentials.get(credential) else { return false };
        let since = now - Duration::seconds(90);
        let ends = self.main.iter().skip(1).map(|main| main.at).chain([now + Duration::days(1)]);
        self.main.iter().zip(ends).any(|(main, end)| {
            let says = main.tenants.get(tenant).is_some_and(|declared| {
                let file = declared.slots.get(&sent.slot).and_then(Option::as_ref);
                !declared.suspended && file.is_some_and(|file| file.sha256 == sent.sha256)
            });
            says && end >= since
        })
    }

    fn is_allowed(&self, tenant: usize, slot: Slot) -> bool {
        self.main.iter().rev().take(3).any(|main| {
            main.tenants.get(tenant).is_some_and(|one| one.allowed.get(&slot) == Some(&true))
        })
    }

    /// Whether the ledger's remote lets this run write to the token at this moment.
    fn faults_of_record(
        &self,
        run: &str,
        tenant: usize,
        credential: usize,
        (now, machine): (DateTime<Utc>, DateTime<Utc>),
    ) -> Vec<&'static str> {
        let mut faults = Vec::new();
        let Some(sent) = self.pool.credentials.get(credential) else { return faults };
        let lines: Vec<&Line> = self.lines_of(tenant, sent.slot).collect();
        let mine = |line: &Line| line.text("run") == run && line.event() == "intended";
        let own = lines.iter().rposition(|line| mine(line) && line.text("sha256") == sent.sha256);
        let Some(own) = own else { return vec!["it was not announced"] };
        let lease = lines.get(own).and_then(|line| line.time("leaseUntil"));
        if lease.is_none_or(|until| until <= machine) {
            faults.push("its lease was over");
        }
        let first = lines.iter().position(|line| mine(line)).unwrap_or(own);
        for (at, other) in lines.iter().enumerate().take(first) {
            let theirs = other.text("run");
            let ended = lines.iter().skip(at + 1).any(|line| {
                line.text("run") == theirs && !matches!(line.event(), "intended" | "applied")
            });
            let is_open = other.event() == "intended" && theirs != run && !ended;
            // Their next intent may hold a lease longer.
            let until = lines.iter().filter(|line| line.text("run") == theirs);
            let until = until.filter_map(|line| line.time("leaseUntil")).max();
            if is_open && self.alive.contains(theirs) && until.is_some_and(|until| until > now) {
                faults.push("another run was first, and it lives");
            }
        }
        let proved =
            |line: &&Line| line.event() == "confirmed" && line.text("sha256") == sent.sha256;
        if lines.iter().any(proved) {
            faults.push("it was confirmed before");
        }
        faults
    }

    /// Whether a read since the last time showed that it had not landed, after the settling time.
    fn faults_of_repeating(&self, tenant: usize, credential: usize) -> Vec<&'static str> {
        let Some(sent) = self.pool.credentials.get(credential) else { return Vec::new() };
        let is_same = |one: &&Arrival| one.tenant == tenant && one.credential == credential;
        let Some(last) = self.arrivals.iter().rev().find(is_same) else { return Vec::new() };
        let settle = if sent.slot == Slot::Push { 0 } else { SETTLE - 12 };
        let from = last.at + Duration::minutes(settle);
        let shows_other = |sight: &Sight| {
            sight.tenant == tenant
                && sight.slot == sent.slot
                && sight.at >= from
                && sight.shown != last.landed
        };
        match self.sights.iter().any(shows_other) {
            true => Vec::new(),
            false => vec!["it had arrived before, and no read showed that it had not landed"],
        }
    }

    /// A run says that nothing is wrong: then what it was shown is what Git says, or it is on its way.
    pub(crate) fn says_green(&mut self, run: &str, main: &Main, now: DateTime<Utc>) {
        let pool = Arc::clone(&self.pool);
        let mut faults = Vec::new();
        for (tenant, declared) in main.tenants.iter().enumerate().filter(|(_, one)| !one.suspended)
        {
            for (slot, file) in &declared.slots {
                let Some(file) = file else { continue };
                let shown = self.last(run, tenant, *slot);
                let Some(shown) = shown else {
                    faults.push(format!("{} was not looked at", file.name));
                    continue;
                };
                let is_there = match (slot, shown) {
                    (_, None) => false,
                    (Slot::Push, Some(shown)) => {
                        shown.serial == file.serial && shown.topic == file.topic
                    }
                    (Slot::Abm, Some(_)) => {
                        let of = |one: &&Arrival| pool.credentials.get(one.credential);
                        self.arrivals.iter().any(|one| {
                            one.tenant == tenant
                                && of(&one).is_some_and(|of| of.sha256 == file.sha256)
                        })
                    }
                    (_, Some(shown)) => shown.expires == file.expires,
                };
                let since = now - Duration::minutes(SETTLE + 25);
                let is_on_its_way = self.lines_of(tenant, *slot).any(|line| {
                    matches!(line.event(), "intended" | "applied")
                        && line.time("at").is_some_and(|at| at >= since)
                });
                if !is_there && !is_on_its_way {
                    faults.push(format!("{} is not what tenant {tenant} has", file.name));
                }
            }
        }
        for fault in faults {
            self.breaks(format!("green, and {fault}"));
        }
    }

    /// At the end, when everything had its time: nothing is open, and nothing that arrived is unknown.
    pub(crate) fn must_be_whole(&mut self, own: &[BTreeMap<String, Vec<u8>>]) {
        let mut faults = Vec::new();
        let theirs: BTreeSet<String> = self.ledger.iter().flatten().map(Line::essence).collect();
        for files in own {
            for bytes in files.values() {
                for line in ledger::chain(bytes).into_iter().flatten() {
                    if !theirs.contains(&line.essence()) {
                        let run = self.runs.get(line.text("run")).copied().unwrap_or_default();
                        faults.push(format!("a line `{}` of run {run} was lost", line.event()));
                    }
                }
            }
        }
        let pool = Arc::clone(&self.pool);
        for arrival in &self.arrivals {
            let Some(sent) = pool.credentials.get(arrival.credential) else { continue };
            let of_file = |line: &&Line| line.text("sha256") == sent.sha256;
            let lines = self.lines_of(arrival.tenant, sent.slot);
            let last = lines.filter(of_file).last();
            if last.is_none_or(|line| line.event() == "intended") {
                faults.push(format!(
                    "{} arrived at tenant {}, and the ledger does not say what became of it",
                    sent.name, arrival.tenant
                ));
            }
        }
        for fault in faults {
            self.breaks(fault);
        }
    }
}
