import type { Webhook } from '../kubernetes/webhook/run-webhook.ts';
import type { AccessLogInput, AccessLogs } from './access-log.ts';
import type { AdmissionWebhookInput } from './admission-webhook.ts';
import type { BundleEndpoint, BundleEndpointInput } from './bundle-endpoint.ts';
import type { Federation, FederationInput } from './federation.ts';

// The parts that run only with flags of their own. A part is loaded when it starts, because the modules of all of them
// would slow down every start.

/** Starts to read the bundles of other trust domains, if the options have a federation. */
export async function startFederation(input: FederationInput): Promise<Federation | undefined> {
  if (input.options.federation === undefined) return undefined;
  return (await import('./federation.ts')).startFederation(input);
}

/** Starts the bundle endpoint, if the options have one. */
export async function startBundleEndpoint(input: BundleEndpointInput): Promise<BundleEndpoint | undefined> {
  if (input.options.bundleEndpoint === undefined) return undefined;
  return (await import('./bundle-endpoint.ts')).startBundleEndpoint(input);
}

/** Starts the listener for access logs, if the options have one. */
export async function startAccessLogs(input: AccessLogInput): Promise<AccessLogs | undefined> {
  if (input.options.accessLogListen === undefined) return undefined;
  return (await import('./access-log.ts')).startAccessLogs(input);
}

/** Starts the admission webhook, if the options have one. */
export async function startAdmissionWebhook(input: AdmissionWebhookInput): Promise<Webhook | undefined> {
  if (input.options === undefined) return undefined;
  return (await import('./admission-webhook.ts')).startAdmissionWebhook(input);
}
