//! How far the tenants of a campaign are, for people and for scripts; and what is sent to those who
//! have to consent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::table::{Column, table};
use super::text::{BAD, DIM, GOOD, LOOK, plural};
use crate::model::{TenantId, Timestamp, shell_word};
use crate::onboard::{Campaign, Candidate, Stage, Standing, StandingCount, Unresolved};

/// The version of [`Onboarding`].
pub const ONBOARD_VERSION: &str = "1.0";

/// A link on which an administrator of a tenant consents to one application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsentLink {
    /// The application (client) id.
    pub client_id: String,
    pub url: String,
}

/// A tenant of the campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnboardTenant {
    /// The folder that it has or will have.
    pub name: String,
    /// `null` where only a domain is known, and Entra did not tell whose it is.
    pub tenant_id: Option<TenantId>,
    pub display_name: Option<String>,
    pub domain: Option<String>,
    pub standing: Standing,
    /// When it was looked at last.
    pub seen_at: Option<Timestamp>,
    /// When its administrator came back from the consent.
    pub consented_at: Option<Timestamp>,
    /// The permissions that its token lacks.
    pub missing: Vec<String>,
    /// What Entra or Graph said.
    pub detail: Option<String>,
    /// The branch that brings it.
    pub branch: Option<String>,
    /// Whether the fleet has it.
    pub in_fleet: bool,
    /// Where its administrator consents; empty where nothing is to be consented to.
    pub links: Vec<ConsentLink>,
}

/// How far a campaign is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Onboarding {
    pub format_version: String,
    /// The version of the program.
    pub applecart: String,
    pub generated_at: Timestamp,
    /// What the tenants are to be ready for.
    pub stage: Stage,
    /// Sorted by name.
    pub tenants: Vec<OnboardTenant>,
    /// How many are how far; nothing of those that no tenant is.
    pub summary: Vec<StandingCount>,
}

impl Onboarding {
    /// `links` gives the links of a tenant.
    pub fn new(
        campaign: &Campaign,
        stage: Stage,
        now: Timestamp,
        links: impl Fn(&Candidate) -> Vec<ConsentLink>,
    ) -> Self {
        let tenant = |one: &Candidate| OnboardTenant {
            name: one.name.clone(),
            tenant_id: Some(one.tenant_id),
            display_name: one.display_name.clone(),
            domain: one.domain.clone(),
            standing: one.standing,
            seen_at: one.seen_at,
            consented_at: one.consented_at,
            missing: one.missing.clone(),
            detail: one.detail.clone(),
            branch: one.branch.clone(),
            in_fleet: one.in_fleet,
            links: if one.standing.wants_consent() { links(one) } else { Vec::new() },
        };
        let mut tenants: Vec<_> = campaign
            .candidates
            .iter()
            .map(tenant)
            .chain(campaign.unresolved.iter().map(unresolved))
            .collect();
        tenants.sort_by(|one, other| one.name.cmp(&other.name));
        let count = |standing: &Standing| StandingCount {
            standing: *standing,
            tenants: tenants.iter().filter(|one| one.standing == *standing).count(),
        };
        let summary = Standing::ALL.iter().map(count).filter(|count| count.tenants > 0).collect();
        Self {
            format_version: ONBOARD_VERSION.to_owned(),
            applecart: env!("CARGO_PKG_VERSION").to_owned(),
            generated_at: now,
            stage,
            tenants,
            summary,
        }
    }

    /// How many tenants nothing is known of yet, so that nothing is to be concluded of them.
    pub fn unknown(&self) -> usize {
        self.tenants.iter().filter(|one| one.standing.is_unknown()).count()
    }
}

impl OnboardTenant {
    fn id(&self) -> String {
        self.tenant_id.map_or_else(|| "not known".to_owned(), |id| id.to_string())
    }
}

