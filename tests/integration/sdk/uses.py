"""Reads and writes the three Apple credentials with Microsoft's own SDK for Graph (beta).

    uses.py URL CLIENT_ID CLIENT_SECRET

URL is a running `applecart simulate` with one made-up tenant. What was seen goes as JSON to
standard output.
"""

import asyncio
import base64
import json
import sys
import time
from datetime import datetime, timedelta, timezone

import httpx
from azure.core.credentials import AccessToken
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from msgraph_beta import GraphServiceClient
from msgraph_beta.generated.device_management.dep_onboarding_settings.item.upload_dep_token.upload_dep_token_post_request_body import (
    UploadDepTokenPostRequestBody,
)
from msgraph_beta.generated.models.apple_push_notification_certificate import (
    ApplePushNotificationCertificate,
)
from msgraph_beta.generated.models.vpp_token import VppToken
from msgraph_beta.graph_request_adapter import GraphRequestAdapter


URL, CLIENT_ID, SECRET = sys.argv[1:]


def control(path, body=None):
    """The simulator's own routes: what a person does at Apple, and what reached Intune."""
    address = f"{URL}/_simulator/{path}"
    answer = httpx.get(address) if body is None else httpx.post(address, json=body)
    answer.raise_for_status()
    return answer.json()


class Simulated:
    """A token of the simulated Entra: azure-identity itself takes no authority without TLS."""

    def __init__(self, tenant):
        self.tenant = tenant

    def get_token(self, *scopes, **_):
        answer = httpx.post(
            f"{URL}/{self.tenant}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": CLIENT_ID,
                "client_secret": SECRET,
                "scope": scopes[0],
            },
        )
        answer.raise_for_status()
        body = answer.json()
        return AccessToken(body["access_token"], int(time.time()) + body["expires_in"])


async def main():
    [tenant] = control("tenants")
    provider = AzureIdentityAuthenticationProvider(
        Simulated(tenant),
        scopes=["https://graph.microsoft.com/.default"],
        allowed_hosts=["127.0.0.1"],
    )
    adapter = GraphRequestAdapter(provider)
    adapter.base_url = f"{URL}/beta"
    graph = GraphServiceClient(request_adapter=adapter)
    push = graph.device_management.apple_push_notification_certificate
    settings = graph.device_management.dep_onboarding_settings
    tokens = graph.device_app_management.vpp_tokens

    live = await push.get()
    [setting] = (await settings.get()).value
    [london, paris] = (await tokens.get()).value
    read = {
        "topic": live.topic_identifier,
        "serial": live.certificate_serial_number,
        "pushExpires": live.expiration_date_time.isoformat(),
        "setting": setting.id,
        "tokenType": setting.token_type.value,
        "settingExpires": setting.token_expiration_date_time.isoformat(),
        "locations": [london.location_name, paris.location_name],
        "states": [london.state.value, paris.state.value],
        "vppExpires": london.expiration_date_time.isoformat(),
    }

    until = (datetime.now(timezone.utc) + timedelta(days=364)).replace(microsecond=0)
    issued = control("apple/push", {"topic": live.topic_identifier, "notAfter": until.isoformat()})
    renewed = await push.patch(
        ApplePushNotificationCertificate(
            apple_identifier=live.apple_identifier, certificate=issued["certificate"]
        )
    )

    file = control("apple/enrollment", {"tenantId": tenant, "id": setting.id})["file"]
    one = settings.by_dep_onboarding_setting_id(setting.id)
    await one.upload_dep_token.post(
        UploadDepTokenPostRequestBody(
            apple_id=setting.apple_identifier,
            dep_token=base64.b64encode(file.encode()).decode(),
        )
    )
    uploaded = await one.get()

    def content(location):
        wanted = {"organization": london.organization_name, "location": location}
        return control("apple/vpp", {**wanted, "expires": until.isoformat()})["token"]

    changed = await tokens.by_vpp_token_id(london.id).patch(VppToken(token=content("London")))
    created = await tokens.post(
        VppToken(
            display_name="Berlin",
            apple_id=london.apple_id,
            token=content("Berlin"),
            automatically_update_apps=True,
            claim_token_management_from_external_mdm=False,
            data_sharing_consent_granted=True,
        )
    )
    written = {
        "serial": [issued["serial"], renewed.certificate_serial_number],
        "settingLater": uploaded.token_expiration_date_time > setting.token_expiration_date_time,
        "vppLater": changed.expiration_date_time == until,
        "created": created.location_name,
        "tokens": len((await tokens.get()).value),
    }
    kinds = [upload["kind"] for upload in control(f"tenants/{tenant}")["uploads"]]
    violations = control("state")["violations"]
    seen = {"read": read, "written": written, "uploads": kinds, "violations": violations}
    json.dump(seen, sys.stdout)


asyncio.run(main())
