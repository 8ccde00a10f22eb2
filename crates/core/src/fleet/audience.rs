//! Who is told of whom: sinks whose `select` fits nobody, customers whom nobody writes to, and tenants of
//! which no sink is told.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::{Code, Diagnostic};
use super::document::{File, Node, Value};
use super::load::{Desired, FLEET_FILE};
use super::notify::SinkPolicy;
use super::selection::Selection;
use super::source::{FileBytes, Source};
use super::tenant::Tenant;
use super::text::quote;
use crate::attention::{Cause, Severity};
use crate::model::nearest;
use crate::outlets::steps::HERE;
use crate::report::names_in_line;

/// So many tenants are named in one sentence.
const NAMED: usize = 10;
/// So many codes are.
const CODES: usize = 4;

/// What the settings say that tells nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence<'a> {
    /// Expressions of a sink's `select` that fit no tenant, by their places.
    Unmatched { sink: &'a SinkPolicy, places: Vec<usize> },
    /// A sink writes to customers, and these tenants name no contacts.
    NoContacts { sink: &'a SinkPolicy, tenants: Vec<&'a Tenant> },
    /// No sink is told of these tenants.
    NoSink { tenants: Vec<&'a Tenant> },
    /// No sink is told of what is urgent and has these codes, of these tenants.
    NoCodes { tenants: Vec<&'a Tenant>, codes: Vec<&'static str> },
}

impl Silence<'_> {
    /// The sink that it is about; `None` where it is about all of them.
    pub fn sink(&self) -> Option<&str> {
        match self {
            Self::Unmatched { sink, .. } | Self::NoContacts { sink, .. } => Some(&sink.name),
            Self::NoSink { .. } | Self::NoCodes { .. } => None,
        }
    }

    /// In a sentence.
    pub fn told(&self) -> String {
        match self {
            Self::Unmatched { sink, places } => {
                let all = places.iter().filter_map(|place| sink.select.get(*place));
                let all: Vec<String> = all.map(|text| quote(text)).collect();
                format!("No tenant is selected by {}.", all.join(", "))
            }
            Self::NoContacts { tenants, .. } => {
                let names = names(tenants);
                format!("It writes to customers, and no `contacts` are named by {names}.")
            }
            Self::NoSink { tenants } => format!("No sink is told of {}.", names(tenants)),
            Self::NoCodes { tenants, codes } => format!(
                "What is urgent is told at no sink of {} where its code is {}.",
                names(tenants),
                names_in_line(codes, CODES)
            ),
        }
    }
}

fn names(tenants: &[&Tenant]) -> String {
    let names: Vec<&str> = tenants.iter().take(NAMED).map(|tenant| tenant.name.as_str()).collect();
    match tenants.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// Everything that tells nobody, sink by sink. A fleet without tenants has nobody to tell of.
pub fn silences<'a>(sinks: &'a [SinkPolicy], fleet: &'a [Desired]) -> Vec<Silence<'a>> {
    let mut found = Vec::new();
    if fleet.is_empty() {
        return found;
    }
    // The settings were checked when they were read; what they cannot select is selected by none.
    let selection = |sink: &SinkPolicy| Selection::parse(&sink.select).unwrap_or_default();
    let tenants = || fleet.iter().filter_map(Desired::valid);
    for sink in sinks {
        let selection = selection(sink);
        let places = selection.unmatched_places(fleet);
        if !places.is_empty() {
            found.push(Silence::Unmatched { sink, places });
        }
        let is_silent = |tenant: &&Tenant| selection.matches(tenant) && tenant.contacts.is_empty();
        let silent: Vec<_> =
            tenants().filter(|_| sink.writes_to_customers()).filter(is_silent).collect();
        if !silent.is_empty() {
            found.push(Silence::NoContacts { sink, tenants: silent });
        }
    }
    let provider: Vec<(&SinkPolicy, Selection)> = sinks
        .iter()
        .filter(|sink| !sink.writes_to_customers())
        .map(|sink| (sink, selection(sink)))
        .collect();
    // Where all sinks write to customers, the provider is told of nobody on purpose.
    if !provider.is_empty() {
        found.extend(unheard(&provider, tenants()));
    }
    found
}

/// The tenants of which the provider's sinks are not told everything that is urgent.
fn unheard<'a>(
    provider: &[(&'a SinkPolicy, Selection)],
    tenants: impl Iterator<Item = &'a Tenant>,
) -> Vec<Silence<'a>> {
    let mut silent = Vec::new();
    let mut partly: BTreeMap<Vec<&'static str>, Vec<&Tenant>> = BTreeMap::new();
    for tenant in tenants {
        let of_it = provider.iter().filter(|(_, selection)| selection.matches(tenant));
        let sinks = of_it.map(|(sink, _)| sink).filter(|sink| !sink.is_for_tickets_only());
        if sinks.clone().next().is_none() {
            silent.push(tenant);
        } else if !sinks.clone().any(|sink| sink.codes.has_urgent()) {
            let is_untold = |code: &&str| !sinks.clone().any(|sink| sink.codes.names(code));
            let codes: Vec<&str> = urgent_codes().filter(is_untold).collect();
            if !codes.is_empty() {
                partly.entry(codes).or_default().push(tenant);
            }
        }
    }
    let silent = (!silent.is_empty()).then_some(Silence::NoSink { tenants: silent });
    let partly = partly.into_iter().map(|(codes, tenants)| Silence::NoCodes { tenants, codes });
    silent.into_iter().chain(partly).collect()
}

/// The codes of what a sink is told as urgent.
fn urgent_codes() -> impl Iterator<Item = &'static str> {
    let urgent = Cause::all().into_iter().filter(|cause| cause.severity() <= Severity::Urgent);
    let codes: BTreeSet<&str> = urgent.map(|cause| cause.code().as_str()).collect();
    codes.into_iter().filter(|code| !HERE.contains(code))
}

