//! Each guard by name. The world is a valid file; one thing is changed, one answer expected.

use serde_json::{Value, json};

use super::sealing::{binary, document};
use crate::vault::tests::{Pair, pair};
use crate::vault::{Identities, OpenError, open};

fn fault(file: &Value, pair: &Pair) -> OpenError {
    open(file.to_string().as_bytes(), &pair.identities).err().unwrap()
}

/// A valid file after a change of its document.
fn changed(change: impl FnOnce(&mut Value)) -> OpenError {
    let pair = pair();
    let mut file = binary(b"token", std::slice::from_ref(&pair.recipient));
    change(&mut file);
    fault(&file, &pair)
}

#[test]
fn a_binary_store_opens_to_its_bytes() {
    let pair = pair();
    for content in [&b"token"[..], b"\xff\x00\r\n", b""] {
        let file = binary(content, std::slice::from_ref(&pair.recipient));
        let opened = open(file.to_string().as_bytes(), &pair.identities).unwrap();
        assert_eq!(opened.expose(), content);
    }
}

#[test]
fn any_of_its_recipients_opens_it() {
    let pairs = [pair(), pair(), pair()];
    let recipients = pairs.each_ref().map(|pair| pair.recipient.clone());
    let file = binary(b"token", &recipients).to_string();
    for pair in &pairs {
        assert_eq!(open(file.as_bytes(), &pair.identities).unwrap().expose(), b"token");
    }
    let stranger = pair();
    assert_eq!(
        open(file.as_bytes(), &stranger.identities).err().unwrap(),
        OpenError::NoMatchingIdentity { identities: 1 }
    );
    assert_eq!(open(file.as_bytes(), &Identities::default()).err().unwrap(), OpenError::NoIdentity);
}

#[test]
fn a_broken_entry_for_somebody_else_locks_nobody_out() {
    let pair = pair();
    let mut file = binary(b"token", std::slice::from_ref(&pair.recipient));
    let entries = file["sops"]["age"].as_array_mut().unwrap();
    entries.insert(0, json!({"recipient": "x", "enc": "broken"}));
    assert_eq!(open(file.to_string().as_bytes(), &pair.identities).unwrap().expose(), b"token");
}

#[test]
fn a_file_without_a_mac_is_refused() {
    assert_eq!(
        changed(|file| drop(file["sops"].as_object_mut().unwrap().remove("mac"))),
        OpenError::MacMissing
    );
    assert_eq!(changed(|file| file["sops"]["mac"] = json!("")), OpenError::MacMissing);
    assert_eq!(changed(|file| file["sops"]["mac"] = json!(null)), OpenError::MacMissing);
}

#[test]
fn the_mac_of_another_file_is_refused() {
    let pair = pair();
    let mut file = binary(b"token", std::slice::from_ref(&pair.recipient));
    let other = binary(b"other", std::slice::from_ref(&pair.recipient));
    file["sops"]["mac"] = other["sops"]["mac"].clone();
    assert_eq!(fault(&file, &pair), OpenError::MacMismatch);
}

#[test]
fn the_content_of_another_file_with_the_same_data_key_is_refused() {
    let pair = pair();
    let mut file = binary(b"token", std::slice::from_ref(&pair.recipient));
    file["data"] = binary(b"other", std::slice::from_ref(&pair.recipient))["data"].clone();
    assert_eq!(fault(&file, &pair), OpenError::MacMismatch);
    file["data"] = json!("");
    assert_eq!(fault(&file, &pair), OpenError::MacMismatch, "emptied");
    file.as_object_mut().unwrap().remove("data");
    assert_eq!(fault(&file, &pair), OpenError::MacMismatch, "removed");
}

#[test]
fn another_date_is_refused() {
    assert_eq!(
        changed(|file| file["sops"]["lastmodified"] = json!("2027-01-15T08:00:01Z")),
        OpenError::Damaged
    );
    assert_eq!(
        changed(|file| drop(file["sops"].as_object_mut().unwrap().remove("lastmodified"))),
        OpenError::Damaged
    );
}

