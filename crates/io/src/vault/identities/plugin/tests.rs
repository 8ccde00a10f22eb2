use std::io::{Read as _, Write as _};

use age::Identity as _;
use tempfile::{NamedTempFile, TempPath};

use super::*;

/// An identity of a plugin that is this shell script, which is there as long as its path.
fn identity(script: &str) -> (PluginIdentity, TempPath) {
    let may_run = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    let made = tempfile::Builder::new().prefix(PREFIX).permissions(may_run).tempfile();
    let mut program = made.unwrap();
    writeln!(program, "#!/bin/sh\n{script}").unwrap();
    let program = program.into_temp_path();
    let plugins = Plugins { programs: vec![program.to_path_buf()], ..Plugins::default() };
    let plugins = Plugins { patience: Duration::from_millis(300), ..plugins };
    let name = name_of(&program).unwrap();
    (plugins.identity(name, "AGE-PLUGIN-TEST-1").unwrap(), program)
}

fn text(mut file: NamedTempFile) -> String {
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}

fn stanza() -> Stanza {
    Stanza { tag: "test".to_owned(), args: vec!["a".to_owned()], body: vec![7; 48] }
}

#[test]
fn a_plugin_that_does_not_answer_is_stopped_and_not_asked_again() {
    let asked = NamedTempFile::new().unwrap();
    let script = format!("echo x >>'{}'; exec sleep 600", asked.path().display());
    let (identity, _program) = identity(&script);
    assert!(identity.unwrap_stanza(&stanza()).is_none());
    assert!(identity.unwrap_stanza(&stanza()).is_none());
    assert_eq!(text(asked), "x\n");
    let silent = TalkError::Silent { limit: PATIENCE }.to_string();
    assert!(silent.contains("within 60 seconds") && silent.contains("touch it"), "{silent}");
}

#[test]
fn what_is_said_to_a_plugin_is_as_age_says_it() {
    let heard = NamedTempFile::new().unwrap();
    let script = format!("head -n 9 >'{}'; printf -- '-> done\\n\\n'", heard.path().display());
    let (identity, _program) = identity(&script);
    assert!(identity.unwrap_stanza(&stanza()).is_none());
    // A body of whole lines is ended by an empty one.
    let body = "BwcH".repeat(16);
    let expected = format!(
        "-> add-identity AGE-PLUGIN-TEST-1\n\n-> recipient-stanza 0 test a\n{body}\n\n-> done\n\n"
    );
    let heard = text(heard);
    assert_eq!(heard.trim_end(), expected.trim_end());
}

#[test]
fn a_plugin_that_says_what_it_should_not_opens_nothing() {
    for script in ["exit 0", "echo hello", "printf -- '-> file-key 0\\nAAAA'", "cat /dev/zero"] {
        let (identity, _program) = identity(script);
        assert!(identity.unwrap_stanza(&stanza()).is_none(), "{script}");
    }
}
