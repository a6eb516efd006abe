import type { ServeOptions, WebhookCertificate } from '../../runtime/serve-options.ts';
import { parseListenAddress } from '../../net/listen-address.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { serveGroups } from './flag-groups.ts';
import type { FlagOptions } from './flags.ts';

/** The flags of the admission webhook, and other flags that affect it. */
export type WebhookFlags = FlagOptions<
  (typeof serveGroups)['Admission webhook'][number] | 'kubernetes' | 'kubeNamespace' | 'kubeLeaseNamespace'
>;

/**
 * Returns the options of the admission webhook; undefined if `--webhook-listen` is not given.
 * @throws {CommandError} (usage) if the flags are inconsistent.
 */
export function webhookOf(flags: WebhookFlags): ServeOptions['webhook'] {
  const { kubernetes, webhookListen: listen, webhookCert, webhookKey, webhookSecret } = flags;
  if (listen === undefined) {
    if ((webhookCert ?? webhookKey ?? webhookSecret) === undefined) return undefined;
    throw usage('the certificate of the webhook has no effect without --webhook-listen');
  }
  if (kubernetes !== true)
    throw usage('--webhook-listen needs --kubernetes: the API server of a cluster calls the webhook');
  if (parseListenAddress(listen).kind === 'unix')
    throw usage('--webhook-listen must be HOST:PORT: the API server cannot connect to a unix socket');
  return { listen, certificate: certificateOf(flags) };
}

function certificateOf(flags: WebhookFlags): WebhookCertificate {
  const { webhookCert, webhookKey, webhookSecret: secret, webhookConfiguration: configuration } = flags;
  if (secret !== undefined) {
    if ((webhookCert ?? webhookKey) !== undefined)
      throw usage('give either --webhook-cert and --webhook-key, or --webhook-secret, not both');
    const { kubeLeaseNamespace: namespace, kubeNamespace: watched } = flags;
    return { kind: 'secret', secret, configuration, namespace, watched };
  }
  if (webhookCert === undefined || webhookKey === undefined)
    throw usage(
      'the API server requires TLS: --webhook-listen needs --webhook-cert and --webhook-key, or --webhook-secret',
    );
  return { kind: 'files', certificate: webhookCert, key: webhookKey };
}

function usage(message: string): CommandError {
  return new CommandError(exitCode.usage, message);
}
