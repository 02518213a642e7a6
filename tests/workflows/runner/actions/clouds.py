"""Cloud identities: the job's OIDC token against the trust that the test set up."""

from __future__ import annotations

from ..errors import StepFailed
from ..records import Identity
from .model import ActionCall, Outputs, model


def _assume(call: ActionCall, provider: str, role: str, denied: str) -> None:
    """Record that the job assumed `role`, unless its subject is not the trusted one."""
    call.require("id-token", "write", "Unable to get ACTIONS_ID_TOKEN_REQUEST_URL env variable: no `id-token: write`")
    environment = call.state.result.environment
    subject = call.hub.subject(call.state.run.event, environment)
    if call.hub.trust.get(role, subject) != subject:
        raise StepFailed(f"Error: {denied} ({role} is not trusted for {subject})")
    call.hub.identities.append(
        Identity(provider, role, subject, environment, call.state.run.id, call.state.result.path)
    )
    call.log(f"authenticated as {role}")


@model("aws-actions/configure-aws-credentials")
def aws(call: ActionCall) -> Outputs:
    """Assume an IAM role by OIDC; long-lived keys are refused."""
    call.only("aws-region", "role-to-assume", "audience", "role-session-name", "role-duration-seconds",
              "mask-aws-account-id", "allowed-account-ids")  # fmt: skip
    denied = "Could not assume role with OIDC: Not authorized to perform sts:AssumeRoleWithWebIdentity"
    _assume(call, "aws", call.need("role-to-assume"), denied)
    call.state.env.update({"AWS_REGION": call.need("aws-region"), "AWS_DEFAULT_REGION": call.need("aws-region")})
    return {"aws-account-id": "000000000000"}


@model("google-github-actions/auth")
def google(call: ActionCall) -> Outputs:
    """Exchange the OIDC token through a workload identity pool; key files are refused."""
    call.only("workload_identity_provider", "service_account", "project_id", "create_credentials_file", "audience")
    call.need("workload_identity_provider")
    denied = "google-github-actions/auth failed with: failed to generate Google Cloud federated token: unauthorized"
    _assume(call, "google", call.need("service_account"), denied)
    file = call.state.temp / "gha-creds.json"
    file.write_text("{}")
    call.state.env["GOOGLE_APPLICATION_CREDENTIALS"] = str(file)
    return {"credentials_file_path": str(file), "project_id": call.get("project_id")}


@model("google-github-actions/get-gke-credentials")
def gke(call: ActionCall) -> Outputs:
    """Write a kubeconfig for a cluster; the job must have authenticated before."""
    if not any(identity.provider == "google" and _same_job(call, identity) for identity in call.hub.identities):
        raise StepFailed("Error: google-github-actions/get-gke-credentials failed with: no credentials")
    call.need("cluster_name")
    return {"kubeconfig_path": _kubeconfig(call, "apiVersion: v1\nkind: Config\n")}


@model("azure/login")
def azure(call: ActionCall) -> Outputs:
    """Log in with a federated credential; a client secret is refused."""
    call.only("client-id", "tenant-id", "subscription-id", "audience", "auth-type")
    call.need("tenant-id")
    _assume(call, "azure", call.need("client-id"), "AADSTS700213: No matching federated identity record found")
    return {}


@model("azure/k8s-set-context")
def set_context(call: ActionCall) -> Outputs:
    """Write the kubeconfig that is given."""
    call.only("method", "kubeconfig", "context")
    if call.get("method", "kubeconfig") != "kubeconfig":
        raise StepFailed(f"Error: method {call.get('method')} is not modelled: only 'kubeconfig'")
    _kubeconfig(call, call.need("kubeconfig"))
    return {}


@model("helm/kind-action")
def kind(call: ActionCall) -> Outputs:
    """Accept a local cluster; the test's kubectl stands for it."""
    call.log(f"kind cluster {call.get('cluster_name', 'chart-testing')}")
    return {}


def _same_job(call: ActionCall, identity: Identity) -> bool:
    return (identity.run_id, identity.job) == (call.state.run.id, call.state.result.path)


def _kubeconfig(call: ActionCall, text: str) -> str:
    file = call.state.temp / "kubeconfig"
    file.write_text(text)
    file.chmod(0o600)
    call.state.env["KUBECONFIG"] = str(file)
    return str(file)
