import type { BundlePolicy } from '../trust/bundle/trust-bundle.ts';
import { defaultLimits } from '../trust/model/limits.ts';
import type { ParseOptions } from '../trust/model/parse-file.ts';
import type { Logger } from '../observe/log/log.ts';
import type { WebhookMetrics } from '../observe/metrics/kubernetes-metrics.ts';
import { certificateFiles } from '../kubernetes/webhook/certificate-files.ts';
import type { CertificateSource } from '../kubernetes/webhook/certificate-source.ts';
import { answerReview } from '../kubernetes/webhook/core/answer-review.ts';
import { readReviewAhead } from '../kubernetes/webhook/core/read-review-ahead.ts';
import { requestLimits } from '../kubernetes/webhook/core/request-limits.ts';
import { runWebhook } from '../kubernetes/webhook/run-webhook.ts';
import type { Webhook } from '../kubernetes/webhook/run-webhook.ts';
import { readsClass } from '../trust/federation/collect-relationships.ts';
import type { CollectOptions } from '../trust/federation/collect-relationships.ts';
import { createAnchorReader } from '../trust/x509/anchor-reader.ts';
import { followedUses } from './file-report.ts';
import type { FileReport } from './file-report.ts';
import type { Federation } from './federation.ts';
import { ownNamespace } from './own-namespace.ts';
import type { Pipeline } from '../runtime/pipeline.ts';
import type { WebhookCertificate, WebhookOptions } from '../runtime/serve-options.ts';
import { webhookEvents } from './webhook-events.ts';

export interface AdmissionWebhookInput {
  readonly kubeconfig: string | undefined;
  readonly pipeline: Pick<Pipeline, 'view'>;
  /** The options of the pipeline's parser. The certificate reader is the webhook's own. */
  readonly parse: Omit<ParseOptions, 'reader'>;
  readonly policy: () => BundlePolicy;
  readonly metrics: WebhookMetrics;
  readonly log: Logger;
  readonly report: FileReport;
  readonly federation: Pick<Federation, 'pathOf'> | undefined;
  readonly federationOptions: Pick<CollectOptions, 'className' | 'classless'> | undefined;
}

/** Any client of the webhook can make it read certificates, which must not evict served ones from the cache. */
const cacheBytes = 8 * 2 ** 20;

/**
 * Starts the admission webhook. Later failures are logged, and do not affect served trust.
 * @throws {Error} if the kubeconfig is absent or cannot be used.
 */
export async function startAdmissionWebhook(
  options: WebhookOptions,
  input: AdmissionWebhookInput,
): Promise<Webhook> {
  const { kubeconfig, pipeline, policy, metrics, log, report } = input;
  const { federation: started, federationOptions } = input;
  const federation = started &&
    federationOptions && {
      readsClass: (className: string | undefined) => readsClass(federationOptions, className),
      pathOf: (key: string) => started.pathOf(key),
    };
  const parse: ParseOptions = { ...input.parse, reader: createAnchorReader({ maxBytes: cacheBytes }) };
  return runWebhook({
    listen: options.listen,
    certificate: await sourceOf(options.certificate, kubeconfig, log),
    answer: (review) => {
      const { readiness, ledger, meshes } = pipeline.view();
      // Readiness does not wait for some sources, such as MeshIdentities that the server may not read.
      const isPartial = ledger.sources.some(({ synced, restored }) => !synced && !restored);
      const inForce =
        readiness.kind === 'ready' ? { holdings: ledger.holdings, meshes, isPartial } : undefined;
      return answerReview(review, { parse, policy: policy(), inForce, federation, now: Date.now() });
    },
    prepare: (review) => readReviewAhead(review, parse),
    events: webhookEvents(log, metrics, (reason) => {
      // With a Secret there is no file: the replicas make the certificate themselves.
      if (options.certificate.kind === 'files')
        report.set(followedUses.webhookTls, options.certificate.certificate, reason);
    }),
    limits: requestLimits(parse.limits ?? defaultLimits),
  });
}

async function sourceOf(
  options: WebhookCertificate,
  kubeconfig: string | undefined,
  log: Logger,
): Promise<CertificateSource> {
  if (options.kind === 'files') return certificateFiles(options);
  const { secret, configuration, watched } = options;
  const namespace = await ownNamespace(options.namespace, watched);
  // This loads client-node and node-forge.
  const { keepInCluster } = await import('../kubernetes/webhook/keep-in-cluster.ts');
  return keepInCluster({
    kubeconfig,
    namespace,
    secret,
    configuration,
    onIssued: (reason) =>
      log.info(
        { event: 'webhook-certificate', secret, namespace, reason },
        `the webhook has a new certificate, stored in the Secret ${namespace}/${secret}: ${reason}`,
      ),
  });
}
