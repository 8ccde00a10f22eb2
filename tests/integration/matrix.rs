//! Who can do what: each cell of THREAT-MODEL.md's matrix names the tests that show it, with the real
//! program, or says that it is left.

mod attacks;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use crate::world::project;

#[derive(Clone, Copy)]
enum Who {
    Reader,
    Notes,
    Ledger,
    Author,
    Administrator,
}

#[derive(Clone, Copy)]
enum Goal {
    Cause,
    Hide,
    Delay,
    Redirect,
    Read,
    Audit,
}

const EVERYBODY: [(Who, &str); 5] = [
    (Who::Reader, "reader"),
    (Who::Notes, "technician with notes"),
    (Who::Ledger, "technician with ledger"),
    (Who::Author, "author of a pull request"),
    (Who::Administrator, "administrator of the forge"),
];

const GOALS: [(Goal, &str); 6] = [
    (Goal::Cause, "cause a write"),
    (Goal::Hide, "hide a write"),
    (Goal::Delay, "delay a write"),
    (Goal::Redirect, "redirect a write"),
    (Goal::Read, "read a secret"),
    (Goal::Audit, "make audit pass"),
];

enum Verdict {
    /// It cannot be done.
    Prevented(&'static [&'static str]),
    /// It can be done, and this tells of it.
    Detected { by: &'static str, tests: &'static [&'static str] },
    /// It can be done. `why` begins a paragraph of "What is left"; the tests show what still notices it.
    Left { why: &'static str, tests: &'static [&'static str] },
}

use Verdict::{Detected, Left, Prevented};

const READS: Verdict =
    Prevented(&["whoever_may_only_read_causes_hides_delays_and_redirects_nothing"]);
const NOTES: Verdict = Prevented(&["notes_decide_nothing_whatever_they_say"]);
const CLONE: Verdict = Prevented(&["what_everybody_may_clone_holds_no_secret"]);

fn verdict(who: Who, goal: Goal) -> Verdict {
    match who {
        Who::Reader => match goal {
            Goal::Cause | Goal::Hide | Goal::Delay | Goal::Redirect | Goal::Audit => READS,
            Goal::Read => Prevented(&[
                "what_everybody_may_clone_holds_no_secret",
                "a_fork_gets_its_files_checked_and_no_tenant_is_asked",
            ]),
        },
        Who::Notes => match goal {
            Goal::Cause => Prevented(&[
                "notes_decide_nothing_whatever_they_say",
                "a_renewal_runs_whole_under_the_rights_of_each_and_a_technicians_apply_sends_nothing",
            ]),
            Goal::Delay => Detected {
                by: "`request-disputed`, `notes-unknown`: the certificate is held, and who did it named; a reviewed `allow` line or the notes' return releases it",
                tests: &[
                    "a_forged_note_holds_a_due_upload_names_who_and_the_printed_line_releases_it",
                    "notes_that_were_cut_by_a_plain_push_stop_the_certificate_until_they_are_back",
                ],
            },
            Goal::Hide | Goal::Redirect | Goal::Audit => NOTES,
            Goal::Read => CLONE,
        },
        Who::Ledger => of_the_ledger(goal),
        Who::Author => of_an_author(goal),
        Who::Administrator => of_an_administrator(goal),
    }
}

fn of_the_ledger(goal: Goal) -> Verdict {
    match goal {
        Goal::Cause => Prevented(&["a_forged_failure_repeats_no_upload"]),
        Goal::Hide => Detected {
            by: "a hold (`changed-outside-git`, `rejected`), `in-progress-elsewhere` or a broken record, told in `plan` and `apply`",
            tests: &[
                "a_forged_end_of_an_upload_hides_none",
                "lines_forged_beside_a_genuine_upload_hide_no_second_file_of_the_day",
                "a_plain_push_that_removes_lines_makes_their_tenant_unknown_until_it_is_accepted",
            ],
        },
        Goal::Delay => Detected {
            by: "`ledger-line-broken`; `in-progress-elsewhere`, and 6 where nothing else is due, which no pipeline takes for done; from the third `intent-without-outcome`",
            tests: &[
                "a_forged_announcement_delays_by_minutes_and_a_pipeline_says_so",
                "announcements_that_nobody_ends_are_urgent_also_of_a_tenant_in_no_folder",
                "what_stays_in_progress_elsewhere_does_not_end_a_pipeline_as_done",
            ],
        },
        Goal::Redirect => Prevented(&["a_forged_line_sends_no_file_to_another_tenant"]),
        Goal::Read => CLONE,
        Goal::Audit => Left {
            why: "A forged `adopted` line of a token that Git only watches answers an audit",
            tests: &[
                "a_forged_adoption_answers_no_plan_and_no_audit",
                "what_nobody_signed_who_may_is_found",
            ],
        },
    }
}

fn of_an_author(goal: Goal) -> Verdict {
    match goal {
        Goal::Cause => Prevented(&[
            "a_commit_that_nobody_merged_is_not_applied",
            "apply_takes_no_branch_that_a_pull_request_chose_as_its_target",
            "a_tag_that_is_called_like_the_base_merges_nothing",
        ]),
        Goal::Hide => Prevented(&[
            "a_pull_request_is_judged_by_the_policy_of_its_target_and_not_by_its_own",
            "a_pull_request_shows_new_destinations_and_who_is_no_longer_watched_first",
            "a_plan_is_never_written_into_somebody_elses_comment",
        ]),
        Goal::Delay => Detected {
            by: "`wrong-destination`, with the branch that claims the file for another tenant; nothing else on an open branch counts",
            tests: &[
                "an_open_pull_request_changes_nothing_that_apply_does",
                "a_file_that_waits_on_another_tenants_branch_goes_to_no_other_tenant",
            ],
        },
        Goal::Redirect => Prevented(&[
            "a_pull_request_cannot_send_a_file_to_another_tenant_and_release_it_itself",
            "a_wrong_destination_is_held_after_the_merge_as_before_it",
            "a_file_that_stood_in_the_middle_of_a_merged_branch_is_whose_it_was_there",
            "a_fast_forward_gives_nobody_what_another_tenant_had_in_the_base",
        ]),
        Goal::Read => Prevented(&[
            "a_branch_is_planned_without_a_key_and_with_reads_only",
            "a_pull_request_has_no_key_and_may_write_nothing_but_its_comment",
            "what_git_starts_gets_no_secret_of_ours",
        ]),
        Goal::Audit => Detected {
            by: "`audit` looks at every commit, and at who changed the signers",
            tests: &[
                "what_was_committed_once_and_removed_later_is_found_with_its_commit",
                "who_changes_the_signers_must_be_one_of_those_before",
            ],
        },
    }
}

fn of_an_administrator(goal: Goal) -> Verdict {
    const ALONE: &str = "An administrator of the forge decides alone";
    match goal {
        Goal::Cause => Left {
            why: ALONE,
            tests: &[
                "an_unsigned_commit_is_refused",
                "who_changes_the_signers_must_be_one_of_those_before",
            ],
        },
        Goal::Redirect => {
            Left { why: ALONE, tests: &["files_that_were_swapped_between_two_tenants_are_found"] }
        }
        Goal::Hide => Detected {
            by: "`ledger-behind`, `ledger-rewritten` in every clone that saw the newer record, `audit --expect-head` elsewhere",
            tests: &[
                "an_older_ledger_that_was_pushed_by_force_is_found_by_whoever_saw_the_newer_one",
                "a_history_that_was_rewritten_is_found_by_the_head_that_was_kept",
            ],
        },
        Goal::Delay => Left {
            why: "An administrator of the forge can switch the pipelines off",
            tests: &["a_fresh_clone_does_not_take_a_deleted_ledger_for_an_empty_one"],
        },
        Goal::Read => Left { why: "What the forge keeps, its administrator can read", tests: &[] },
        Goal::Audit => Detected {
            by: "`audit --expect-head`, with a head that was kept outside the forge",
            tests: &[
                "a_history_that_was_rewritten_is_found_by_the_head_that_was_kept",
                "an_amended_fleet_commit_is_found",
            ],
        },
    }
}

/// The matrix as THREAT-MODEL.md has it.
fn table() -> String {
    let mut text = String::from("| who | tries to | answer | test |\n|---|---|---|---|\n");
    for (who, name) in EVERYBODY {
        for (goal, what) in GOALS {
            let (answer, tests) = match verdict(who, goal) {
                Prevented(tests) => ("prevented".to_owned(), tests),
                Detected { by, tests } => (format!("detected: {by}"), tests),
                Left { why, tests } => (format!("left: {why}"), tests),
            };
            let tests: Vec<_> = tests.iter().map(|test| format!("`{test}`")).collect();
            writeln!(text, "| {name} | {what} | {answer} | {} |", tests.join(", ")).unwrap();
        }
    }
    text
}

fn threat_model() -> String {
    std::fs::read_to_string(project().join("THREAT-MODEL.md")).unwrap()
}

const BEGIN: &str = "<!-- matrix: written by the tests, from tests/integration/matrix.rs -->\n";
const END: &str = "<!-- /matrix -->\n";

#[test]
fn generated_matrix_of_the_threat_model() {
    let text = threat_model();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (committed, after) = rest.split_once(END).unwrap();
    let expected = table();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        let text = format!("{before}{BEGIN}{expected}{END}{after}");
        std::fs::write(project().join("THREAT-MODEL.md"), text).unwrap();
    } else {
        assert!(
            committed == expected,
            "THREAT-MODEL.md has another matrix; run: UPDATE_GENERATED=1 cargo test --test integration generated"
        );
    }
}

/// A function of the sources, as rustfmt writes it: its end is the brace under its beginning.
struct Function {
    name: String,
    is_test: bool,
    body: String,
}

/// The functions in these folders.
fn functions_in(folders: &[&str]) -> Vec<Function> {
    fn read(text: &str, found: &mut Vec<Function>) {
        let mut is_test = false;
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let code = line.trim_start();
            is_test |= code.starts_with("#[test]") || code.starts_with("#[tokio::test");
            let Some((_, name)) = code.split_once("fn ").filter(|_| !code.starts_with("//")) else {
                continue;
            };
            let Some((name, _)) = name.split_once(['(', '<']) else { continue };
            let end = format!("{}}}", " ".repeat(line.len() - code.len()));
            let is_whole = line.ends_with(';') || line.ends_with('}');
            let body = lines.by_ref().take_while(|line| !is_whole && *line != end);
            let body = body.collect::<Vec<_>>().join("\n");
            let is_test = std::mem::take(&mut is_test);
            // What is in it may be a function, too.
            read(&body, found);
            found.push(Function { name: name.to_owned(), is_test, body });
        }
    }
    fn walk(folder: &Path, found: &mut Vec<Function>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                read(&std::fs::read_to_string(&path).unwrap(), found);
            }
        }
    }
    let mut found = Vec::new();
    folders.iter().for_each(|folder| walk(&project().join(folder), &mut found));
    found
}

