//! A campaign from a partner's list to a merged import, against tenants that lack each of the things
//! that tenants lack.

mod applications;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use applecart_simulator::{AppRegistration, StateError, Tenant, WRITER_CLIENT_ID, seed_fleet};
use chrono::Utc;
use serde_json::Value;

use crate::world::{Run, World, eventually, finish};

/// How many tenants lack what.
#[derive(Clone, Copy)]
struct Scale {
    application: usize,
    consent: usize,
    roles: usize,
    intune: usize,
    ready: usize,
}

impl Scale {
    fn all(self) -> usize {
        self.application + self.consent + self.roles + self.intune + self.ready
    }
}

/// An application as its owner registered it, which a consent brings into a tenant.
fn registered(tenant: &Tenant) -> AppRegistration {
    let mut app = tenant.apps[0].clone();
    assert_eq!(app.client_id, WRITER_CLIENT_ID);
    app.redirect_uris = vec![
        "http://localhost".to_owned(),
        "https://login.microsoftonline.com/common/oauth2/nativeclient".to_owned(),
    ];
    app
}

/// A fleet without tenants and its remote, the tenants, and what each lacks.
fn campaign(scale: Scale) -> (World, BTreeMap<String, &'static str>, Vec<Tenant>) {
    let world = World::new();
    world.commit("Begin");
    let origin = world.path("origin.git").display().to_string();
    world.git(&["init", "--quiet", "--bare", "--initial-branch=main", &origin]);
    world.git(&["remote", "add", "origin", &origin]);
    world.git(&["push", "--quiet", "--set-upstream", "origin", "main"]);
    world.git(&["remote", "set-head", "origin", "main"]);
    world.git(&["config", "user.name", "Test"]);
    world.git(&["config", "user.email", "test@example.invalid"]);
    let mut tenants = seed_fleet(scale.all(), Utc::now());
    let mut standings = BTreeMap::new();
    let kinds = [
        ("application-missing", scale.application),
        ("consent-missing", scale.consent),
        ("roles-missing", scale.roles),
        ("no-intune", scale.intune),
        ("ready", scale.ready),
    ];
    let kinds = kinds.into_iter().flat_map(|(kind, count)| std::iter::repeat_n(kind, count));
    for (tenant, kind) in tenants.iter_mut().zip(kinds) {
        let app = registered(tenant);
        tenant.apps = vec![app.clone()];
        match kind {
            "application-missing" => {
                tenant.apps.clear();
                tenant.available_apps = vec![app];
            }
            "consent-missing" => tenant.apps[0].unconsented = true,
            "roles-missing" => {
                tenant.apps[0].roles.clear();
                tenant.available_apps = vec![app];
            }
            "no-intune" => tenant.switches.unlicensed = true,
            _ => {}
        }
        standings.insert(tenant.tenant_id.to_string(), kind);
        world.state().add_tenant(tenant.clone()).unwrap();
    }
    (world, standings, tenants)
}

