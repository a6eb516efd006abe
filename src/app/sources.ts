import type { Logger } from 'pino';
import type { UniversalResource } from '../inputs/universal/universal-resource.ts';
import { pathOfRoot } from '../inputs/directory/names.ts';
import { watchDirectory } from '../inputs/directory/watch-directory.ts';
import {
  caSecret,
  clusterFederatedTrustDomains,
  importedMeshIdentities,
  importedMeshTrusts,
  meshIdentities,
} from '../kubernetes/client/api-object.ts';
import type { WatchedResource } from '../kubernetes/client/api-object.ts';
import type { HeadChange } from '../kubernetes/client/watch-types.ts';
import { defaultListLimits } from '../net/list-budget.ts';
import { federationSource } from '../trust/federation/relationship.ts';
import { identityFilesSource } from '../trust/identity/ca-files.ts';
import { supersededSource } from '../trust/identity/superseded.ts';
import { importIdentities } from '../trust/imports/import-stage.ts';
import { importSource, isImportSource } from '../trust/ledger/import-sources.ts';
import type { Source } from '../trust/source.ts';
import type { ImportApi, ImportCluster, KubernetesOptions, ServeOptions } from '../runtime/serve-options.ts';
import type { Deliver } from './source-delivery.ts';

// The names of the sources in findings, metrics and the last good store.
export const files = 'files';
export const kubernetes = 'kubernetes';
export const identities = 'kubernetes identities';
export const federatedTrustDomains = 'kubernetes federation';

/** Returns the name of the source that has one Secret. */
function secretSource(namespace: string, name: string): string {
  return `kubernetes secret ${namespace}/${name}`;
}

/** The sources that readiness does not wait for once they have failed. */
export function optionalSources({
  identities: derives,
}: Pick<ServeOptions, 'identities'>): ReadonlySet<string> {
  const secrets = (derives?.secrets ?? []).map(({ namespace, name }) => secretSource(namespace, name));
  return new Set([identities, federatedTrustDomains, federationSource, ...secrets]);
}

/** Callbacks of a source. */
interface SourceCallbacks {
  /** Changes of texts, by the name of the source. It never throws. */
  readonly deliver: Deliver;
  /** Returns whether an earlier run had trust in force because of a source. */
  readonly hadTrust: (source: string) => boolean;
  /** Changes of objects in the cluster, even without an effect on trust. */
  readonly onHeads: (change: HeadChange) => void;
  readonly onIdentityHeads: (change: HeadChange) => void;
}

/** Starts a source. It calls back until it is closed. */
type StartSource = (callbacks: SourceCallbacks) => Source;

/** A source that is ready to be started. */
export interface PlannedSource {
  readonly name: string;
  readonly start: StartSource;
}

/**
 * Prepares the sources of a server: directories first, then the cluster.
 * @throws {Error} if the kubeconfig is absent or cannot be used.
 */
export async function planSources(
  options: Pick<ServeOptions, 'dirs' | 'federation' | 'identities' | 'imports' | 'kubernetes'>,
  log: Logger,
): Promise<readonly PlannedSource[]> {
  const plan: PlannedSource[] = [];
  if (options.dirs.length > 0) plan.push({ name: files, start: startFiles(options.dirs, log) });
  if (options.kubernetes !== undefined)
    plan.push({ name: kubernetes, start: await startKubernetes(options.kubernetes) });
  if (options.kubernetes !== undefined && options.identities !== undefined)
    plan.push({ name: identities, start: await startIdentities(options.kubernetes) });
  if (options.kubernetes !== undefined)
    for (const { namespace, name } of options.identities?.secrets ?? []) {
      const source = secretSource(namespace, name);
      const start = await startWatch({ ...options.kubernetes, namespace }, source, caSecret(namespace, name));
      plan.push({ name: source, start });
    }
  if (options.kubernetes !== undefined && options.federation !== undefined) {
    // These objects have no namespace.
    const everywhere = { ...options.kubernetes, namespace: undefined };
    const start = await startWatch(everywhere, federatedTrustDomains, clusterFederatedTrustDomains);
    plan.push({ name: federatedTrustDomains, start });
  }
  if (options.imports !== undefined) {
    const { from } = options.imports;
    plan.push(...(from.kind === 'cluster' ? await planImport(from) : await planPolls(from)));
  }
  return plan;
}

function startFiles(roots: readonly string[], log: Logger): StartSource {
  const onPolling = (path: string, reason: string): void =>
    log.warn({ event: 'polling', path }, `${path} is polled: ${reason}`);
  return ({ deliver, hadTrust: had }) => {
    // The ClusterFederatedTrustDomains of files have their trust in another source.
    const confirmsAbsence = had(files) || had(federationSource);
    return watchDirectory(
      { roots: roots.map(pathOfRoot), name: files, onPolling, confirmsAbsence },
      (events) => deliver(files, events),
    );
  };
}