#[test]
fn a_mac_over_encrypted_values_only_is_refused() {
    assert_eq!(
        changed(|file| file["sops"]["mac_only_encrypted"] = json!(true)),
        OpenError::MacOnlyEncrypted
    );
    assert_eq!(
        changed(|file| file["sops"]["mac_only_encrypted"] = json!("true")),
        OpenError::MacOnlyEncrypted
    );
}

#[test]
fn a_value_that_is_not_encrypted_is_refused() {
    for value in [json!("plain"), json!(1), json!(true), json!(["x"]), json!({"y": 0.5})] {
        assert_eq!(
            changed(|file| file["note_unencrypted"] = value),
            OpenError::Unencrypted { values: 1 }
        );
    }
    assert_eq!(changed(|file| file["data"] = json!("plain")), OpenError::Unencrypted { values: 1 });
}

#[test]
fn what_says_nothing_is_still_not_part_of_a_sealed_file() {
    // SOPS's MAC does not cover these; so the shape must.
    for value in [json!(null), json!(""), json!([]), json!({})] {
        assert_eq!(changed(|file| file["more"] = value), OpenError::NotOneFile);
    }
}

#[test]
fn a_key_twice_is_refused() {
    let pair = pair();
    let file = binary(b"token", std::slice::from_ref(&pair.recipient)).to_string();
    for twice in [
        file.replacen('{', "{\"data\":\"\",", 1),
        file.replacen("\"mac\"", "\"mac\":\"\",\"mac\"", 1),
        file.replacen('{', "{\"sops\":{},", 1),
    ] {
        let fault = open(twice.as_bytes(), &pair.identities).err().unwrap();
        assert_eq!(fault, OpenError::DuplicateKey);
    }
}

#[test]
fn key_groups_and_keys_of_other_kinds_are_named() {
    assert_eq!(
        changed(|file| file["sops"]["key_groups"] = json!([{"age": []}, {"age": []}])),
        OpenError::KeyGroups
    );
    assert_eq!(
        changed(|file| {
            file["sops"]["age"] = json!(null);
            file["sops"]["pgp"] = json!([{"fp": "x"}]);
            file["sops"]["kms"] = json!([{"arn": "x"}]);
            file["sops"]["hc_vault"] = json!([]);
        }),
        OpenError::NoAgeRecipient { kinds: vec!["AWS KMS", "PGP"] }
    );
}

#[test]
fn an_age_recipient_beside_keys_of_other_kinds_is_enough() {
    let pair = pair();
    let mut file = binary(b"token", std::slice::from_ref(&pair.recipient));
    file["sops"]["pgp"] = json!([{"fp": "x", "enc": "y"}]);
    file["sops"]["kms"] = json!(null);
    file["sops"]["unencrypted_suffix"] = json!("_unencrypted");
    file["sops"]["mac_only_encrypted"] = json!(false);
    assert!(open(file.to_string().as_bytes(), &pair.identities).is_ok());
}

#[test]
fn counts_and_sizes_are_bounded() {
    let many: Vec<Value> = (0..65).map(|_| json!({"recipient": "x", "enc": "y"})).collect();
    assert_eq!(
        changed(|file| file["sops"]["age"] = json!(many)),
        OpenError::TooManyRecipients { limit: 64 }
    );
    assert_eq!(
        changed(|file| file["sops"]["age"][0]["enc"] = json!("x".repeat(8193))),
        OpenError::HeaderTooLarge { limit: 8192 }
    );
    let pair = pair();
    let limit = applecart_core::apple::MAX_FILE;
    let file = |size| binary(&vec![b'a'; size], std::slice::from_ref(&pair.recipient));
    assert!(open(file(limit).to_string().as_bytes(), &pair.identities).is_ok());
    assert_eq!(fault(&file(limit + 1), &pair), OpenError::TooLarge { limit: limit as u64 });
}