/// The names of the tests in these folders.
fn tests_in(folders: &[&str]) -> BTreeSet<String> {
    let tests = functions_in(folders).into_iter().filter(|one| one.is_test);
    let found: BTreeSet<String> = tests.map(|test| test.name).collect();
    assert!(found.len() > 400, "{folders:?}");
    found
}

/// Whether the function is called there. What a type makes (`Hub::new`) is the ground of a test, not what
/// it tries.
fn calls(body: &str, function: &str) -> bool {
    body.match_indices(&format!("{function}(")).any(|(at, _)| {
        let before = &body[..at];
        let is_part_of_a_name =
            before.ends_with(|before: char| before.is_alphanumeric() || before == '_');
        let of_type = before
            .strip_suffix("::")
            .and_then(|path| path.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next());
        !is_part_of_a_name
            && !of_type.is_some_and(|name| name.starts_with(|first: char| first.is_uppercase()))
    })
}

/// The names of the integration tests that start the program, by themselves or by what they call.
fn tests_through_the_program() -> BTreeSet<String> {
    let functions = functions_in(&["tests/integration"]);
    let mut start: BTreeSet<&str> = BTreeSet::new();
    loop {
        let starts = |one: &&Function| {
            one.body.contains("CARGO_BIN_EXE_applecart")
                || start.iter().any(|name| calls(&one.body, name))
        };
        let more: BTreeSet<&str> =
            functions.iter().filter(starts).map(|one| one.name.as_str()).collect();
        if more.len() == start.len() {
            break;
        }
        start = more;
    }
    let tests = functions.iter().filter(|one| one.is_test && start.contains(one.name.as_str()));
    tests.map(|test| test.name.clone()).collect()
}

