//! One token of a tenant: raw → [`Token`].

use super::super::at::At;
use super::super::diagnostic::Code;
use super::super::policy::Policy;
use super::super::raw::{
    RawAccountType, RawAllow, RawEnrollment, RawPush, RawRecipient, RawTopicAccepted, RawVpp,
};
use super::super::source::{Folder, Look};
use super::super::tenant::{Allow, Recipient, Token, TokenFile, TopicAccepted};
use super::super::text::{alternatives, quote};
use super::Checks;
use super::fleet::{ClaimKind, Claims};
use crate::model::{Facts, Kind, LocationId, Serial, TokenRef, Topic, nearest};
use crate::rules::codes::Reason;

/// What a token needs before it may have a file, by field.
type Needs<'r> = [(&'static str, Option<&'r At<String>>)];

/// What the tokens of a file are checked against, and what they tell about themselves.
pub(super) struct Context<'a> {
    pub(super) folder: &'a Folder,
    pub(super) policy: Option<&'a Policy>,
    pub(super) look: Look<'a>,
    pub(super) claims: &'a mut Claims,
}

impl Checks<'_, '_> {
    pub(super) fn push(&mut self, raw: &RawPush, context: &mut Context<'_>) -> Option<Token> {
        let needs = [
            ("topic", raw.topic.as_ref()),
            ("serial", raw.serial.as_ref()),
            ("expires", raw.expires.as_ref()),
        ];
        let topic = self.topic(raw.topic.as_ref());
        if let (Some(topic), Some(at)) = (&topic, &raw.topic) {
            context.claims.add(ClaimKind::Topic, topic.as_str(), "push", at.span);
        }
        let facts = Facts {
            topic,
            serial: self.serial(raw.serial.as_ref()),
            expires: self.instant(raw.expires.as_ref()),
            apple_id: self.apple_id(raw.apple_id.as_ref()),
            ..Facts::default()
        };
        let token = TokenRef::push();
        let file = self.file(&token, raw.file.as_ref(), raw.sha256.as_ref(), &needs, context);
        let public_key = self.sha256(raw.public_key_sha256.as_ref());
        let topic_accepted = raw.topic_accepted.as_ref().and_then(|raw| self.topic_accepted(raw));
        let allow = self.allows(raw.allow.as_deref());
        let suspend = raw.suspend.as_ref().and_then(|raw| self.suspension(raw));
        let downloaded_by = self.apple_id(raw.downloaded_by.as_ref());
        let parked = Token { suspend, downloaded_by, ..Token::watched(token) };
        Some(Token { facts, file, public_key, topic_accepted, allow, ..parked })
    }

    fn topic_accepted(&mut self, raw: &RawTopicAccepted) -> Option<TopicAccepted> {
        let from = self.topic(raw.from.as_ref());
        let reason = self.text(raw.reason.as_ref());
        Some(TopicAccepted { from: from?, reason: reason? })
    }

    fn topic(&mut self, raw: Option<&At<String>>) -> Option<Topic> {
        self.parse(raw, Code::BadTopic, "an MDM push topic, which starts with com.apple.mgmt")
    }

    pub(super) fn enrollment(
        &mut self,
        raw: &RawEnrollment,
        context: &mut Context<'_>,
    ) -> Option<Token> {
        let name = self.text(raw.name.as_ref());
        let id = self.text(raw.id.as_ref());
        let facts = Facts {
            name: name.clone(),
            expires: self.instant(raw.expires.as_ref()),
            apple_id: self.apple_id(raw.apple_id.as_ref()),
            role_scope_tag_ids: self.texts(raw.role_scope_tag_ids.as_ref()),
            ..Facts::default()
        };
        let token = TokenRef { kind: Kind::Enrollment, id, name: name.clone() };
        let file = self.file(&token, raw.file.as_ref(), raw.sha256.as_ref(), &[], context);
        claim_id(context.claims, &token, raw.id.as_ref());
        let downloaded = self.instant(raw.downloaded.as_ref());
        let server = self.text(raw.server.as_ref());
        let recipient = raw.recipient.as_ref().and_then(|raw| self.issuer_and_serial(raw));
        let allow = self.allows(raw.allow.as_deref());
        let suspend = raw.suspend.as_ref().and_then(|raw| self.suspension(raw));
        let downloaded_by = self.apple_id(raw.downloaded_by.as_ref());
        name?;
        let parked = Token { suspend, downloaded_by, ..Token::watched(token) };
        Some(Token { facts, file, downloaded, server, recipient, allow, ..parked })
    }

