//! The push certificate, its signing request and the consent beside it.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Answer, Context, Failure, Success, body, shape};
use crate::certificate::{self, CertificateError};
use crate::signing;
use crate::state::{Incoming, Push, StateError, Via, push_from};
use crate::words::Kind;

const PATH: &str = "deviceManagement/applePushNotificationCertificate";
const CONSENT: &str = "appleMDMPushCertificate";

pub(super) fn answer(context: &Context<'_>) -> Answer {
    if context.call.method == Method::PATCH { upload(context) } else { read(context) }
}

fn read(context: &Context<'_>) -> Answer {
    let push = context
        .state
        .look(context.tenant(), |tenant| tenant.apple_push_notification_certificate.clone())
        .flatten()
        .ok_or_else(Failure::not_found)?;
    Ok(Success::ok(context.selected(entity(context, &push))))
}

/// How many devices Intune manages: Graph counts those of every maker.
pub(super) fn devices(context: &Context<'_>) -> Answer {
    let counts = context.state.look(context.tenant(), |tenant| tenant.managed_devices);
    let (ios, mac) = counts.unwrap_or_default();
    let members = [
        ("enrolledDeviceCount", json!(ios + mac + 1)),
        ("mdmEnrolledCount", json!(ios + mac + 1)),
        (
            "deviceOperatingSystemSummary",
            json!({"androidCount": 0, "iosCount": ios, "macOSCount": mac, "windowsCount": 1}),
        ),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), value));
    Ok(Success::ok(context.object("deviceManagement/managedDeviceOverview/$entity", members)))
}

fn entity(context: &Context<'_>, push: &Push) -> Value {
    let members = shape::push(push, context.now, context.state.next_read());
    context.object(&format!("{PATH}/$entity"), members)
}

fn upload(context: &Context<'_>) -> Answer {
    let body = body::read(context.call, &["appleIdentifier", "certificate"])?;
    let apple_identifier = body.required("appleIdentifier")?;
    let text = body.required("certificate")?;
    match (apple_identifier.is_empty(), text.is_empty()) {
        (true, true) => return remove(context),
        (false, false) => {}
        _ => {
            context.violation("empty-certificate");
            return Err(Failure::intune("AppleIdentifier and Certificate must both have a value"));
        }
    }
    let read = certificate::parse(text).map_err(|error| {
        if error == CertificateError::PrivateKey {
            context.violation("private-key-sent");
        }
        Failure::intune("The certificate is not a valid Apple MDM push certificate")
    })?;
    let push = context.state.change(context.tenant(), |tenant| {
        let switches = &tenant.switches;
        if switches.refuse_expired_push && read.not_after <= context.now {
            return Err(Failure::intune("The certificate has expired"));
        }
        let is_first = tenant.apple_push_notification_certificate.is_none();
        if switches.require_consent && is_first && !tenant.data_sharing_consent.granted {
            return Err(Failure::intune("Consent to data sharing with Apple is missing"));
        }
        if switches.check_csr_key {
            let key = tenant.push_signing.as_ref().map(signing::public_key).transpose();
            if key.map_err(StateError::from)?.as_ref() != Some(&read.public_key) {
                return Err(Failure::intune(
                    "The certificate does not match the certificate signing request",
                ));
            }
        }
        // Another topic is accepted: nothing public shows that Intune refuses one.
        let push = push_from(apple_identifier, &read);
        tenant.apple_push_notification_certificate = Some(push.clone());
        tenant.uploaded(Incoming {
            at: context.now,
            kind: Kind::Push,
            id: None,
            via: Via::Graph,
            value: text,
            file: Some(&certificate::file(text)),
        });
        Ok(push)
    })?;
    Ok(Success::ok(entity(context, &push)))
}

/// Two empty texts remove the certificate, and with it every device. Real Intune does it.
fn remove(context: &Context<'_>) -> Answer {
    context.violation("empty-certificate");
    context.state.set_push(context.tenant(), None)?;
    let nothing = [
        ("id".to_owned(), json!(uuid::Uuid::new_v4().to_string())),
        ("appleIdentifier".to_owned(), Value::Null),
        ("certificate".to_owned(), Value::Null),
    ];
    Ok(Success::ok(context.object(&format!("{PATH}/$entity"), nothing)))
}

/// The outstanding signing request; `anew` makes another key pair first.
pub(super) fn request(context: &Context<'_>, anew: bool) -> Answer {
    if anew {
        body::none(context.call)?;
    }
    let known = context
        .state
        .look(context.tenant(), |tenant| tenant.push_signing.as_ref().map(|it| it.value.clone()))
        .flatten();
    let value = match known {
        Some(value) if !anew => value,
        _ => {
            let vendor = context.state.vendor()?;
            context.state.change(context.tenant(), |tenant| {
                let signing = match tenant.push_signing.take() {
                    // Another request came between; its key stays the outstanding one.
                    Some(signing) if !anew => signing,
                    _ => signing::push_request(&vendor).map_err(StateError::from)?,
                };
                let value = signing.value.clone();
                tenant.push_signing = Some(signing);
                Ok::<_, StateError>(value)
            })?
        }
    };
    let value = [("value".to_owned(), json!(value))];
    Ok(Success::ok(context.object("Edm.String", value)))
}

pub(super) fn consent(context: &Context<'_>, id: &str) -> Answer {
    let consent = (id == CONSENT)
        .then(|| context.state.look(context.tenant(), |it| it.data_sharing_consent.clone()))
        .flatten()
        .ok_or_else(Failure::not_found)?;
    let members = shape::consent(id, &consent);
    let object = context.object("deviceManagement/dataSharingConsents/$entity", members);
    Ok(Success::ok(context.selected(object)))
}

/// Consents for the whole tenant; it cannot be taken back.
pub(super) fn grant_consent(context: &Context<'_>, id: &str) -> Answer {
    body::none(context.call)?;
    if id == CONSENT {
        context.state.change(context.tenant(), |tenant| {
            if !tenant.data_sharing_consent.granted {
                tenant.data_sharing_consent.granted = true;
                tenant.data_sharing_consent.grant_date_time = context.now;
            }
            Ok::<_, StateError>(())
        })?;
    }
    consent(context, id)
}