/// The row of a customer whose tenant is not known.
fn unresolved(one: &Unresolved) -> OnboardTenant {
    OnboardTenant {
        name: one.domain.clone(),
        tenant_id: None,
        display_name: one.display_name.clone(),
        domain: Some(one.domain.clone()),
        standing: Standing::Unknown,
        seen_at: None,
        consented_at: None,
        missing: Vec::new(),
        detail: Some(format!("whose domain this is, Entra did not tell: {}", one.detail)),
        branch: None,
        in_fleet: false,
        links: Vec::new(),
    }
}

fn style(standing: Standing) -> Option<anstyle::Style> {
    Some(match standing {
        Standing::Ready | Standing::Proposed => GOOD,
        Standing::InFleet | Standing::NotLooked => DIM,
        Standing::Unknown | Standing::NoIntune => BAD,
        _ => LOOK,
    })
}

/// What is said of a campaign of nobody, by each way out: a campaign is in one clone, and this may be
/// another one.
pub const NO_TENANT: &str = "The campaign of this clone has no tenant yet. Name a list, or one tenant:\n  applecart onboard --customers FILE\n  applecart onboard --tenant ID\n";

/// The tenants as a table, and below it how many are how far and what comes next.
pub fn onboard_human(report: &Onboarding, width: Option<usize>) -> String {
    if report.tenants.is_empty() {
        return NO_TENANT.to_owned();
    }
    let columns = [
        Column::Name("tenant"),
        Column::Spare("tenant id"),
        Column::Fixed("standing"),
        Column::Name("what it lacks"),
    ];
    let row = |one: &OnboardTenant| {
        let lacks = match (&one.missing[..], one.standing) {
            ([], Standing::Unknown) => one.detail.clone().unwrap_or_default(),
            ([], _) => String::new(),
            (missing, _) => missing.join(", "),
        };
        let standing = one.standing.as_str().to_owned();
        (style(one.standing), vec![one.name.clone(), one.id(), standing, lacks])
    };
    let rows: Vec<_> = report.tenants.iter().map(row).collect();
    let mut out = table(&columns, &rows, width);
    out.push('\n');
    for count in &report.summary {
        out.push_str(&format!(
            "{}: {} - {}\n",
            count.standing,
            plural(count.tenants, "tenant"),
            count.standing.words()
        ));
    }
    if report.stage == Stage::Watch {
        out.push_str("Looked at for watching alone, for which an application that reads is enough. Before the first upload:\n  applecart onboard --for apply\n");
    }
    out
}

/// Every link of every tenant that has to consent: a table of tabs, to be pasted into a sheet.
pub fn onboard_links(report: &Onboarding) -> String {
    let waiting =
        report.tenants.iter().flat_map(|one| one.links.iter().map(move |link| (one, link)));
    let mut out = String::new();
    for (one, link) in waiting {
        out.push_str(&format!("{}\t{}\t{}\t{}\n", one.name, one.id(), one.standing, link.url));
    }
    // Of what nobody looked at, nobody knows whether it has to consent.
    if out.is_empty() && report.unknown() == 0 {
        return "No tenant has to consent.\n".to_owned();
    }
    out
}

/// A letter to one customer's administrator.
pub fn onboard_mail(one: &OnboardTenant, stage: Stage) -> String {
    let may = match stage {
        Stage::Watch => {
            "read the settings of Microsoft Intune's\nservice, such as Apple's tokens, and change nothing."
        }
        Stage::Apply => {
            "read and write the settings of Microsoft Intune's\nservice, such as Apple's tokens."
        }
    };
    let whom = one.display_name.as_deref().unwrap_or(&one.name);
    let links: String = one.links.iter().map(|link| format!("  {}\n\n", link.url)).collect();
    format!(
        "Subject: Microsoft Intune of {whom}: consent to our application\n\n\
         Hello,\n\n\
         we keep the Apple certificates and tokens in your Microsoft Intune from expiring. For that, our\n\
         application needs the consent of an administrator of your Microsoft 365 tenant\n\
         {id}.\n\n\
         Please open this link, sign in as Global Administrator or Privileged Role Administrator, and choose\n\
         Accept:\n\n\
         {links}\
         The page names what the application may do: {may} It gets no access to mail, files or the password of anybody. After\n\
         Accept you see an empty page, and can close it. You can withdraw the consent at any time in Entra,\n\
         under Enterprise applications.\n\n\
         It takes Microsoft up to ten minutes to carry the consent everywhere. We see it by ourselves.\n",
        id = one.id()
    )
}