/// The list as a spreadsheet in the west saves it: semicolons, Windows-1252, columns nobody asked for.
fn list(world: &World, tenants: &[Tenant]) -> String {
    let path = world.path("customers.csv");
    let mut bytes =
        b"Company NAME;Primary domain name;Relationship;microsoft id;Country\r\n".to_vec();
    for (number, tenant) in tenants.iter().enumerate() {
        bytes.extend_from_slice(b"M\xFCller & S\xF6hne ");
        let rest = format!(
            "{number};t{number}.onmicrosoft.com;Reseller;{};DE\r\n",
            tenant.tenant_id.to_string().to_uppercase()
        );
        bytes.extend_from_slice(rest.as_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

fn standings(report: &Value) -> BTreeMap<String, String> {
    let all = report["tenants"].as_array().unwrap().iter();
    let pair = |one: &Value| {
        let text = |name: &str| one[name].as_str().unwrap().to_owned();
        (text("tenantId"), text("standing"))
    };
    all.map(pair).collect()
}

fn count(report: &Value, standing: &str) -> u64 {
    let all = report["summary"].as_array().unwrap().iter();
    let of = all.filter(|one| one["standing"] == standing);
    of.map(|one| one["tenants"].as_u64().unwrap()).sum()
}

fn json(world: &World, arguments: &[&str]) -> Value {
    let run = world.run(&[&["onboard", "--format", "json"], arguments].concat());
    run.ends_with(0).json()
}

/// From the list to a merged import; returns what the campaign says at the end.
fn to_a_merged_import(scale: Scale) -> Value {
    let (world, wanted, tenants) = campaign(scale);
    let begun = Instant::now();
    let list = list(&world, &tenants);
    let run = world.run(&["onboard", "--customers", &list, "--format", "json"]).ends_with(0);
    assert!(run.stderr.contains("was read as windows-1252"), "{}", run.stderr);
    let seen = standings(&run.json());
    assert_eq!(seen.len(), scale.all());
    for (id, standing) in &seen {
        assert_eq!(standing, wanted[id], "{id}");
    }
    let looked = begun.elapsed();

    // Whoever has to consent gets a link that no other has.
    let links = world.run(&["onboard", "--links"]).ends_with(0).stdout;
    let states: std::collections::BTreeSet<&str> = links
        .lines()
        .map(|line| line.split("state=").nth(1).unwrap().split('&').next().unwrap())
        .collect();
    assert_eq!(states.len(), scale.application + scale.consent + scale.roles);
    assert!(states.iter().all(|state| state.len() >= 32));

    let run = world.run(&["onboard", "--import", "--push"]).ends_with(0);
    let run = run.says(&format!("{} tenants on the branch onboard/", scale.ready));
    assert!(run.stdout.contains("Its plan has nothing to do"), "{}", run.stdout);
    let branch = world.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/onboard/"]);
    world.git(&["merge", "--quiet", "--ff-only", &branch]);
    world.git(&["push", "--quiet", "origin", "main"]);
    let all = begun.elapsed();

    let merged = json(&world, &["--status"]);
    assert_eq!(count(&merged, "in-fleet"), u64::try_from(scale.ready).unwrap());
    for (id, standing) in standings(&merged) {
        let wanted = if wanted[&id] == "ready" { "in-fleet" } else { wanted[&id] };
        assert_eq!(standing, wanted, "{id}");
    }
    let plan = world.run(&["plan", "--format", "json"]).ends_with(0).json();
    assert_eq!(plan["summary"]["tenants"], scale.ready);
    for due in ["uploads", "creates", "configures", "holds", "unobserved"] {
        assert_eq!(plan["summary"][due], 0, "{due}");
    }
    let last = format!("tenants/mueller-soehne-{}/tenant.yaml", scale.all() - 1);
    assert!(world.repo().join(last).is_file());
    assert_eq!(world.state().violations(), []);
    println!(
        "{} tenants: looked at in {looked:?}, merged after {all:?}, with 3 commands of applecart and 2 of git",
        scale.all()
    );
    merged
}

#[test]
fn a_partners_list_becomes_a_merged_import_of_those_that_are_ready() {
    to_a_merged_import(Scale { application: 3, consent: 2, roles: 2, intune: 1, ready: 12 });
}

/// The figures that the book gives.
#[test]
#[ignore = "takes minutes on a busy machine; run it for its figures"]
fn two_hundred_tenants_become_a_merged_import_of_145() {
    let scale = Scale { application: 20, consent: 20, roles: 10, intune: 5, ready: 145 };
    to_a_merged_import(scale);
}

fn browser() -> reqwest::Client {
    let policy = reqwest::redirect::Policy::none();
    reqwest::Client::builder().no_proxy().redirect(policy).build().unwrap()
}

/// Opens an address; gives the status, where it leads, and the text.
fn open(address: &str) -> (u16, Option<String>, String) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let answer = browser().get(address).send().await.unwrap();
        let location = answer.headers().get("location");
        let location = location.map(|to| to.to_str().unwrap().to_owned());
        (answer.status().as_u16(), location, answer.text().await.unwrap())
    })
}

