//! What a world is made of: settings, tenants, entries in Git, tokens in Intune.

use std::collections::BTreeMap;

use chrono::Duration;

use crate::fleet::{
    Auth, CheckWithApple, Cloud, CredentialKind, INTUNE_MDM_NAMES, LedgerSigning, Owners, Policy,
    Signing, SyncStale, Tenant, Token, TokenFile, Wire,
};
use crate::model::{
    Facts, Kind, LiveEnrollment, LivePush, LiveVpp, Revocation, Sha256, Timestamp, TokenRef,
};

pub const NOW: &str = "2026-11-22T12:00:00Z";
pub const TOPIC: &str = "com.apple.mgmt.External.11111111-1111-4111-8111-111111111111";
pub const OTHER_TOPIC: &str = "com.apple.mgmt.External.22222222-2222-4222-8222-222222222222";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn policy() -> Policy {
    let auth = Auth {
        client_id: "app".into(),
        reader_client_id: None,
        credential: CredentialKind::ClientSecret,
        cloud: Cloud::Public,
    };
    Policy {
        auth,
        profiles: BTreeMap::new(),
        recipients: Vec::new(),
        renew_before: Duration::days(45),
        drift_within: Duration::hours(24),
        sync_stale: SyncStale::default(),
        critical: Duration::days(14),
        max_share_percent: 30,
        max_tenants: 50,
        owners: Owners::default(),
        ledger_branch: "applecart/ledger".into(),
        notes_branch: "applecart/notes".into(),
        genesis: None,
        notes_genesis: None,
        accepted: Vec::new(),
        accepted_findings: Vec::new(),
        notify: Vec::new(),
        tickets: None,
        settle: Duration::minutes(30),
        moves: Vec::new(),
        signing: Signing::default(),
        ledger_signing: LedgerSigning::default(),
        check_with_apple: CheckWithApple::default(),
        intune_mdm_names: INTUNE_MDM_NAMES.map(str::to_owned).into(),
        wire: Wire::default(),
        sha256: Sha256::of(b"policy"),
    }
}

pub fn push_entry(serial: &str, topic: &str, expires: &str) -> Token {
    Token {
        facts: Facts {
            topic: Some(topic.parse().unwrap()),
            serial: Some(serial.parse().unwrap()),
            expires: Some(at(expires)),
            apple_id: Some("mdm@contoso.example".into()),
            ..Facts::default()
        },
        file: Some(TokenFile {
            name: "push.pem.age".into(),
            sha256: Sha256::of(serial.as_bytes()),
            blob: format!("blob-{serial}"),
            shown: None,
        }),
        ..Token::watched(TokenRef::push())
    }
}

pub fn tenant(name: &str, number: u8) -> Tenant {
    Tenant {
        name: name.parse().unwrap(),
        display_name: None,
        tenant_id: format!("{number:08x}-0000-4000-8000-000000000000").parse().unwrap(),
        tree: format!("tree-{name}"),
        labels: BTreeMap::new(),
        contacts: Vec::new(),
        domains: Vec::new(),
        tickets: BTreeMap::new(),
        watch: [Kind::Push].into(),
        auth: None,
        consent_data_sharing: true,
        push: None,
        enrollment: Vec::new(),
        vpp: Vec::new(),
        suspend: None,
    }
}

/// When Git's file ends, and when last year's does.
pub const NEXT_YEAR: &str = "2027-11-20T10:00:00Z";
pub const THIS_YEAR: &str = "2026-12-20T10:00:00Z";

fn file(name: &str, label: &str) -> TokenFile {
    TokenFile {
        name: name.into(),
        sha256: Sha256::of(label.as_bytes()),
        blob: format!("blob-{label}"),
        shown: None,
    }
}

/// A VPP token of Contoso with the file `label`.
pub fn vpp_entry(name: &str, id: Option<&str>, label: &str, expires: &str) -> Token {
    let token =
        TokenRef { kind: Kind::Vpp, id: id.map(str::to_owned), name: Some(name.to_owned()) };
    Token {
        facts: Facts {
            organization: Some("Contoso Ltd".into()),
            location: Some(name.into()),
            apple_id: Some("vpp@contoso.example".into()),
            expires: Some(at(expires)),
            display_name: Some(name.into()),
            country_or_region: Some("gb".into()),
            automatically_update_apps: Some(true),
            ..Facts::default()
        },
        file: Some(file(&format!("{name}.vpptoken.age"), label)),
        ..Token::watched(token)
    }
}

/// The token in Intune that [`vpp_entry`] describes.
pub fn live_vpp(name: &str, id: &str, expires: &str) -> LiveVpp {
    LiveVpp {
        id: id.into(),
        display_name: Some(name.into()),
        organization: Some("Contoso Ltd".into()),
        location: Some(name.into()),
        apple_id: Some("vpp@contoso.example".into()),
        country_or_region: Some("gb".into()),
        account_type: Some("business".into()),
        automatically_update_apps: Some(true),
        expires: Some(at(expires)),
        last_modified: Some(at("2025-12-20T10:00:00Z")),
        last_sync: Some(at("2026-11-22T06:00:00Z")),
        last_sync_status: Some("completed".into()),
        state: "valid".into(),
        claim: Some(false),
        data_sharing_consent_granted: Some(true),
        role_scope_tag_ids: Some(vec!["0".into()]),
    }
}

/// The certificate in Intune that the entry in Git (serial AA) describes.
pub fn live_push() -> LivePush {
    LivePush {
        topic: TOPIC.parse().unwrap(),
        serial: "AA".parse().unwrap(),
        expires: at(NEXT_YEAR),
        apple_id: Some("mdm@contoso.example".into()),
        failure: None,
        revocation: Revocation::NotAsked,
    }
}

/// Contoso's enrollment token with the file `label`, downloaded two days ago.
pub fn enrollment_entry(label: &str) -> Token {
    Token {
        facts: Facts {
            name: Some("Contoso ABM".into()),
            apple_id: Some("abm@contoso.example".into()),
            ..Facts::default()
        },
        file: Some(file("abm.p7m.age", label)),
        downloaded: Some(at("2026-11-20T10:00:00Z")),
        server: Some("Contoso Intune".into()),
        ..Token::watched(TokenRef {
            kind: Kind::Enrollment,
            id: Some("dep-1".into()),
            name: Some("Contoso ABM".into()),
        })
    }
}

/// The token in Intune that [`enrollment_entry`] describes.
pub fn live_enrollment() -> LiveEnrollment {
    LiveEnrollment {
        id: "dep-1".into(),
        name: Some("Contoso ABM".into()),
        apple_id: Some("abm@contoso.example".into()),
        expires: Some(at(NEXT_YEAR)),
        last_modified: Some(at("2026-11-20T10:30:00Z")),
        last_successful_sync: Some(at("2026-11-22T06:00:00Z")),
        last_sync_triggered: None,
        last_sync_error_code: 0,
        role_scope_tag_ids: Some(vec!["0".into()]),
        encryption_public_key: None,
        token_type: Some("dep".into()),
        school_data_sync: Some(false),
        devices: None,
    }
}