async function startKubernetes({ namespace, kubeconfig }: KubernetesOptions): Promise<StartSource> {
  // client-node costs 0.5 s and 87 MB to load (0.1 s and 28 MB in the image): only servers that watch a cluster pay for
  // it.
  const { connectKubernetes } = await import('../inputs/kubernetes/connect.ts');
  const watch = connectKubernetes({ namespace, kubeconfig, name: kubernetes });
  return ({ deliver, onHeads }) => watch((events) => deliver(kubernetes, events), { onHeads });
}

async function startIdentities({ namespace, kubeconfig }: KubernetesOptions): Promise<StartSource> {
  const { connectKubernetes } = await import('../inputs/kubernetes/connect.ts');
  const options = { namespace, kubeconfig, name: identities, resource: meshIdentities, isOptional: true };
  const watch = connectKubernetes(options);
  return ({ deliver, hadTrust: had, onIdentityHeads }) =>
    watch((events) => deliver(identities, events), {
      onHeads: onIdentityHeads,
      confirmsAbsence: had(identities),
    });
}

/** Starts a watch of objects that the API server may not have. */
async function startWatch(
  { namespace, kubeconfig }: KubernetesOptions,
  name: string,
  resource: WatchedResource,
): Promise<StartSource> {
  const { connectKubernetes } = await import('../inputs/kubernetes/connect.ts');
  const watch = connectKubernetes({ namespace, kubeconfig, name, resource, isOptional: true });
  return ({ deliver, hadTrust: had }) =>
    watch((events) => deliver(name, events), { confirmsAbsence: had(name) });
}

/** Plans to watch the MeshTrusts of all zones, and the MeshIdentities that say for what a zone may vouch. */
async function planImport({
  kubeconfig,
  context,
  namespace,
}: ImportCluster): Promise<readonly PlannedSource[]> {
  const { connectKubernetes } = await import('../inputs/kubernetes/connect.ts');
  const plan = (name: string, resource: WatchedResource, isOptional = false): PlannedSource => {
    const place = { namespace, kubeconfig, context };
    const watch = connectKubernetes({ ...place, name, resource, isOptional, limits: defaultListLimits });
    const start: StartSource = ({ deliver, hadTrust: had }) =>
      watch((events) => deliver(name, events), { confirmsAbsence: had(name) });
    return { name, start };
  };
  return [
    plan(importSource, importedMeshTrusts),
    // A Global control plane without MeshIdentities vouches for no zone.
    plan(importIdentities, importedMeshIdentities, true),
  ];
}

/** Plans to poll the same of the REST API of a Global control plane. */
async function planPolls(access: ImportApi): Promise<readonly PlannedSource[]> {
  const { pollUniversal } = await import('../inputs/universal/poll-universal.ts');
  const { meshIdentities: vouching, meshTrusts } = await import('../inputs/universal/universal-resource.ts');
  const plan = (name: string, resource: UniversalResource, isOptional = false): PlannedSource => ({
    name,
    start: ({ deliver, hadTrust: had }) =>
      pollUniversal({ ...access, name, resource, isOptional, confirmsAbsence: had(name) }, (events) =>
        deliver(name, events),
      ),
  });
  return [plan(importSource, meshTrusts), plan(importIdentities, vouching, true)];
}

/** The names of the sources of a server. */
export interface SourceNames {
  /** Those of this zone. The Global control plane is not among them, because nothing waits for it. */
  readonly local: readonly string[];
  /** Those that the ledger has. */
  readonly ledger: readonly string[];
  /** Returns whether the server has a source that an earlier run had. */
  readonly isKnown: (name: string) => boolean;
}

/** Returns the names of the sources that a server with these options has. */
export function sourceNames(
  sources: readonly PlannedSource[],
  { federation, identities: derives, imports }: Pick<ServeOptions, 'federation' | 'identities' | 'imports'>,
): SourceNames {
  const local = sources
    .map(({ name }) => name)
    .filter((name) => name !== importIdentities && !isImportSource(name));
  const ledger = [
    ...local,
    // The MeshIdentities of the Global control plane give no trust: they only vouch for the zones.
    ...(imports === undefined ? [] : [importSource]),
    ...(derives === undefined ? [] : [supersededSource]),
    ...(derives?.root === undefined ? [] : [identityFilesSource]),
    ...(federation === undefined ? [] : [federationSource]),
  ];
  const isKnown = (name: string): boolean =>
    ledger.includes(name) || (imports !== undefined && isImportSource(name));
  return { local, ledger, isKnown };
}

/** Returns the names of the sources that may have MeshIdentities of this zone. */
export function identitySources({ local }: Pick<SourceNames, 'local'>): readonly string[] {
  return local.filter((name) => name === files || name === identities);
}

/**
 * Returns whether an earlier run had trust in force because of a source, by the names of sources that were restored.
 */
export function hadTrust(source: string, restored: ReadonlySet<string>): boolean {
  if (source === importIdentities) return restored.values().some(isImportSource);
  return restored.has(source === federatedTrustDomains ? federationSource : source);
}

/** Returns whether the MeshIdentities of a source are read. Those among imported MeshTrusts would be derived here. */
export function readsIdentities(
  source: string,
  { identities: derives }: Pick<ServeOptions, 'identities'>,
): boolean {
  return source === importIdentities || (derives !== undefined && source !== importSource);
}