    pub(super) fn vpp(&mut self, raw: &RawVpp, context: &mut Context<'_>) -> Option<Token> {
        let needs =
            [("organization", raw.organization.as_ref()), ("expires", raw.expires.as_ref())];
        let name = self.text(raw.name.as_ref());
        let id = self.text(raw.id.as_ref());
        let facts = Facts {
            organization: self.text(raw.organization.as_ref()),
            location: self.text(raw.location.as_ref()),
            expires: self.instant(raw.expires.as_ref()),
            apple_id: self.apple_id(raw.apple_id.as_ref()),
            display_name: name.clone(),
            country_or_region: self.country(raw.country.as_ref()),
            automatically_update_apps: raw.automatically_update_apps.as_ref().map(|at| at.value),
            role_scope_tag_ids: self.texts(raw.role_scope_tag_ids.as_ref()),
            ..Facts::default()
        };
        let token = TokenRef { kind: Kind::Vpp, id, name: name.clone() };
        let file = self.file(&token, raw.file.as_ref(), raw.sha256.as_ref(), &needs, context);
        claim_id(context.claims, &token, raw.id.as_ref());
        let location_id: Option<LocationId> =
            self.parse(raw.location_id.as_ref(), Code::BadLocationId, "Apple's id of a location");
        if let (Some(id), Some(at), Some(_)) = (&location_id, &raw.location_id, &raw.file) {
            context.claims.add(ClaimKind::Location, id.as_str(), &token.to_string(), at.span);
        }
        let account_type = raw.account_type.map(|account_type| match account_type {
            RawAccountType::Business => "business".to_owned(),
            RawAccountType::Education => "education".to_owned(),
        });
        let allow = self.allows(raw.allow.as_deref());
        let suspend = raw.suspend.as_ref().and_then(|raw| self.suspension(raw));
        name?;
        let is = |at: &Option<At<bool>>| at.as_ref().is_some_and(|at| at.value);
        let (create, claim) = (is(&raw.create), is(&raw.claim));
        let downloaded_by = self.apple_id(raw.downloaded_by.as_ref());
        let parked = Token { suspend, downloaded_by, ..Token::watched(token) };
        Some(Token { facts, file, location_id, account_type, create, claim, allow, ..parked })
    }

    fn serial(&mut self, raw: Option<&At<String>>) -> Option<Serial> {
        self.parse(
            raw,
            Code::BadSerial,
            "a certificate's serial number: 1 to 40 hexadecimal digits",
        )
    }

    fn issuer_and_serial(&mut self, raw: &RawRecipient) -> Option<Recipient> {
        let issuer = self.text(raw.issuer.as_ref());
        let serial = self.serial(raw.serial.as_ref());
        Some(Recipient { issuer: issuer?, serial: serial? })
    }

    fn country(&mut self, raw: Option<&At<String>>) -> Option<String> {
        let At { value, span } = raw?;
        let fits = super::is_country(value);
        if !fits {
            let message = format!("{} is not a country code", quote(value));
            let help = match value.as_str() {
                "on" => "older YAML reads it as true. Write two letters (ISO 3166-1), such as gb",
                _ => "write two lower-case letters (ISO 3166-1), such as gb",
            };
            self.error_with_help(Code::BadCountry, *span, message, help);
        }
        fits.then(|| value.clone())
    }

