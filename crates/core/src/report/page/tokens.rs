//! Every token, by tenant.
//!
//! A browser without scripts shows the tenants folded, each with its tokens. With the script the same
//! lines are text that nothing lays out: it takes them apart, one token a line, and shows those that
//! are asked for. So ten thousand tenants cost no more than the rows that are seen, and a token's row
//! is written once.

use std::collections::{BTreeSet, HashMap};

use maud::{Markup, PreEscaped, html};

use super::scene::{Scene, instant};
use super::{PageView, Word, token_path};
use crate::model::Kind;
use crate::plan::{Expiry, Health, Sync};
use crate::report::status::{Row, StatusTenant, tone_of};
use crate::report::text::{day, plural};

/// As many labels as the field for them suggests; it takes any.
const MAX_SUGGESTED: usize = 200;

/// The heads of the table; the script sorts by them.
const COLUMNS: [&str; 9] = [
    "Tenant",
    "Token",
    "Expires",
    "Expiry",
    "Sync",
    "Health",
    "Apple Account",
    "Last upload",
    "Attention",
];

pub(super) fn section(scene: &Scene<'_>) -> Markup {
    let rows = scene.status.rows();
    html! {
        section aria-labelledby="tokens" {
            h2 #tokens tabindex="-1" { "Tokens" }
            (filters(scene))
            p #count.scripted role="status" {}
            div #table.scripted {
                table.tokens {
                    caption.unseen { "Tokens, most urgent first; a column's button sorts by it" }
                    thead {
                        tr {
                            @for column in COLUMNS {
                                th scope="col" { button type="button" { (column) } }
                            }
                        }
                    }
                    tbody {}
                }
            }
            div #folded.scripted hidden {}
            p.scripted { button #more type="button" hidden { "Show more" } }
            noscript #all { (PreEscaped("\n")) (tenants(scene, &rows)) }
        }
    }
}

fn filters(scene: &Scene<'_>) -> Markup {
    let kinds = [Kind::Push, Kind::Enrollment, Kind::Vpp].map(Kind::as_str);
    let codes: BTreeSet<&str> =
        scene.status.attention.iter().map(|matter| matter.code.as_str()).collect();
    let labels: BTreeSet<String> = scene.status.tenants.iter().flat_map(labels).collect();
    html! {
        form #filters.scripted {
            (select("kind", "Kind", kinds))
            (select("expiry", "Expiry", Expiry::ALL.iter().map(|one| one.as_str())))
            (select("sync", "Sync", Sync::ALL.iter().map(|one| one.as_str())))
            (select("health", "Health", Health::ALL.iter().map(|one| one.as_str())))
            @if !codes.is_empty() {
                (select("code", "Attention", codes))
            }
            p { label for="f-tenant" { "Tenant" } input #f-tenant name="tenant" autocomplete="off"; }
            @if !labels.is_empty() {
                p {
                    label for="f-label" { "Label" }
                    input #f-label name="label" list="labels" placeholder="ring=prod" autocomplete="off";
                    datalist #labels {
                        @for label in labels.iter().take(MAX_SUGGESTED) {
                            option value=(Word(label)) {}
                        }
                    }
                }
            }
            p { label for="f-from" { "Expires from" } input #f-from name="from" type="date"; }
            p { label for="f-to" { "until" } input #f-to name="to" type="date"; }
            p.buttons {
                label { input #by-tenant name="folded" type="checkbox"; " By tenant" }
                button type="reset" { "Show all" }
            }
        }
    }
}

fn select<'a>(name: &str, title: &str, values: impl IntoIterator<Item = &'a str>) -> Markup {
    let id = format!("f-{name}");
    html! {
        p {
            label for=(id) { (title) }
            select id=(id) name=(name) {
                option value="" { "any" }
                @for value in values {
                    option { (value) }
                }
            }
        }
    }
}

fn labels(tenant: &StatusTenant) -> impl Iterator<Item = String> + '_ {
    tenant.labels.iter().map(|(key, value)| format!("{key}={value}"))
}

/// The tenants by name. What the script takes apart stands on one line each: the head of a tenant, a
/// token, and the end of a tenant.
fn tenants(scene: &Scene<'_>, rows: &[Row<'_>]) -> Markup {
    let mut of_tenant: HashMap<&str, Vec<(usize, &Row<'_>)>> = HashMap::new();
    for (place, row) in rows.iter().enumerate() {
        if let Some(tenant) = row.tenant {
            of_tenant.entry(tenant.name.as_str()).or_default().push((place, row));
        }
    }
    html! {
        @for tenant in &scene.status.tenants {
            @let its = of_tenant.remove(tenant.name.as_str()).unwrap_or_default();
            details.tenant {
                (summary(tenant, &its))
                @for problem in &tenant.problems {
                    p { (problem.code) @if let Some(detail) = &problem.detail { ": " (Word(detail)) } }
                }
                table.tokens {
                    thead { tr { @for column in COLUMNS { th scope="col" { (column) } } } }
                    (PreEscaped("\n"))
                    @for (place, row) in its {
                        (self::row(scene, tenant, place, row)) (PreEscaped("\n"))
                    }
                }
            }
            (PreEscaped("\n"))
        }
    }
}

fn summary(tenant: &StatusTenant, rows: &[(usize, &Row<'_>)]) -> Markup {
    let matters: usize = rows.iter().map(|(_, row)| row.matters.len()).sum();
    let next = tenant.tokens.iter().filter_map(|token| token.state.expires).min();
    html! {
        summary {
            b { bdi { (Word(&tenant.name)) } }
            @if let Some(name) = &tenant.display_name { " " bdi { (Word(name)) } }
            " " span.dim {
                (plural(tenant.tokens.len(), "token"))
                @if let Some(next) = next { ", the first expires " (day(next)) }
                @if matters > 0 { ", " (plural(matters, "matter")) }
                @match tenant.read_at {
                    Some(at) => { ", read " (instant(at)) },
                    None => ", no reading known",
                }
            }
        }
    }
}

fn row(scene: &Scene<'_>, tenant: &StatusTenant, place: usize, row: &Row<'_>) -> Markup {
    let [name, token, expiry, left, sync, health, apple_id, upload] = row.cells(scene.now());
    let path = match (scene.view, row.token) {
        (PageView::Served(_), Some(token)) => Some(token_path(&tenant.name, &token.state.token())),
        _ => None,
    };
    let its: Vec<String> = labels(tenant).collect();
    let its = (!its.is_empty()).then(|| its.join("\t"));
    let severity = row.matters.iter().map(|matter| super::attention::loudness(matter)).min();
    let class = severity.map(|severity| severity.as_str());
    let tone = |value: &str| match value {
        // Nobody asked, so nothing is wrong with it.
        "unobserved" if scene.status.offline => "plain",
        value => tone_of(value).class(),
    };
    html! {
        tr class=[class] data-p=(place) data-l=[its.as_deref().map(Word)] {
            th scope="row" {
                bdi { (Word(&name)) }
                @if let Some(called) = scene.called(&name) { " " small { bdi { (Word(called)) } } }
            }
            td {
                @match &path {
                    Some(path) => a href=(path) { (Word(&token)) },
                    None => (Word(&token)),
                }
            }
            td { @if let Some(at) = row.expires() { (day(at)) " " small { (left) } } }
            td class=(tone(&expiry)) { (expiry) }
            td class=(tone(&sync)) { (sync) }
            td class=(tone(&health)) { (health) }
            td { (Word(&apple_id)) }
            td { (upload) }
            td { @for (place, matter) in row.matters.iter().enumerate() {
                @if place > 0 { " " } (matter.code)
            } }
        }
    }
}
