//! What `status` writes for calendars, metrics and spreadsheets, read back by programs of others.
//!
//! Programs are found as in `interop`. The Python that has `icalendar` is the one `.ci/run` installs
//! it into, Debian's own, or the one that APPLECART_FORMATS_PYTHON names.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use applecart_simulator::{Fault, FaultRule, Tenant, Vpp};
use serde_json::Value;

use crate::interop::program;
use crate::world::{World, project, tenant_id};

/// One customer whose certificate is due, and one whose VPP token has a name that every format has to
/// escape.
const HOSTILE: &str = "=1+1, \"; \\ Zürich ##vso[task.complete]";

fn fleet() -> World {
    let world = World::new();
    let due = world.issue(None, 20);
    world.live("contoso", Some(&due));
    world.tenant("contoso", &due);
    let later = world.issue(None, 200);
    world.live("fabrikam", Some(&later));
    world.tenant_with(
        "fabrikam",
        &later,
        later.pem.as_bytes(),
        "",
        "displayName: Fabrikam, Köln\n",
    );
    world.commit("Two customers");
    world
}

/// The Python that has this package, or nothing after the reason was printed.
pub(crate) fn python(package: &str) -> Option<PathBuf> {
    let named = std::env::var_os("APPLECART_FORMATS_PYTHON").map(PathBuf::from);
    let installed = project().join("target/ci-tools/bin/python");
    let has_it = |python: &PathBuf| {
        let mut command = Command::new(python);
        command.args(["-c", &format!("import {package}")]).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let found = named.into_iter().chain([installed, "/usr/bin/python3".into()]).find(has_it);
    if found.is_none() {
        assert!(
            std::env::var_os("APPLECART_REQUIRE_INTEROP").is_none(),
            "{package} is not installed for any Python, and APPLECART_REQUIRE_INTEROP is set"
        );
        println!("skipped: {package} is not installed for any Python");
    }
    found
}

pub(crate) fn fed(program: &std::path::Path, arguments: &[&str], input: &str) -> (bool, String) {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

const READ: &str = r#"
import icalendar, json, sys
calendar = icalendar.Calendar.from_ical(sys.stdin.buffer.read())
assert calendar["VERSION"] == "2.0" and calendar["METHOD"] == "PUBLISH"
events = []
for event in calendar.walk("VEVENT"):
    assert not event.errors, event.errors
    alarm, = event.walk("VALARM")
    assert str(alarm["ACTION"]) == "DISPLAY" and str(alarm["DESCRIPTION"]), alarm
    start, end = event["DTSTART"].dt, event["DTEND"].dt
    events.append({
        "uid": str(event["UID"]), "summary": str(event["SUMMARY"]), "day": start.isoformat(),
        "days": (end - start).days, "sequence": int(event["SEQUENCE"]),
        "description": str(event["DESCRIPTION"]), "alarm": alarm["TRIGGER"].dt.total_seconds(),
        "stamp": event["DTSTAMP"].dt.isoformat(),
    })
json.dump(events, sys.stdout)
"#;

/// The events of a calendar, as another library reads them.
fn events(python: &std::path::Path, ics: &str) -> Vec<Value> {
    let (success, text) = fed(python, &["-c", READ], ics);
    assert!(success, "{text}\n{ics}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_calendar_is_read_by_another_library_and_says_what_the_status_says() {
    let Some(python) = python("icalendar") else { return };
    let world = fleet();
    let status = world.run(&["status", "--format", "json"]).ends_with(0).json();
    let events = events(&python, &world.run(&["status", "--format", "ics"]).ends_with(0).stdout);
    assert_eq!(events.len(), 2, "{events:#?}");
    let (contoso, fabrikam) = (&events[0], &events[1]);
    let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
    let token = |tenant: usize| status["tenants"][tenant]["tokens"][0].clone();
    let day = |at: &Value| at.as_str().unwrap()[..10].to_owned();
    assert_eq!(text(contoso, "summary"), "Renewal due: contoso, push certificate");
    assert_eq!(text(contoso, "day"), day(&token(0)["criticalFrom"]));
    assert!(text(contoso, "description").contains("applecart renew"), "{contoso:#}");
    assert_eq!(text(fabrikam, "summary"), "Renew: Fabrikam, Köln, push certificate");
    assert_eq!(text(fabrikam, "day"), day(&token(1)["renewBy"]));
    for event in &events {
        assert_eq!((event["days"].as_i64(), event["alarm"].as_f64()), (Some(1), Some(28_800.0)));
        assert!(!text(event, "description").contains('@'), "no Apple Account: {event:#}");
    }
}

#[test]
fn a_renewal_keeps_its_event_offline_and_while_its_tenant_cannot_be_read() {
    let Some(python) = python("icalendar") else { return };
    let world = fleet();
    let uids = |arguments: &[&str]| -> Vec<String> {
        let run = world.run(&[&["status", "--format", "ics"], arguments].concat());
        let events = events(&python, &run.stdout);
        events.iter().map(|event| event["uid"].as_str().unwrap().to_owned()).collect()
    };
    let live = uids(&[]);
    assert_eq!(live.len(), 2);
    assert_eq!(uids(&["--offline"]), live);
    world.state().add_fault(FaultRule::always(Fault::status(504)).for_tenant(tenant_id("contoso")));
    assert_eq!(uids(&[]), live);
}

#[test]
fn promtool_finds_nothing_to_say_about_the_metrics() {
    let Some(promtool) = program("promtool", "APPLECART_PROMTOOL") else { return };
    let world = fleet();
    let metrics = world.run(&["status", "--format", "prometheus"]).ends_with(0).stdout;
    assert_eq!(fed(&promtool, &["check", "metrics"], &metrics), (true, String::new()), "{metrics}");
    let tenant = tenant_id("contoso");
    let series = format!("{{tenant=\"contoso\",tenant_id=\"{tenant}\",kind=\"push\",name=\"\"");
    for metric in [
        format!("applecart_token_expiration_timestamp_seconds{series}}} "),
        format!(
            "applecart_attention{series},code=\"renewal-due\",severity=\"notice\",parked=\"false\"}} 1"
        ),
    ] {
        assert!(metrics.contains(&metric), "{metric}\n{metrics}");
    }
    assert!(!metrics.contains('@'), "no Apple Account is a label: {metrics}");
    // It does find what is wrong.
    let twice = format!("{metrics}applecart_build_info{{version=\"0\"}} 1\n{metrics}");
    assert!(!fed(&promtool, &["check", "metrics"], &twice).0);
}

#[test]
fn a_name_from_intune_breaks_no_format() {
    let world = World::new();
    let mut tenant = Tenant::new(tenant_id("contoso"));
    let vpp = world.live_vpp("vpp-1", "London", 20);
    tenant.vpp_tokens =
        vec![Vpp { display_name: HOSTILE.to_owned(), location_name: HOSTILE.to_owned(), ..vpp }];
    world.state().add_tenant(tenant).unwrap();
    let id = tenant_id("contoso").to_string();
    world.run(&["import", "contoso", "--tenant-id", &id]).ends_with(0);
    world.commit("Import");
    let shown = |format: &str| world.run(&["status", "--format", format]).stdout;
    for format in ["prometheus", "ics", "csv-excel"] {
        let text = shown(format);
        assert!(text.contains("1+1") && text.contains("Zürich"), "{format}: {text}");
        assert!(!text.contains("##vso["), "{format}: {text}");
    }
    if let Some(promtool) = program("promtool", "APPLECART_PROMTOOL") {
        assert_eq!(
            fed(&promtool, &["check", "metrics"], &shown("prometheus")),
            (true, String::new())
        );
    }
    if let Some(python) = python("icalendar") {
        let summary = events(&python, &shown("ics"))[0]["summary"].as_str().unwrap().to_owned();
        assert!(summary.contains("VPP token =1+1, \"; \\ Zürich"), "{summary}");
    }
}

#[test]
fn the_spreadsheet_begins_with_its_mark_and_runs_no_formula() {
    let world = fleet();
    world.tenant_with(
        "fabrikam",
        &world.issue(None, 300),
        b"",
        "",
        "displayName: '=HYPERLINK(\"http://evil.example\")'\n",
    );
    world.commit("A name that is a formula");
    let now = "2026-11-22T12:00:00Z";
    let shown =
        |format: &str| world.run(&["status", "--offline", "--now", now, "--format", format]).stdout;
    let (plain, excel) = (shown("csv"), shown("csv-excel"));
    assert_eq!(excel, format!("\u{feff}{plain}"));
    assert!(!plain.starts_with('\u{feff}'), "scripts get none");
    assert!(plain.contains("\"'=HYPERLINK(\"\"http://evil.example\"\")\""), "{plain}");
    let history = world.run(&["history", "--format", "csv-excel"]).ends_with(0).stdout;
    assert!(history.starts_with("\u{feff}"), "{history}");
}

#[test]
fn a_result_goes_into_a_file_whole_or_not_at_all() {
    let world = fleet();
    let path = world.path("applecart.prom");
    let file = path.to_str().unwrap();
    for format in ["prometheus", "json", "human", "ics", "csv", "markdown"] {
        let now = ["--offline", "--format", format, "--now", "2026-11-22T12:00:00Z"];
        let shown = world.run(&[&["status"][..], &now].concat()).ends_with(0).stdout;
        let run = world.run(&[&["status", "--output", file][..], &now].concat()).ends_with(0);
        assert_eq!(run.stdout, "");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), shown, "{format}");
    }
    let before = std::fs::read(&path).unwrap();
    world.run(&["status", "--output", file, "--select", "nobody"]).ends_with(64);
    assert_eq!(std::fs::read(&path).unwrap(), before, "a run that fails leaves it as it was");
    let folder = std::fs::read_dir(path.parent().unwrap()).unwrap();
    let left =
        folder.filter(|one| one.as_ref().unwrap().file_name().to_str().unwrap().ends_with(".tmp"));
    assert_eq!(left.count(), 0);
    world
        .run(&["status", "--offline", "--output", "no/such/folder/file"])
        .ends_with(1)
        .says("no/such/folder/file");
    let shown = world.run(&["status", "--offline", "-O", "-"]).ends_with(0).stdout;
    assert!(shown.contains("2 tenants"), "{shown}");
}

fn monitoring(file: &str) -> PathBuf {
    project().join("examples/monitoring").join(file)
}

#[test]
fn promtool_checks_and_tests_the_alert_rules() {
    let Some(promtool) = program("promtool", "APPLECART_PROMTOOL") else { return };
    for arguments in
        [["check", "rules", "applecart.rules.yml"], ["test", "rules", "applecart.rules.test.yml"]]
    {
        let mut command = Command::new(&promtool);
        let output = command.current_dir(monitoring("")).args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
    }
}

/// Rules, dashboard and page name metrics that are in this text, and the page names all of these.
#[track_caller]
pub(crate) fn names_fit(metrics: &str) {
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let there: Vec<&str> = types.collect();
    let dashboard = std::fs::read_to_string(monitoring("grafana-dashboard.json")).unwrap();
    serde_json::from_str::<Value>(&dashboard).unwrap();
    let rules = std::fs::read_to_string(monitoring("applecart.rules.yml")).unwrap();
    let page = std::fs::read_to_string(project().join("docs/monitoring.md")).unwrap();
    for (file, text) in
        [("dashboard", &dashboard), ("rules", &rules), ("docs/monitoring.md", &page)]
    {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let named: Vec<&str> = words.filter(|word| word.starts_with("applecart_")).collect();
        assert!(named.len() > 5, "{file}");
        for name in named {
            assert!(there.contains(&name), "{file}: {name} is not one of {there:?}");
        }
    }
    for name in &there {
        assert!(page.contains(&format!("`{name}`")), "docs/monitoring.md lacks {name}");
    }
}

#[cfg(unix)]
#[test]
fn the_local_check_goes_by_the_exit_codes_and_tells_a_status_that_is_too_old() {
    if program("jq", "APPLECART_JQ").is_none() {
        return;
    }
    let world = fleet();
    let file = world.path("status.json");
    let check = |file: &std::path::Path| {
        let mut command = Command::new("bash");
        command.arg(monitoring("checkmk-local.sh")).env("APPLECART_STATUS", file);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let write = |more: &[&str]| {
        let status = ["status", "--fail-on", "urgent", "--format", "json", "--output"];
        world.run(&[&status[..], &[file.to_str().unwrap()], more].concat())
    };
    world.run(&["apply"]).ends_with(0);
    write(&[]).ends_with(0);
    let calm = check(&file);
    assert!(calm.starts_with("0 \"Apple credentials\" critical=0|urgent=0|"), "{calm}");
    assert!(calm.ends_with("2 tenants, 2 tokens\n"), "{calm}");
    world.change("contoso", |tenant| tenant.apple_push_notification_certificate = None);
    write(&[]).ends_with(9);
    assert!(check(&file).starts_with("2 \"Apple credentials\" critical=1|"), "{}", check(&file));
    world.state().add_fault(FaultRule::always(Fault::status(504)).for_tenant(tenant_id("contoso")));
    write(&["--select", "contoso"]).ends_with(3);
    assert!(check(&file).starts_with("1 \"Apple credentials\" "), "{}", check(&file));
    write(&["--now", "2020-01-01T00:00:00Z"]);
    assert!(check(&file).contains("the schedule does not run"), "{}", check(&file));
    assert!(check(&world.path("none")).starts_with("2 "), "{}", check(&world.path("none")));
    // A clock that is ahead would keep the check green for as long as it pleases.
    write(&["--now", "2099-01-01T00:00:00Z"]);
    assert!(check(&file).starts_with("2 \"Apple credentials\" "), "{}", check(&file));
    assert!(check(&file).contains("compare the clocks"), "{}", check(&file));
    // A folder's name is a commit's: with a line break in it, it would be a second service.
    write(&["--now", "2020-01-01T00:00:00Z"]);
    let mut status: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    status["generatedAt"] = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string().into();
    status["exits"] = serde_json::json!([9]);
    let line = "a\n0 \"Apple credentials\" - OK";
    status["attention"] = serde_json::json!([
        {"severity": "critical", "code": "expired", "tenant": {"name": line}}
    ]);
    std::fs::write(&file, status.to_string()).unwrap();
    let told = check(&file);
    assert!(told.starts_with("2 \"Apple credentials\" critical=1|"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}
