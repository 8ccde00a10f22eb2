//! The real `git`, for tests that build real repositories.
#![allow(clippy::unwrap_used, reason = "for tests")]
#![expect(clippy::disallowed_methods, reason = "runs git in folders of tests")]

use std::path::Path;
use std::process::Command;

/// Runs it in a folder, without the user's settings; what it wrote, without the last line's end.
///
/// # Panics
/// When it cannot be run, or fails.
pub fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