/// The same at their places in `applecart.yaml`, as mistakes. That a `select` names a tenant that there is
/// not is an error; that nobody has a label yet may be meant.
pub fn told_nobody(source: &Source, sinks: &[SinkPolicy], fleet: &[Desired]) -> Vec<Diagnostic> {
    let Some(FileBytes::Read(bytes)) = &source.policy else { return Vec::new() };
    let Ok(mut file) = File::open(FLEET_FILE, bytes) else { return Vec::new() };
    let Some(root) = file.parse() else { return Vec::new() };
    let mut found = Vec::new();
    for silence in silences(sinks, fleet) {
        match &silence {
            Silence::Unmatched { sink, places } => {
                let Some(list) = entry(&root, &sink.name).and_then(|one| one.member("select"))
                else {
                    continue;
                };
                found.extend(
                    places.iter().filter_map(|place| unmatched(&file, list, *place, fleet)),
                );
            }
            Silence::NoContacts { sink, .. } => {
                let Some(entry) = entry(&root, &sink.name) else { continue };
                let help = "add `contacts` to these tenant files, or narrow the sink's `select`";
                let told = file.mistake(Code::ToldNobody, entry.span, silence.told());
                found.push(told.with_help(help).as_warning());
            }
            Silence::NoSink { .. } => {
                let Some(list) = root.member("notify") else { continue };
                let help = "add a sink that selects them, and of which `codes` says more than `[]`";
                let told = file.mistake(Code::ToldNobody, list.span, silence.told());
                found.push(told.with_help(help).as_warning());
            }
            Silence::NoCodes { .. } => {
                let Some(list) = root.member("notify") else { continue };
                let help = "write `urgent` into the `codes` of a sink that selects them";
                let told = file.mistake(Code::ToldNobody, list.span, silence.told());
                found.push(told.with_help(help).as_warning());
            }
        }
    }
    found
}

/// The sink of this name.
fn entry<'n>(root: &'n Node, name: &str) -> Option<&'n Node> {
    items(root.member("notify")?)
        .iter()
        .find(|one| one.member("sink").and_then(Node::scalar).is_some_and(|text| text == name))
}

fn items(list: &Node) -> &[Node] {
    match &list.value {
        Value::List(items) => items,
        _ => &[],
    }
}

