import { hash } from 'node:crypto';
import { caNamesLimit } from '../bundle/ca-names.ts';
import type { MeshBundle } from '../bundle/join-mesh.ts';
import type { TrustBundle } from '../bundle/trust-bundle.ts';
import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import { concat } from '../../xds/wire/write.ts';
import { encodeSecret, encodeUnkeptSecret, partOf, secretContent } from './encode-secret.ts';
import type { Secret, SecretContent } from './encode-secret.ts';
import {
  isTrustDomainSecretName,
  mergedSecretNames,
  rootSecretName,
  trustDomainSecretName,
} from './secret-names.ts';

/** A secret above this size, in bytes, gets a warning: proxies that use `google_grpc` cannot receive 4 MiB. */
const largeSecret = 1024 * 1024;

/** The secrets of one mesh. */
export interface MeshSecrets {
  readonly mesh: string;
  /** Hash over the content of all secrets. */
  readonly version: string;
  readonly secrets: ReadonlyMap<string, Secret>;
  /** True if no trust domain has a CA, so that every client is refused. */
  readonly denyAll: boolean;
  readonly findings: readonly Finding[];
}

/** Options that determine the names of secrets. */
export interface SecretOptions {
  /** The trust domain of the secret `ROOTCA`. Without it, the name is unknown. */
  readonly rootTrustDomain?: string | undefined;
}

const denyAllContent = secretContent([]);
const perDomainSecrets = new WeakMap<TrustBundle, Secret>();

/** Makes the secrets of a mesh. Reuses the parts of unchanged trust domains. */
export function meshSecrets({ mesh, bundles, merged }: MeshBundle, options: SecretOptions = {}): MeshSecrets {
  // A trust domain without anchors is omitted: Envoy rejects the whole secret for an empty PEM.
  const parts = merged.filter(({ anchors }) => anchors.length > 0).map(partOf);
  const secrets = new Map<string, Secret>();
  const findings: Finding[] = [];
  const content = secretContent(parts);
  for (const name of mergedSecretNames) secrets.set(name, encodeSecret(name, content));
  if (content.size > largeSecret) {
    const message = `the secret of all trust domains has ${content.size} bytes; proxies that use google_grpc cannot receive 4 MiB`;
    findings.push(finding('MT030', message, { mesh }));
  }
  for (const bundle of perDomainBundles(bundles, merged)) {
    const secret = perDomainSecret(bundle);
    secrets.set(secret.name, secret);
    if (options.rootTrustDomain === bundle.trustDomain)
      secrets.set(rootSecretName, encodeSecret(rootSecretName, contentOf(bundle)));
    if (secret.contentSize > largeSecret) {
      const { trustDomain } = bundle;
      findings.push(
        finding(
          'MT030',
          `the secret of trust domain ${trustDomain} has ${secret.contentSize} bytes; proxies that use google_grpc cannot receive 4 MiB`,
          {
            mesh,
            trustDomain,
          },
        ),
      );
    }
  }
  const denyAll = parts.length === 0;
  if (denyAll)
    findings.push(
      finding('MT034', `mesh ${mesh} has no CA in force; its proxies refuse every client`, { mesh }),
    );
  return {
    mesh,
    version: versionOf(content, bundles === merged ? [] : secrets.values()),
    secrets,
    denyAll,
    findings,
  };
}

/** Returns the deny-all secret for a known name without listed CAs, or `undefined` for an unknown name. */
export function denyAllSecret(name: string, options: SecretOptions = {}): Secret | undefined {
  const known =
    (mergedSecretNames as readonly string[]).includes(name) ||
    isTrustDomainSecretName(name) ||
    (name === rootSecretName && options.rootTrustDomain !== undefined);
  return known ? encodeUnkeptSecret(name, denyAllContent) : undefined;
}

/**
 * Returns the bundles for the secrets of single trust domains. If a trust domain exceeds the limit even alone, its
 * secret has only the CAs that are in the merged secret.
 */
function perDomainBundles(
  bundles: readonly TrustBundle[],
  merged: readonly TrustBundle[],
): readonly TrustBundle[] {
  if (bundles === merged) return bundles;
  return bundles.flatMap((bundle) => {
    if (bundle.caNamesSize <= caNamesLimit) return [bundle];
    return merged.filter(({ trustDomain }) => trustDomain === bundle.trustDomain);
  });
}

/** Hashes the merged content and `others`, the secrets that the merged content does not determine. */
function versionOf(merged: SecretContent, others: Iterable<Secret>): string {
  const texts = [...others].map(({ name, version }) => `${name}\0${version}`);
  return hash('sha256', concat([merged.hash, Buffer.from(texts.join('\0'))])).slice(0, 32);
}

function perDomainSecret(bundle: TrustBundle): Secret {
  let secret = perDomainSecrets.get(bundle);
  if (secret === undefined) {
    secret = encodeSecret(trustDomainSecretName(bundle.trustDomain), contentOf(bundle));
    perDomainSecrets.set(bundle, secret);
  }
  return secret;
}

function contentOf(bundle: TrustBundle): SecretContent {
  return bundle.anchors.length === 0 ? denyAllContent : secretContent([partOf(bundle)]);
}