    /// The token's file, with what it needs beside it.
    fn file(
        &mut self,
        token: &TokenRef,
        file: Option<&At<String>>,
        sha256: Option<&At<String>>,
        needs: &Needs<'_>,
        context: &mut Context<'_>,
    ) -> Option<TokenFile> {
        let digest = self.sha256(sha256);
        let Some(at) = file else {
            if let Some(sha256) = sha256 {
                self.error_with_help(
                    Code::Sha256WithoutFile,
                    sha256.span,
                    "`sha256` is given without a `file`",
                    "name the sealed file, or remove `sha256`: without a file the token is only watched",
                );
            }
            return None;
        };
        let needs = needs.iter().copied().chain([("sha256", sha256)]);
        let missing: Vec<&str> =
            needs.filter(|(_, fact)| fact.is_none()).map(|(name, _)| name).collect();
        if !missing.is_empty() {
            let message = format!(
                "`file` needs {} beside it",
                missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            );
            let help = "they are facts of the downloaded file; the plan is made from them and `apply` checks them";
            self.error_with_help(Code::MissingFact, at.span, message, help);
        }
        let entry = self.sealed(at, context);
        let of = token.to_string();
        if let Some((entry, _)) = &entry {
            context.claims.add(ClaimKind::File, &entry.id, &of, at.span);
        }
        if let (Some(digest), Some(sha256)) = (digest, sha256) {
            context.claims.add(ClaimKind::Sha256, &digest.to_string(), &of, sha256.span);
        }
        let (entry, shown) = entry?;
        let (name, blob) = (entry.path.clone(), entry.id.clone());
        Some(TokenFile { name, sha256: digest?, blob, shown })
    }

    fn allows(&mut self, raw: Option<&[RawAllow]>) -> Vec<Allow> {
        let span = |raw: &RawAllow| raw.hold.as_ref().map(|at| at.span);
        self.limited("allow", raw, span).iter().filter_map(|raw| self.allow(raw)).collect()
    }

    fn allow(&mut self, raw: &RawAllow) -> Option<Allow> {
        let hold = self.hold(raw.hold.as_ref());
        let from = self.text(raw.from.as_ref());
        let to = self.text(raw.to.as_ref());
        let reason = self.text(raw.reason.as_ref());
        let until = self.day(raw.until.as_ref());
        Some(Allow { hold: hold?, from: from?, to: to?, reason: reason?, until: until? })
    }

    fn hold(&mut self, raw: Option<&At<String>>) -> Option<Reason> {
        let At { value, span } = raw?;
        let releasable = || Reason::releasable().map(Reason::as_str);
        match Reason::of(value) {
            Some(hold) if hold.explained().is_releasable() => return Some(hold),
            Some(hold) => {
                let message = format!("`allow` cannot release `{hold}`");
                self.error_with_help(
                    Code::HoldNotReleasable,
                    *span,
                    message,
                    hold.explained().next,
                );
            }
            None => {
                let message = format!("there is no hold {}", quote(value));
                let mistake = self.file.mistake(Code::UnknownHold, *span, message);
                let mistake = match nearest(value, releasable()) {
                    Some(near) => mistake.with_label(format!("did you mean `{near}`?")),
                    None => mistake,
                };
                let help = format!("`allow` releases {}", alternatives(releasable()));
                self.file.add(mistake.with_help(help));
            }
        }
        None
    }
}

fn claim_id(claims: &mut Claims, token: &TokenRef, at: Option<&At<String>>) {
    if let (Some(id), Some(at)) = (&token.id, at) {
        // Ids of two kinds are in two collections of Intune; GUIDs compare without case.
        let value = format!("{} {}", token.kind, id.to_lowercase());
        claims.add(ClaimKind::TokenId, &value, &token.to_string(), at.span);
    }
}