fn unmatched(file: &File<'_>, list: &Node, place: usize, fleet: &[Desired]) -> Option<Diagnostic> {
    let node = items(list).get(place)?;
    let text = node.scalar()?.to_owned();
    let unknown = Selection::parse(std::slice::from_ref(&text)).ok()?.names_nobody(fleet);
    if !unknown {
        let message = format!("no tenant is selected by {}", quote(&text));
        let help = "correct it, or give tenants this label";
        return Some(
            file.mistake(Code::ToldNobody, node.span, message).with_help(help).as_warning(),
        );
    }
    let message = format!("{} is no tenant of the fleet", quote(&text));
    let near = nearest(&text, fleet.iter().map(Desired::name));
    let help = match near {
        Some(near) => format!("did you mean {}? The sink would be told of nobody", quote(near)),
        None => "name a folder under tenants/: the sink would be told of nobody".to_owned(),
    };
    Some(file.mistake(Code::ToldNobody, node.span, message).with_help(help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Folder, load, render_all};

    const HEAD: &str = "apiVersion: applecart/v1\nkind: Fleet\nauth: {clientId: 2f6b1c9e-8a34-4b7a-9a51-0d6c2f6f1b11, credential: github}\n";

    fn folder(name: &str, number: u32, rest: &str) -> Folder {
        let text = format!(
            "apiVersion: applecart/v1\nkind: Tenant\nname: {name}\ntenantId: 6d1f0c5e-0000-4000-8000-{number:012}\nwatch: [push]\npush: {{topic: com.apple.mgmt.External.6d1f0c5e-0000-4000-8000-{number:012}}}\n{rest}"
        );
        Folder {
            name: name.into(),
            tree: String::new(),
            tenant_file: Some(FileBytes::Read(text.into_bytes())),
            entries: Vec::new(),
            overfull: None,
        }
    }

    fn told(notify: &str) -> String {
        let policy = Some(FileBytes::Read(format!("{HEAD}notify:\n{notify}").into_bytes()));
        let tenants = vec![
            folder("contoso", 1, "labels: {ring: prod}\ncontacts: [it@contoso.example]\n"),
            folder("fabrikam", 2, ""),
        ];
        let source = Source { policy, tenants, ..Source::default() };
        let loaded = load(&source);
        assert_eq!(loaded.diagnostics, [], "{notify}");
        let sinks = loaded.policy.unwrap().notify;
        render_all(&told_nobody(&source, &sinks, &loaded.tenants))
    }

    #[test]
    fn what_tells_nobody_is_a_mistake_at_its_place() {
        let sink = |select: &str| {
            format!("  - sink: hub\n    slack: {{host: hooks.slack.com}}\n    select: [{select}]\n")
        };
        assert_eq!(told("  - sink: hub\n    slack: {host: hooks.slack.com}\n"), "");
        assert_eq!(told(&sink("contoso, fab*")), "");
        let unknown = told(&sink("contoso, fabricam"));
        assert!(unknown.contains("applecart.yaml:7:"), "{unknown}");
        assert!(unknown.contains("error[told-nobody]: `fabricam` is no tenant"), "{unknown}");
        assert!(unknown.contains("did you mean `fabrikam`"), "{unknown}");
        let label = told(&sink("ring=prdo, fabrikam"));
        assert!(
            label.contains("warning[told-nobody]: no tenant is selected by `ring=prdo`"),
            "{label}"
        );
        assert!(label.contains("No sink is told of contoso"), "{label}");
        let customers = told(
            "  - sink: hub\n    slack: {host: hooks.slack.com}\n  - sink: customers\n    email: {server: smtp.msp.example, from: a@msp.example, contacts: true}\n",
        );
        assert!(customers.contains("no `contacts` are named by fabrikam"), "{customers}");
        assert!(!customers.contains("error"), "{customers}");
    }

    #[test]
    fn what_reaches_no_sink_is_said_by_its_codes() {
        let sink = |name: &str, codes: &str| {
            format!(
                "  - sink: {name}\n    webhook: {{url: 'https://hooks.msp.example/a'}}\n    codes: [{codes}]\n"
            )
        };
        let with_tickets = |sinks: &str| {
            let all = told(&format!("{sinks}tickets: {{sink: desk, client: halo}}\n"));
            all.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let nobody = with_tickets(&sink("desk", ""));
        assert!(
            nobody.contains("warning[told-nobody]: No sink is told of contoso, fabrikam"),
            "{nobody}"
        );
        let some = with_tickets(&(sink("desk", "") + &sink("hub", "expired, critical")));
        assert!(
            some.contains(
                "What is urgent is told at no sink of contoso, fabrikam where its code is "
            ),
            "{some}"
        );
        assert!(some.contains("`urgent`"), "{some}");
        for codes in ["all", "urgent", "urgent, renewal-due"] {
            assert_eq!(with_tickets(&(sink("desk", "") + &sink("hub", codes))), "", "{codes}");
        }
    }
}
