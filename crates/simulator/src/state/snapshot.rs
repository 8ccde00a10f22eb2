//! A tenant as a snapshot of Intune: a JSON object with Graph's own property names.

use serde_json::{Value, json};

use super::{State, StateError};
use crate::graph::shape;
use crate::words::TenantId;

impl State {
    /// Everything that a reader with all permissions could learn about a tenant, on beta:
    /// `applePushNotificationCertificate`, `depOnboardingSettings` with their
    /// `encryptionPublicKey`, `vppTokens`, and `pushSigningRequest` if one is outstanding.
    pub fn snapshot(&self, id: impl Into<TenantId>) -> Result<Value, StateError> {
        let now = self.now();
        let read = self.next_read();
        self.change(id, |tenant| {
            let mut settings = Vec::new();
            for setting in &mut tenant.dep_onboarding_settings {
                let key = setting.encryption_certificate(now, false)?;
                let key = tenant.switches.public_key_form.written(key);
                let mut value = shape::enrollment(&setting.shown(now));
                value.insert("encryptionPublicKey".to_owned(), json!(key));
                settings.push(Value::Object(value));
            }
            let push = tenant.apple_push_notification_certificate.as_ref();
            let mut snapshot = json!({
                "applePushNotificationCertificate": push.map(|push| shape::push(push, now, read)),
                "depOnboardingSettings": settings,
                "vppTokens": tenant
                    .vpp_tokens
                    .iter()
                    .map(|vpp| shape::vpp(&vpp.shown(now), shape::Version::Beta))
                    .collect::<Vec<_>>(),
            });
            if let (Some(signing), Some(object)) = (&tenant.push_signing, snapshot.as_object_mut())
            {
                object.insert("pushSigningRequest".to_owned(), json!(signing.value));
            }
            Ok(snapshot)
        })
    }
}