/// Which shell a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    Posix,
    PowerShell,
}

/// The lines with which a customer's own administrator consents without a browser's link.
pub fn onboard_commands(
    one: &OnboardTenant,
    roles: &[(String, Vec<&'static str>)],
    shell: Shell,
) -> String {
    let id = one.id();
    let mut out = format!(
        "# {}: {id}\n# What answers that a permission is assigned already is no mistake: the tenant has it.\n",
        one.name
    );
    let login = format!("az login --tenant {id} --allow-no-subscriptions\n");
    out.push_str(&login);
    for (client_id, roles) in roles {
        let client_id = shell_word(client_id);
        let graph = crate::rules::entra::GRAPH;
        // An application that is there already is no mistake.
        match shell {
            Shell::Posix => {
                out.push_str(&format!(
                    "az ad sp show --id {client_id} --output none || az ad sp create --id {client_id} --output none\nAPP=$(az ad sp show --id {client_id} --query id --output tsv)\nGRAPH=$(az ad sp show --id {graph} --query id --output tsv)\n"
                ));
                for role in roles {
                    out.push_str(&format!(
                        "az rest --method POST --url \"https://graph.microsoft.com/v1.0/servicePrincipals/$APP/appRoleAssignments\" --body \"{{\\\"principalId\\\":\\\"$APP\\\",\\\"resourceId\\\":\\\"$GRAPH\\\",\\\"appRoleId\\\":\\\"{role}\\\"}}\"\n"
                    ));
                }
            }
            Shell::PowerShell => {
                out.push_str(&format!(
                    "Connect-MgGraph -TenantId {id} -Scopes 'Application.ReadWrite.All','AppRoleAssignment.ReadWrite.All'\n$app = Get-MgServicePrincipal -Filter \"appId eq '{client_id}'\"\nif (-not $app) {{ $app = New-MgServicePrincipal -AppId {client_id} }}\n$graph = Get-MgServicePrincipal -Filter \"appId eq '{graph}'\"\n"
                ));
                for role in roles {
                    out.push_str(&format!(
                        "New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $app.Id -PrincipalId $app.Id -ResourceId $graph.Id -AppRoleId {role}\n"
                    ));
                }
            }
        }
    }
    if shell == Shell::PowerShell {
        // Microsoft Graph's own module signs in by itself.
        out = out.replace(&login, "");
    }
    out
}

/// Ticked off is only what was seen to lack nothing.
fn tick(standing: Standing) -> &'static str {
    match standing {
        Standing::Ready | Standing::Proposed | Standing::InFleet => "☑",
        Standing::NotLooked | Standing::Unknown => "?",
        _ => "☐",
    }
}

/// The page on this machine that ticks customers off.
pub fn onboard_page(report: &Onboarding) -> String {
    let row = |one: &OnboardTenant| {
        maud::html! {
            tr {
                td { (tick(one.standing)) }
                td { (one.display_name.as_deref().unwrap_or(&one.name)) }
                td { code { (one.id()) } }
                td { (one.standing) }
                td {
                    @for link in &one.links {
                        a href=(link.url) rel="noreferrer" { "Consent" } " "
                    }
                }
            }
        }
    };
    maud::html! {
        (maud::DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content="10";
                title { "Onboarding" }
                style { "body{font-family:sans-serif;margin:2rem}td{padding:.2rem .8rem}" }
            }
            body {
                h1 { "Onboarding" }
                p { "Open a link, sign in as an administrator of that customer, and accept. A tenant is ticked off when its token says what it needs. This page loads itself again." }
                table { @for one in &report.tenants { (row(one)) } }
            }
        }
    }
    .into_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onboard::Seen;
    use crate::onboard::fixture::campaign_of;

    fn campaign() -> Campaign {
        let (mut campaign, _) = campaign_of(&["Contoso & <Sons>", "Fabrikam"]);
        let now = "2027-01-10T12:00:00Z".parse().unwrap();
        let lacking = Seen {
            missing: vec!["DeviceManagementServiceConfig.Read.All".to_owned()],
            ..Seen::new(Standing::RolesMissing)
        };
        campaign.candidates[0].record(lacking, now);
        campaign.candidates[1].record(Seen::new(Standing::Ready), now);
        campaign
    }

    fn report() -> Onboarding {
        report_of(&campaign())
    }

    fn report_of(campaign: &Campaign) -> Onboarding {
        let now = "2027-01-10T12:00:00Z".parse().unwrap();
        Onboarding::new(campaign, Stage::Watch, now, |one| {
            let url =
                format!("https://login.example/{}/adminconsent?state={}", one.tenant_id, one.state);
            vec![ConsentLink { client_id: "2f6b".to_owned(), url }]
        })
    }

    #[test]
    fn the_table_says_what_each_lacks_and_what_comes_next() {
        let text = anstream::adapter::strip_str(&onboard_human(&report(), None)).to_string();
        assert!(text.contains("roles-missing  DeviceManagementServiceConfig.Read.All"), "{text}");
        assert!(text.contains("ready: 1 tenant - ready: --import"), "{text}");
    }

    #[test]
    fn only_tenants_that_have_to_consent_have_links_and_letters_name_the_tenant() {
        let report = report();
        assert_eq!(onboard_links(&report).lines().count(), 1);
        let mail = onboard_mail(&report.tenants[0], Stage::Watch);
        assert!(mail.contains("change nothing") && !mail.contains("write"), "{mail}");
        let mail = onboard_mail(&report.tenants[0], Stage::Apply);
        assert!(mail.contains("read and write"), "{mail}");
        assert!(mail.contains("Contoso & <Sons>") && mail.contains("/adminconsent?state=word-1"));
        let page = onboard_page(&report);
        assert!(page.contains("Contoso &amp; &lt;Sons&gt;") && page.contains("rel=\"noreferrer\""));
        assert_eq!(page.matches("<a href").count(), 1);
    }

    #[test]
    fn of_what_nobody_looked_at_nothing_is_concluded() {
        let mut campaign = campaign();
        campaign.candidates.remove(0);
        assert_eq!(onboard_links(&report_of(&campaign)), "No tenant has to consent.\n");
        campaign.keep_unresolved(Unresolved {
            domain: "adatum.example".to_owned(),
            display_name: None,
            detail: "unreachable".to_owned(),
        });
        let report = report_of(&campaign);
        assert_eq!((onboard_links(&report).as_str(), report.unknown()), ("", 1));
        let text = anstream::adapter::strip_str(&onboard_human(&report, None)).to_string();
        assert!(text.contains("adatum.example") && text.contains("unknown: 1 tenant"), "{text}");
        assert!(onboard_page(&report).contains("<td>?</td>"));
    }

    #[test]
    fn the_customers_own_administrator_gets_lines_for_either_shell() {
        let roles = [("2f6b".to_owned(), vec!["06a5fe6d"])];
        let posix = onboard_commands(&report().tenants[0], &roles, Shell::Posix);
        assert!(posix.contains("az login --tenant 00000001-") && posix.contains("06a5fe6d"));
        let power = onboard_commands(&report().tenants[0], &roles, Shell::PowerShell);
        assert!(power.contains("Connect-MgGraph -TenantId 00000001-") && !power.contains("az "));
    }
}
