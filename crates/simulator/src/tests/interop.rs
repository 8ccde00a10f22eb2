//! Enrollment tokens that the real OpenSSL encrypts to the key that is handed out.
//!
//! Without `openssl` on PATH (or in APPLECART_OPENSSL) a test says so and passes, unless
//! APPLECART_REQUIRE_INTEROP is set.
#![expect(clippy::disallowed_methods, reason = "starts a program")]

use std::path::PathBuf;
use std::process::Command;

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

fn openssl() -> Option<PathBuf> {
    let named = std::env::var_os("APPLECART_OPENSSL").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = named
        .into_iter()
        .chain(std::env::split_paths(&path).map(|folder| folder.join("openssl")))
        .find(|file| file.is_file());
    if found.is_none() {
        assert!(
            std::env::var_os("APPLECART_REQUIRE_INTEROP").is_none(),
            "openssl is not installed, and APPLECART_REQUIRE_INTEROP is set"
        );
        println!("skipped: openssl is not installed");
    }
    found
}

/// A folder with the handed-out key and a message to encrypt to it.
async fn bench(world: &World) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = format!("{DEP}/dep-1/getEncryptionPublicKey");
    let key = world.get(&path).await.json()["value"].as_str().unwrap().to_owned();
    let json = json!({
        "consumer_key": "CK_1", "consumer_secret": "CS_1", "access_token": "AT_1",
        "access_secret": "AS_1", "access_token_expiry": "2027-12-24T18:00:00Z",
    });
    let message = format!("-----BEGIN MESSAGE-----\n{json}\n-----END MESSAGE-----\n");
    std::fs::write(folder.path().join("key.pem"), key).unwrap();
    std::fs::write(folder.path().join("message"), message).unwrap();
    folder
}

fn run(program: &Path, folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).current_dir(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[tokio::test]
async fn what_openssl_encrypts_is_opened() {
    let Some(openssl) = openssl() else { return };
    for arguments in [
        &["smime", "-encrypt", "-aes256", "-in", "message", "key.pem"][..],
        &["smime", "-encrypt", "-aes128", "-text", "-in", "message", "key.pem"],
        &["cms", "-encrypt", "-aes192", "-stream", "-in", "message", "key.pem"],
    ] {
        let world = World::new(full_tenant()).await;
        let folder = bench(&world).await;
        let file = run(&openssl, folder.path(), arguments);
        let body = json!({ "appleId": "abm@contoso.example", "depToken": STANDARD.encode(&file) });
        let answer = world.post(&format!("{DEP}/dep-1/uploadDepToken"), Some(&body)).await;
        assert_eq!(answer.status, 204, "{arguments:?}: {}", answer.text);
        let setting = world.get(&format!("{DEP}/dep-1")).await.json();
        assert_eq!(setting["tokenExpirationDateTime"], "2027-12-24T18:00:00Z");
        let upload = &world.state().uploads(world.id)[0];
        assert_eq!(upload.file_sha256, Some(applecart_core::model::Sha256::of(&file).to_string()));
    }
}

#[tokio::test]
async fn what_apple_hands_out_openssl_opens() {
    let Some(openssl) = openssl() else { return };
    let world = World::new(full_tenant()).await;
    let folder = bench(&world).await;
    let apple = world.running.apple();
    let request = EnrollmentRequest::default();
    let issued = world.state().download_enrollment(apple, world.id, "dep-1", &request).unwrap();
    let key = world.tenant().dep_onboarding_settings[0].encryption_private_key.clone().unwrap();
    std::fs::write(folder.path().join("token.p7m"), issued.file).unwrap();
    std::fs::write(folder.path().join("private.pem"), key).unwrap();
    let arguments =
        ["smime", "-decrypt", "-in", "token.p7m", "-recip", "key.pem", "-inkey", "private.pem"];
    let text = String::from_utf8(run(&openssl, folder.path(), &arguments)).unwrap();
    assert!(text.starts_with("Content-Type: text/plain;charset=UTF-8\r\n"), "{text}");
    assert!(text.contains("\r\n-----BEGIN MESSAGE-----\r\n{\"consumer_key\":\"CK_"), "{text}");
    assert!(text.contains("\"access_token_expiry\":\"2028-01-10T12:00:00Z\"}"), "{text}");
}