#[test]
fn every_cell_names_a_test_through_the_program_or_stands_under_what_is_left() {
    // A test of one part may stand beside one that starts the program.
    let (tests, through) = (tests_in(&["tests/integration", "src"]), tests_through_the_program());
    let text = threat_model();
    let left = text.split_once("\n## What is left\n").unwrap().1.to_owned();
    for (who, name) in EVERYBODY {
        for (goal, what) in GOALS {
            let (named, is_left) = match verdict(who, goal) {
                Prevented(tests) | Detected { tests, .. } => (tests, false),
                Left { why, tests } => {
                    assert!(left.contains(&format!("\n* **{why}.** ")), "{name}, {what}: {why}");
                    (tests, true)
                }
            };
            let shows = named.iter().any(|test| through.contains(*test));
            assert!(is_left || shows, "{name}, {what}: no test of it starts the program");
            for test in named {
                assert!(tests.contains(*test), "{name}, {what}: there is no test {test}");
            }
        }
    }
}

/// A row without the name of a test promises something that nobody shows.
#[test]
fn every_row_of_the_threat_model_names_tests_that_there_are() {
    let tests = tests_in(&["tests", "crates", "src"]);
    let text = threat_model();
    let mut rows = 0;
    for heading in ["## What is tried, and what notices", "## What failed elsewhere"] {
        let section = text.split_once(&format!("\n{heading}\n")).unwrap().1;
        let section = section.split("\n## ").next().unwrap();
        for row in section.lines().filter(|line| line.starts_with("| ")).skip(1) {
            let last = row.trim_end_matches('|').rsplit('|').next().unwrap();
            let named: Vec<_> = last.split('`').skip(1).step_by(2).collect();
            assert!(!named.is_empty() || last.trim().starts_with("none:"), "{row}");
            for test in named {
                assert!(tests.contains(test), "there is no test {test}: {row}");
            }
            rows += 1;
        }
    }
    assert!(rows >= 50, "{rows} rows");
}