#[test]
fn a_consent_link_that_an_administrator_opens_makes_the_tenant_ready() {
    let scale = Scale { application: 1, consent: 1, roles: 1, intune: 0, ready: 0 };
    let (world, _, tenants) = campaign(scale);
    let list = list(&world, &tenants);
    json(&world, &["--customers", &list]);
    let links = world.run(&["onboard", "--links"]).ends_with(0).stdout;
    for line in links.lines() {
        let (status, to, _) = open(line.rsplit('\t').next().unwrap());
        let to = to.unwrap();
        assert_eq!(status, 302, "{line}");
        assert!(to.starts_with("https://login.microsoftonline.com/common/oauth2/nativeclient?"));
        assert!(to.contains("admin_consent=True") && to.contains("state="), "{to}");
    }
    let report = json(&world, &[]);
    assert_eq!(count(&report, "ready"), 3, "{report:#}");
    let letters = world.path("letters").display().to_string();
    world.run(&["onboard", "--mail", &letters]).ends_with(0).says("0 letters written");
}

#[test]
fn the_page_on_this_machine_ticks_off_by_the_tokens_word_and_not_by_the_browsers() {
    let scale = Scale { application: 0, consent: 1, roles: 0, intune: 0, ready: 1 };
    let (world, _, tenants) = campaign(scale);
    let lagging = |tenant: &mut Tenant| {
        tenant.switches.consent_lag_seconds = 3;
        Ok::<_, StateError>(())
    };
    world.state().change(tenants[0].tenant_id, lagging).unwrap();
    let list = list(&world, &tenants);
    json(&world, &["--customers", &list]);
    let mut command = world.command(&["onboard", "--listen", "--format", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let page = told.find(|line| line.contains("http://localhost:")).unwrap();
    let page = page.trim().to_owned();
    let origin = page.rsplit_once('/').unwrap().0.to_owned();
    let (status, _, html) = open(&page);
    assert_eq!(status, 200);
    let link = html.split("href=\"").nth(1).unwrap().split('"').next().unwrap();
    let link = link.replace("&amp;", "&");
    assert_eq!(html.matches("href").count(), 1, "the ready one needs no consent: {html}");

    // Neither a guess nor another tenant's word ticks anybody off.
    let id = tenants[0].tenant_id;
    let forged = format!("{origin}/?admin_consent=True&tenant={id}&state=guess");
    assert_eq!(open(&forged).0, 404);
    assert_eq!(open(&format!("{origin}/list")).0, 404);
    let (_, back, _) = open(&link);
    let back = back.unwrap();
    let (status, _, thanks) = open(&back);
    assert_eq!(status, 200);
    assert_eq!(open(&back).0, 404, "it came before");
    assert!(thanks.contains("You can close this page"), "{thanks}");
    let lines: Vec<String> = told.by_ref().collect();
    let all = lines.join("\n");
    assert!(all.contains("came back from its consent"), "{all}");
    assert!(all.contains(": ready") && all.contains("Every tenant was ticked off"), "{all}");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(count(&report, "ready"), 2, "{report:#}");
}

#[test]
fn a_campaign_goes_on_where_it_stopped_and_only_its_user_may_read_it() {
    let scale = Scale { application: 1, consent: 0, roles: 0, intune: 1, ready: 2 };
    let (world, _, tenants) = campaign(scale);
    let list = list(&world, &tenants);
    json(&world, &["--customers", &list]);
    let kept = world.repo().join(".git/applecart/onboard.json");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let text = std::fs::read_to_string(&kept).unwrap();
    assert!(!text.contains(&world.secret) && !text.contains("simulated-"), "{text}");
    let again = world.run(&["onboard", "--customers", &list]).ends_with(0);
    again.says("0 tenants added to the campaign, 4 were in it already");
    world.state().clear_journal();
    let offline = json(&world, &["--status"]);
    assert_eq!(offline["tenants"].as_array().unwrap().len(), 4);
    assert_eq!(world.state().requests(), [], "it was shown and not looked at");
    let run = world.run(&["onboard", "--status"]).ends_with(0);
    run.says("application-missing: 1 tenant").says("no-intune: 1 tenant").says("ready: 2 tenants");
}

#[test]
fn one_tenant_is_named_by_its_domain_and_one_that_nobody_knows_stays_in_the_campaign_until_it_is_taken_out()
 {
    let scale = Scale { application: 0, consent: 0, roles: 0, intune: 0, ready: 1 };
    let (world, _, tenants) = campaign(scale);
    let domain = |tenant: &mut Tenant| {
        tenant.domains = vec!["contoso.onmicrosoft.com".to_owned()];
        Ok::<_, StateError>(())
    };
    world.state().change(tenants[0].tenant_id, domain).unwrap();
    let report = json(&world, &["--tenant", "contoso.onmicrosoft.com"]);
    assert_eq!(report["tenants"][0]["tenantId"], tenants[0].tenant_id.to_string());
    assert_eq!(report["tenants"][0]["name"], "contoso");
    let unknown = world.run(&["onboard", "--tenant", "nobody.example"]).ends_with(3);
    unknown.says("nobody.example").says("tenant-not-found").says("unknown: 1 tenant");
    for again in [&["--status"][..], &["--links"], &[]] {
        let run = world.run(&[&["onboard"], again].concat()).ends_with(3);
        assert!(!run.stdout.contains("No tenant has to consent"), "{}", run.stdout);
        run.says("1 tenant not looked at yet, or not to be looked at");
    }
    let report = world.run(&["onboard", "--status", "-o", "json"]).ends_with(3).json();
    assert_eq!(report["tenants"][1]["domain"], "nobody.example");
    assert_eq!(report["tenants"][1]["tenantId"], Value::Null);
    world.run(&["onboard", "--remove", "nobody"]).ends_with(64).says("no tenant \"nobody\"");
    world.run(&["onboard", "--remove", "nobody.example"]).ends_with(0);
    assert_eq!(json(&world, &[])["tenants"].as_array().unwrap().len(), 1);
    world.run(&["onboard", "--tenant", "no tenant"]).ends_with(64).says("neither a tenant id nor");
    world.run(&["onboard", "--import", "--tenant", "contoso.onmicrosoft.com"]).ends_with(0);
    world.run(&["onboard", "--import"]).ends_with(4).says("no tenant of the campaign is ready");
}

#[test]
fn a_customer_whose_domain_entra_did_not_tell_is_asked_for_again_and_keeps_the_lists_name() {
    let scale = Scale { application: 0, consent: 0, roles: 0, intune: 0, ready: 1 };
    let (world, _, tenants) = campaign(scale);
    let list = world.path("list.csv");
    std::fs::write(&list, "Company name;Domain\nMueller;mueller.example\n").unwrap();
    let list = list.display().to_string();
    world.run(&["onboard", "--customers", &list]).ends_with(3).says("mueller.example");
    let domain = |tenant: &mut Tenant| {
        tenant.domains = vec!["mueller.example".to_owned()];
        Ok::<_, StateError>(())
    };
    world.state().change(tenants[0].tenant_id, domain).unwrap();
    let report = json(&world, &[]);
    assert_eq!(report["tenants"].as_array().unwrap().len(), 1, "{report:#}");
    assert_eq!((&report["tenants"][0]["name"], count(&report, "ready")), (&"mueller".into(), 1));
}

#[test]
fn a_customers_name_writes_no_line_into_the_head_of_its_letter() {
    let scale = Scale { application: 0, consent: 1, roles: 0, intune: 0, ready: 0 };
    let (world, _, tenants) = campaign(scale);
    let (path, id) = (world.path("list.csv"), tenants[0].tenant_id);
    let name = "Contoso\r\nBcc: evil@x.example\u{1b}]0;pwn\u{7}\u{202e}";
    std::fs::write(&path, format!("Company name,Tenant ID\r\n\"{name}\",{id}\r\n")).unwrap();
    let run = world.run(&["onboard", "--customers", &path.display().to_string()]).ends_with(0);
    run.says("has line breaks, control or invisible characters");
    let letters = world.path("letters");
    world.run(&["onboard", "--mail", &letters.display().to_string()]).ends_with(0);
    let letter = std::fs::read_dir(&letters).unwrap().next().unwrap().unwrap().path();
    let letter = std::fs::read_to_string(letter).unwrap();
    let (head, _) = letter.split_once("\n\n").unwrap();
    assert_eq!(head.lines().count(), 1, "{letter}");
    assert!(!letter.contains(['\u{1b}', '\u{202e}', '\r']), "{letter}");
}

#[test]
fn a_consent_that_is_on_its_way_is_waited_for() {
    let scale = Scale { application: 0, consent: 1, roles: 0, intune: 0, ready: 0 };
    let (world, _, tenants) = campaign(scale);
    let lagging = |tenant: &mut Tenant| {
        tenant.switches.consent_lag_seconds = 5;
        Ok::<_, StateError>(())
    };
    world.state().change(tenants[0].tenant_id, lagging).unwrap();
    let list = list(&world, &tenants);
    json(&world, &["--customers", &list]);
    let links = world.run(&["onboard", "--links"]).ends_with(0).stdout;
    assert_eq!(open(links.trim_end().rsplit('\t').next().unwrap()).0, 302);
    // The browser came back to this machine, and the program was left.
    let kept = world.repo().join(".git/applecart/onboard.json");
    let mut file: Value = serde_json::from_str(&std::fs::read_to_string(&kept).unwrap()).unwrap();
    file["candidates"][0]["consentedAt"] = Utc::now().to_rfc3339().into();
    std::fs::write(&kept, file.to_string()).unwrap();
    assert_eq!(count(&json(&world, &[]), "replicating"), 1);
    assert_eq!(count(&json(&world, &["--wait"]), "ready"), 1);
}

#[test]
fn tenants_of_another_sign_in_profile_come_with_the_command_that_looks_at_them() {
    let scale = Scale { application: 0, consent: 0, roles: 0, intune: 0, ready: 3 };
    let (world, _, tenants) = campaign(scale);
    let profile = |id: u8| {
        format!("{{clientId: 2f6b0000-0000-4000-8000-00000000000{id}, credential: client-secret}}")
    };
    let profiles = format!("  profiles:\n    one: {}\n    two: {}\n", profile(8), profile(9));
    let policy = world.policy("").replace("recipients:", &format!("{profiles}recipients:"));
    world.write("applecart.yaml", &policy);
    for (tenant, auth) in tenants.iter().zip(["", "auth: one\n", "auth: two\n"]) {
        let name = format!("t{}", auth.trim_start_matches("auth: ").trim());
        let text = format!(
            "apiVersion: applecart/v1\nkind: Tenant\nname: {name}\n{auth}tenantId: {}\n",
            tenant.tenant_id
        );
        world.write(&format!("tenants/{name}/tenant.yaml"), &text);
    }
    world.commit("Profiles");
    world.git(&["push", "--quiet", "origin", "main"]);
    let run = world.run(&["onboard", "--fleet", "--for", "apply"]).ends_with(0);
    for profile in ["one", "two"] {
        let told =
            format!("1 tenant signs in with the profile {profile} and is not looked at here");
        assert!(run.stderr.contains(&told), "{}", run.stderr);
        let command = format!("  applecart onboard --fleet --auth {profile} --for apply");
        assert!(run.stderr.lines().any(|line| line == command), "{}", run.stderr);
    }
    assert_eq!(count(&json(&world, &["--status"]), "in-fleet"), 1);
}

#[test]
fn before_anybody_looked_no_way_out_says_that_all_is_well() {
    let scale = Scale { application: 1, consent: 0, roles: 0, intune: 0, ready: 1 };
    let (world, _, tenants) = campaign(scale);
    let list = list(&world, &tenants);
    world.run(&["onboard", "--customers", &list, "--status"]).ends_with(3).says("not-looked: 2");
    let letters = world.path("letters").display().to_string();
    for way in [&["--links"][..], &["--commands"], &["--mail", &letters]] {
        let run = world.run(&[&["onboard"], way].concat()).ends_with(3);
        assert!(!run.stdout.contains("No tenant has to consent"), "{}", run.stdout);
        run.says("2 tenants not looked at yet").says("applecart onboard");
    }
    json(&world, &[]);
    world.run(&["onboard", "--links"]).ends_with(0).says("application-missing");
}

fn reads_only(tenant: &mut Tenant) -> Result<(), StateError> {
    tenant.apps[0].roles =
        ["DeviceManagementServiceConfig.Read.All", "DeviceManagementApps.Read.All"]
            .map(str::to_owned)
            .to_vec();
    Ok(())
}

#[test]
fn one_application_that_reads_is_enough_to_watch_and_before_the_first_upload_the_fleet_consents_again()
 {
    let scale = Scale { application: 0, consent: 0, roles: 0, intune: 0, ready: 2 };
    let (world, _, tenants) = campaign(scale);
    for tenant in &tenants {
        world.state().change(tenant.tenant_id, reads_only).unwrap();
    }
    let list = list(&world, &tenants);
    assert_eq!(count(&json(&world, &["--customers", &list]), "ready"), 2);
    world.run(&["onboard", "--import", "--push"]).ends_with(0);
    let branch = world.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/onboard/"]);
    world.git(&["merge", "--quiet", "--ff-only", &branch]);
    world.git(&["push", "--quiet", "origin", "main"]);
    assert_eq!(count(&json(&world, &[]), "in-fleet"), 2);
    world.run(&["onboard", "--links"]).ends_with(0).says("No tenant has to consent");

    // What `doctor` advises works as it is printed, also in a clone that never had a campaign.
    std::fs::remove_file(world.repo().join(".git/applecart/onboard.json")).unwrap();
    let advice = "applecart onboard --fleet --for apply";
    world.run(&["doctor"]).ends_with(0).says(advice).says("applecart onboard --links");
    let arguments: Vec<&str> = advice.split(' ').skip(1).collect();
    let run = world.run(&arguments).ends_with(0);
    run.says("DeviceManagementServiceConfig.ReadWrite.All").says("roles-missing: 2 tenants");
    let links = world.run(&["onboard", "--links"]).ends_with(0).stdout;
    assert_eq!(links.lines().filter(|line| line.contains("/adminconsent?")).count(), 2, "{links}");
    let posix = world.run(&["onboard", "--commands", "posix"]).ends_with(0).stdout;
    assert!(
        posix.contains("5ac13192-7ace-4fcf-b828-1a26f28068ee"),
        "the one that uploads: {posix}"
    );
    let power = world.run(&["onboard", "--commands", "powershell"]).ends_with(0).stdout;
    assert!(power.contains("5ac13192-7ace-4fcf-b828-1a26f28068ee"), "{power}");
    if let Some(python) = crate::formats::python("tree_sitter_powershell") {
        assert_eq!(crate::book::powershell::complaints(&python, &power), "", "{power}");
    }
    let write = |tenant: &mut Tenant| {
        tenant.apps[0].roles = vec!["DeviceManagementServiceConfig.ReadWrite.All".to_owned()];
        Ok::<_, StateError>(())
    };
    for tenant in &tenants {
        world.state().change(tenant.tenant_id, write).unwrap();
    }
    let report = json(&world, &[]);
    assert_eq!((count(&report, "in-fleet"), &report["stage"]), (2, &"apply".into()), "{report:#}");

    // One that is named is looked at, also where it was seen to lack nothing.
    world.state().change(tenants[0].tenant_id, reads_only).unwrap();
    let id = tenants[0].tenant_id.to_string();
    assert_eq!(count(&json(&world, &["--tenant", &id]), "roles-missing"), 1);
}

#[test]
fn a_closed_pull_requests_tenants_are_ready_again_once_nobody_has_its_branch() {
    let scale = Scale { application: 0, consent: 0, roles: 0, intune: 0, ready: 2 };
    let (world, _, tenants) = campaign(scale);
    let list = list(&world, &tenants);
    json(&world, &["--customers", &list]);
    world.run(&["onboard", "--import", "--push"]).ends_with(0);
    let branch = world.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/onboard/"]);
    world.git(&["branch", "--quiet", "--delete", "--force", &branch]);
    assert_eq!(count(&json(&world, &["--status"]), "proposed"), 2, "the remote has it");
    world.git(&["push", "--quiet", "origin", "--delete", &branch]);
    let run = world.run(&["onboard", "--status"]).ends_with(0);
    run.says("ready: 2 tenants").says("nobody has the branch");
    world.run(&["onboard", "--import", "--push"]).ends_with(0).says("2 tenants on the branch");
    assert_eq!(count(&json(&world, &["--status"]), "proposed"), 2);
}

/// The branches of imports here and at the remote, by their names.
fn branches(world: &World) -> (Vec<String>, Vec<String>) {
    let names = |text: String| text.lines().map(str::to_owned).collect();
    let here = world.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/onboard/"]);
    let there = world.git(&["ls-remote", "--refs", "origin", "refs/heads/onboard/*"]);
    let there = there.lines().filter_map(|line| line.rsplit_once("refs/heads/"));
    (names(here), there.map(|(_, name)| name.to_owned()).collect())
}

#[test]
fn an_import_that_was_not_pushed_says_so_and_the_same_branch_is_pushed_later() {
    let scale = Scale { application: 0, consent: 0, roles: 0, intune: 0, ready: 2 };
    let (world, _, tenants) = campaign(scale);
    let list = list(&world, &tenants);
    json(&world, &["--customers", &list]);
    world.run(&["onboard", "--import"]).ends_with(0).says("git push origin");
    let (here, there) = branches(&world);
    assert_eq!((here.len(), there.len()), (1, 0));
    let run = world.run(&["onboard", "--status"]).ends_with(0);
    let run = run.says("is in this clone alone");
    let command = "  applecart onboard --import --push";
    assert!(run.stderr.lines().any(|line| line == command), "{}", run.stderr);
    let run = world.run(&["onboard", "--import", "--push"]).ends_with(0);
    run.says("of an earlier import is pushed");
    assert_eq!(branches(&world), (here.clone(), here));
    let run = world.run(&["onboard", "--status"]).ends_with(0).says("proposed: 2 tenants");
    assert!(!run.stderr.contains("in this clone alone"), "{}", run.stderr);
    world.run(&["onboard", "--import", "--push"]).ends_with(4).says("no tenant of the campaign");
}

#[cfg(unix)]
#[test]
fn an_import_that_was_killed_once_the_remote_had_its_branch_is_not_proposed_again() {
    use std::os::unix::fs::PermissionsExt as _;
    let scale = Scale { application: 0, consent: 0, roles: 0, intune: 0, ready: 2 };
    let (world, _, tenants) = campaign(scale);
    let list = list(&world, &tenants);
    json(&world, &["--customers", &list]);
    // The remote has the branch, and its answer stays out until the program is dead.
    let (hook, go) = (world.path("origin.git/hooks/post-receive"), world.path("go"));
    let text = format!("#!/bin/sh\nwhile [ ! -e '{}' ]; do sleep 0.1; done\n", go.display());
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, text).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = world.command(&["onboard", "--import", "--push"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("the remote has the branch", || branches(&world).1.len() == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::write(&go, "").unwrap();
    assert_eq!(count(&json(&world, &["--status"]), "proposed"), 2);
    world.run(&["onboard", "--import", "--push"]).ends_with(4).says("no tenant of the campaign");
    assert_eq!(branches(&world).1.len(), 1);
}

#[test]
fn a_line_with_the_id_of_one_tenant_and_the_domain_of_another_binds_nobody() {
    let scale = Scale { application: 0, consent: 0, roles: 0, intune: 0, ready: 2 };
    let (world, _, tenants) = campaign(scale);
    for (tenant, name) in tenants.iter().zip(["alpha", "beta"]) {
        let domain = |tenant: &mut Tenant| {
            tenant.domains = vec![format!("{name}.onmicrosoft.com")];
            Ok::<_, StateError>(())
        };
        world.state().change(tenant.tenant_id, domain).unwrap();
    }
    let path = world.path("list.csv");
    let (one, two) = (tenants[0].tenant_id, tenants[1].tenant_id);
    let list = |domains: [&str; 2]| {
        let [a, b] = domains.map(|name| format!("{name}.onmicrosoft.com"));
        let text = format!("Name,Microsoft ID,Domain\nAlpha,{one},{a}\nBeta,{two},{b}\n");
        std::fs::write(&path, text).unwrap();
        world.run(&["onboard", "--customers", &path.display().to_string()])
    };
    let run = list(["beta", "beta"]).ends_with(64);
    run.says(&format!("line 2: beta.onmicrosoft.com is a domain of the tenant {two}"));
    world.run(&["onboard", "--status"]).says("has no tenant yet");
    list(["alpha", "beta"]).ends_with(0).says("2 tenants added");
    // A domain that nobody has tells nothing.
    list(["alpha", "gamma"]).ends_with(0);
}

#[test]
fn of_two_applications_the_one_that_is_missing_is_named_and_asked_for_alone() {
    let scale = Scale { application: 0, consent: 0, roles: 0, intune: 0, ready: 1 };
    let (world, _, tenants) = campaign(scale);
    const READER: &str = "3f6b0000-0000-4000-8000-000000000009";
    let policy = world.policy("");
    let id = format!("clientId: {WRITER_CLIENT_ID}");
    assert!(policy.contains(&id), "{policy}");
    world.write(
        "applecart.yaml",
        &policy.replace(&id, &format!("{id}\n  readerClientId: {READER}")),
    );
    world.commit("A reader");
    world.git(&["push", "--quiet", "origin", "main"]);
    let reader_alone = |tenant: &mut Tenant| {
        reads_only(tenant)?;
        tenant.apps[0].client_id = READER.to_owned();
        Ok::<_, StateError>(())
    };
    world.state().change(tenants[0].tenant_id, reader_alone).unwrap();
    let list = list(&world, &tenants);
    let report = json(&world, &["--customers", &list]);
    assert_eq!(count(&report, "application-missing"), 1, "{report:#}");
    let seen = &report["tenants"][0]["applications"];
    let seen: Vec<(&str, &str)> = (seen.as_array().unwrap().iter())
        .map(|one| (one["duty"].as_str().unwrap(), one["standing"].as_str().unwrap()))
        .collect();
    assert_eq!(seen, [("reads", "ready"), ("writes", "application-missing")]);
    world.run(&["onboard", "--status"]).says("application-missing the application that uploads");
    let explained = world.run(&["explain", "application-missing"]).ends_with(0);
    explained.says("how far a tenant is").says("its administrator consents (--links)");
    let both = world.run(&["explain", "consent-missing"]).ends_with(0);
    both.says("how far a tenant is").says("sharing");
    world.run(&["explain", "application-missing", "-o", "json"]).ends_with(64);
    let links = world.run(&["onboard", "--links"]).ends_with(0).stdout;
    assert_eq!(links.lines().count(), 1, "{links}");
    assert!(links.contains(&format!("client_id={WRITER_CLIENT_ID}")), "{links}");
    let commands = world.run(&["onboard", "--commands", "posix"]).ends_with(0).stdout;
    assert!(commands.contains(WRITER_CLIENT_ID) && !commands.contains(READER), "{commands}");
}

#[cfg(unix)]
#[test]
fn no_letter_is_written_through_a_link_and_an_empty_campaign_says_that_it_is_one() {
    let scale = Scale { application: 1, consent: 0, roles: 0, intune: 0, ready: 0 };
    let (world, _, tenants) = campaign(scale);
    for way in [&["--links"][..], &["--mail", "letters"], &["--commands", "posix"]] {
        let run = world.run(&[&["onboard"], way].concat());
        let run = run.ends_with(0).says("The campaign of this clone has no tenant yet");
        assert_eq!(run.stdout, "");
    }
    let list = list(&world, &tenants);
    json(&world, &["--customers", &list]);
    let (letters, outside) = (world.repo().join("letters"), world.path("outside"));
    std::fs::create_dir_all(&outside).unwrap();
    let kept = outside.join("kept.txt");
    std::fs::write(&kept, "kept").unwrap();
    let mail = ["onboard", "--mail", letters.to_str().unwrap()];
    std::os::unix::fs::symlink(&outside, &letters).unwrap();
    world.run(&mail).ends_with(7).says("is a link");
    std::fs::remove_file(&letters).unwrap();
    world.run(&mail).ends_with(0);
    let letter = std::fs::read_dir(&letters).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(&letter).unwrap();
    std::os::unix::fs::symlink(&kept, &letter).unwrap();
    world.run(&mail).ends_with(7).says("is a link");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "kept");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
}
