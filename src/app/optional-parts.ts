import type { Webhook } from '../kubernetes/webhook/run-webhook.ts';
import type { BundleEndpointOptions, WebhookOptions } from '../runtime/serve-options.ts';
import type { AccessLogInput, AccessLogs } from './access-log.ts';
import type { AdmissionWebhookInput } from './admission-webhook.ts';
import type { BundleEndpoint, BundleEndpointInput } from './bundle-endpoint.ts';
import type { Federation, FederationInput } from './federation.ts';

// The parts that run only with flags of their own. A part is loaded when it starts, because the modules of all of them
// would slow down every start.

/** Starts to read the bundles of other trust domains, if the options have a federation. */
export async function startFederation(input: FederationInput): Promise<Federation | undefined> {
  const { federation } = input.options;
  return federation && (await import('./federation.ts')).startFederation(federation, input);
}

/** Starts the bundle endpoint, if the options have one. */
export async function startBundleEndpoint(
  settings: BundleEndpointOptions | undefined,
  input: BundleEndpointInput,
): Promise<BundleEndpoint | undefined> {
  return settings && (await import('./bundle-endpoint.ts')).startBundleEndpoint(settings, input);
}

/** Starts the listener for access logs, if the options have one. */
export async function startAccessLogs(input: AccessLogInput): Promise<AccessLogs | undefined> {
  const { accessLogListen } = input.options;
  if (accessLogListen === undefined) return undefined;
  return (await import('./access-log.ts')).startAccessLogs(accessLogListen, input);
}

/** Starts the admission webhook, if the options have one. */
export async function startAdmissionWebhook(
  options: WebhookOptions | undefined,
  input: AdmissionWebhookInput,
): Promise<Webhook | undefined> {
  return options && (await import('./admission-webhook.ts')).startAdmissionWebhook(options, input);
}
