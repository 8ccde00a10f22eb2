//! How far the tenants of a campaign are, for people and for scripts; and what is sent to those who
//! have to consent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::table::{Column, table};
use super::text::{BAD, DIM, GOOD, LOOK, plural};
use crate::model::{TenantId, Timestamp, shell_word};
use crate::onboard::{
    Campaign, Candidate, SeenApplication, Stage, Standing, StandingCount, Unresolved,
};
use crate::rules::entra::{Duty, GRAPH};

/// The version of [`Onboarding`].
pub const ONBOARD_VERSION: &str = "1.0";

/// A link on which an administrator of a tenant consents to one application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsentLink {
    /// The application (client) id.
    pub client_id: String,
    pub duty: Duty,
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
    /// The permissions that its tokens lack.
    pub missing: Vec<String>,
    /// What was seen of each application that was asked for.
    pub applications: Vec<SeenApplication>,
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
            applications: one.applications.clone(),
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

    /// What an administrator has to see to, in words: the permissions, or the whole application.
    fn lacks(&self) -> String {
        if self.standing == Standing::Unknown && self.missing.is_empty() {
            return self.detail.clone().unwrap_or_default();
        }
        let lacking = self.applications.iter().filter(|one| one.standing.wants_consent());
        let of = |one: &SeenApplication| match &one.missing[..] {
            [] => one.duty.words().to_owned(),
            missing => missing.join(", "),
        };
        lacking.map(of).collect::<Vec<_>>().join(", ")
    }

    /// The ids of the permissions that a link's application is to be given: those that its token lacks,
    /// or all of them where no token was seen.
    fn roles(&self, link: &ConsentLink) -> Vec<&'static str> {
        let seen = self.applications.iter().find(|one| one.client_id == link.client_id);
        let missing = seen.map(|one| &one.missing[..]).unwrap_or_default();
        let all = link.duty.permissions().iter();
        let lacks = all.filter(|one| missing.is_empty() || missing.iter().any(|it| it == one.name));
        lacks.map(|one| one.role).collect()
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
        applications: Vec::new(),
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
        let standing = one.standing.as_str().to_owned();
        (style(one.standing), vec![one.name.clone(), one.id(), standing, one.lacks()])
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
pub fn onboard_mail(one: &OnboardTenant) -> String {
    let whom = one.display_name.as_deref().unwrap_or(&one.name);
    let may = |duty| match duty {
        Duty::Reader => {
            "read the settings of Microsoft Intune's service, such\nas Apple's tokens, and change nothing"
        }
        Duty::Writer => {
            "read and write the settings of Microsoft Intune's\nservice, such as Apple's tokens"
        }
    };
    let (application, open, what) = match &one.links[..] {
        [link] => (
            "application needs",
            "this link",
            format!(
                "  {}\n\nThe page names what the application may do: {}.\nIt gets",
                link.url,
                may(link.duty)
            ),
        ),
        links => {
            let link = |link: &ConsentLink| {
                format!("For the application that may {}:\n\n  {}\n\n", may(link.duty), link.url)
            };
            let links: String = links.iter().map(link).collect();
            (
                "applications need",
                "each of these links",
                format!("{links}The pages name what each application may do. They get"),
            )
        }
    };
    format!(
        "Subject: Microsoft Intune of {whom}: consent to our application\n\n\
         Hello,\n\n\
         we keep the Apple certificates and tokens in your Microsoft Intune from expiring. For that, our\n\
         {application} the consent of an administrator of your Microsoft 365 tenant\n\
         {id}.\n\n\
         Please open {open}, sign in as Global Administrator or Privileged Role Administrator, and choose\n\
         Accept:\n\n\
         {what} no access to mail, files or the password of anybody. After\n\
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
pub fn onboard_commands(one: &OnboardTenant, shell: Shell) -> String {
    let id = one.id();
    let mut out = format!(
        "# {}: {id}\n# What answers that a permission is assigned already is no mistake: the tenant has it.\n",
        one.name
    );
    let login = format!("az login --tenant {id} --allow-no-subscriptions\n");
    out.push_str(&login);
    for link in &one.links {
        let (client_id, roles) = (shell_word(&link.client_id), one.roles(link));
        // An application that is there already is no mistake.
        match shell {
            Shell::Posix => {
                out.push_str(&format!(
                    "az ad sp show --id {client_id} --output none || az ad sp create --id {client_id} --output none\nAPP=$(az ad sp show --id {client_id} --query id --output tsv)\nGRAPH=$(az ad sp show --id {GRAPH} --query id --output tsv)\n"
                ));
                for role in roles {
                    out.push_str(&format!(
                        "az rest --method POST --url \"https://graph.microsoft.com/v1.0/servicePrincipals/$APP/appRoleAssignments\" --body \"{{\\\"principalId\\\":\\\"$APP\\\",\\\"resourceId\\\":\\\"$GRAPH\\\",\\\"appRoleId\\\":\\\"{role}\\\"}}\"\n"
                    ));
                }
            }
            Shell::PowerShell => {
                out.push_str(&format!(
                    "Connect-MgGraph -TenantId {id} -Scopes 'Application.ReadWrite.All','AppRoleAssignment.ReadWrite.All'\n$app = Get-MgServicePrincipal -Filter \"appId eq '{client_id}'\"\nif (-not $app) {{ $app = New-MgServicePrincipal -AppId {client_id} }}\n$graph = Get-MgServicePrincipal -Filter \"appId eq '{GRAPH}'\"\n"
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
                        a href=(link.url) rel="noreferrer" { "Consent to " (link.duty.words()) } " "
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
        let lacking =
            Seen::of_applications(vec![(seen(Duty::Reader, Standing::RolesMissing), None)]);
        campaign.candidates[0].record(lacking, now);
        campaign.candidates[1].record(Seen::new(Standing::Ready), now);
        campaign
    }

    /// What was seen of an application; of permissions it lacks one.
    fn seen(duty: Duty, standing: Standing) -> SeenApplication {
        let lacks = standing == Standing::RolesMissing;
        let missing = lacks.then(|| "DeviceManagementServiceConfig.Read.All".to_owned());
        let missing = missing.into_iter().collect();
        SeenApplication { client_id: client_id(duty).to_owned(), duty, standing, missing }
    }

    fn client_id(duty: Duty) -> &'static str {
        match duty {
            Duty::Reader => "2f6b",
            Duty::Writer => "77aa",
        }
    }

    fn report() -> Onboarding {
        report_of(&campaign())
    }

    fn report_of(campaign: &Campaign) -> Onboarding {
        report_with(campaign, &[Duty::Reader])
    }

    /// With the links of these applications.
    fn report_with(campaign: &Campaign, duties: &[Duty]) -> Onboarding {
        let now = "2027-01-10T12:00:00Z".parse().unwrap();
        Onboarding::new(campaign, Stage::Watch, now, |one| {
            let link = |duty: &Duty| {
                let client_id = client_id(*duty).to_owned();
                let (id, state) = (one.tenant_id, &one.state);
                let url = format!(
                    "https://login.example/{id}/adminconsent?client_id={client_id}&state={state}"
                );
                ConsentLink { client_id, duty: *duty, url }
            };
            duties.iter().filter(|duty| one.wants(client_id(**duty))).map(link).collect()
        })
    }

    #[test]
    fn of_two_applications_the_one_that_a_tenant_lacks_is_named_and_asked_for_alone() {
        let mut campaign = campaign();
        let now = "2027-01-10T12:00:00Z".parse().unwrap();
        let mut look = |reader, writer| {
            let all = [(Duty::Reader, reader), (Duty::Writer, writer)];
            let all = all.map(|(duty, standing)| (seen(duty, standing), None));
            campaign.candidates[0].record(Seen::of_applications(all.into()), now);
            report_with(&campaign, &[Duty::Reader, Duty::Writer])
        };
        for standing in [Standing::ApplicationMissing, Standing::ConsentMissing] {
            let report = look(Standing::Ready, standing);
            let text = anstream::adapter::strip_str(&onboard_human(&report, None)).to_string();
            assert!(text.contains(&format!("{standing}  the application that uploads")), "{text}");
            let links = onboard_links(&report);
            assert!(links.contains("client_id=77aa") && !links.contains("2f6b"), "{links}");
            let commands = onboard_commands(&report.tenants[0], Shell::Posix);
            assert!(
                commands.contains("--id 77aa") && !commands.contains("--id 2f6b"),
                "{commands}"
            );
            let mail = onboard_mail(&report.tenants[0]);
            assert!(mail.contains("this link") && mail.contains("read and write"), "{mail}");
        }
        let both = look(Standing::ConsentMissing, Standing::ApplicationMissing);
        assert_eq!(both.tenants[0].standing, Standing::ApplicationMissing, "what comes first");
        assert_eq!(onboard_links(&both).lines().count(), 2);
        let mail = onboard_mail(&both.tenants[0]);
        let (before, after) = mail.split_once("client_id=2f6b").unwrap();
        assert!(
            before.contains("each of these links") && before.contains("change nothing"),
            "{mail}"
        );
        assert!(after.contains("may read and write") && after.contains("client_id=77aa"), "{mail}");
        // What nothing was seen of is asked for, too: its consent may be missing as well.
        let unknown = look(Standing::RolesMissing, Standing::Unknown);
        assert_eq!(unknown.tenants[0].standing, Standing::RolesMissing);
        assert_eq!(unknown.tenants[0].links.len(), 2);
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
        let mail = onboard_mail(&report.tenants[0]);
        assert!(mail.contains("change nothing") && !mail.contains("write"), "{mail}");
        assert!(mail.contains("Contoso & <Sons>") && mail.contains("&state=word-1"));
        let uploads = report_with(&campaign(), &[Duty::Writer]);
        let mail = onboard_mail(&uploads.tenants[0]);
        assert!(mail.contains("read and write"), "{mail}");
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
        let posix = onboard_commands(&report().tenants[0], Shell::Posix);
        assert!(posix.contains("az login --tenant 00000001-") && posix.contains("06a5fe6d"));
        let has_it = !posix.contains("7a6ee1e7");
        assert!(has_it, "a permission that the tenant has is not assigned again: {posix}");
        let power = onboard_commands(&report().tenants[0], Shell::PowerShell);
        assert!(power.contains("Connect-MgGraph -TenantId 00000001-") && !power.contains("az "));
    }
}