#[test]
fn a_document_of_several_values_is_verified_and_then_refused() {
    let pair = pair();
    let shape = r#"{"list":["@0","@1",null,""],"flag":"@2","deep":{"n":"@3"},"sops":@sops}"#;
    let leaves = [
        ("list:", "str", "a"),
        ("list:", "float", "1.5"),
        ("flag:", "bool", "True"),
        ("deep:n:", "time", "2027-01-15T08:00:00Z"),
    ];
    let whole = document(shape, &leaves, std::slice::from_ref(&pair.recipient));
    let fault = |text: &str| open(text.as_bytes(), &pair.identities).err().unwrap();
    assert_eq!(fault(&whole), OpenError::NotOneFile);

    // Two places of one list are told apart by nothing but the MAC.
    let mut swapped: Value = serde_json::from_str(&whole).unwrap();
    swapped["list"].as_array_mut().unwrap().swap(0, 1);
    let members = ["list", "flag", "deep", "sops"];
    let ordered = members.map(|key| format!("{:?}:{}", key, swapped[key])).join(",");
    assert_eq!(fault(&format!("{{{ordered}}}")), OpenError::MacMismatch);
    // A value under another key is told by its path.
    let moved = whole.replace("\"flag\"", "\"glaf\"");
    assert_eq!(fault(&moved), OpenError::Damaged);
}

#[test]
fn one_value_under_another_key_or_of_another_type_is_no_file() {
    let pair = pair();
    let recipients = std::slice::from_ref(&pair.recipient);
    for (shape, leaf) in [
        (r#"{"token":"@0","sops":@sops}"#, ("token:", "str", "x")),
        (r#"{"data":"@0","sops":@sops}"#, ("data:", "float", "1")),
        (r#"{"data":["@0"],"sops":@sops}"#, ("data:", "str", "x")),
        (r#"{"data":{"data":"@0"},"sops":@sops}"#, ("data:data:", "str", "x")),
    ] {
        let file = document(shape, &[leaf], recipients);
        let fault = open(file.as_bytes(), &pair.identities).err().unwrap();
        assert_eq!(fault, OpenError::NotOneFile, "{shape}");
    }
}

#[test]
fn what_is_not_sops_is_told_apart() {
    let pair = pair();
    let fault = |text: &str| open(text.as_bytes(), &pair.identities).err().unwrap();
    for plain in ["{}", "{\"token\":\"x\"}", "{\"sops\":1}", "{not json", "[]", "{}{}"] {
        assert_eq!(fault(plain), OpenError::NotSealed, "{plain}");
    }
    let yaml = "data: ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\nsops:\n  mac: x\n";
    assert_eq!(fault(yaml), OpenError::OtherStore);
    let file = binary(b"token", std::slice::from_ref(&pair.recipient)).to_string();
    assert_eq!(fault(&file[..file.len() / 2]), OpenError::Damaged);
    let no_metadata = file.replace("\"sops\"", "\"spos\"");
    assert_eq!(fault(&no_metadata), OpenError::Damaged);
}

#[test]
fn a_byte_order_mark_or_an_empty_line_before_it_does_no_harm() {
    let pair = pair();
    let file = binary(b"token", std::slice::from_ref(&pair.recipient)).to_string();
    let opened = open(format!("\u{feff}\r\n {file}\r\n").as_bytes(), &pair.identities).unwrap();
    assert_eq!(opened.expose(), b"token");
}

#[test]
fn malformed_values_are_refused() {
    for value in [
        "ENC[AES256_GCM,",
        "ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]",
        "ENC[AES256_GCM,data:,iv:,tag:,type:str]",
        "ENC[AES256_GCM,data:AA==,type:str]",
        "ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:comment]",
    ] {
        assert_eq!(changed(|file| file["data"] = json!(value)), OpenError::Damaged, "{value}");
    }
}
