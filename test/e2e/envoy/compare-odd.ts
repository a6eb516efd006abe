import { createSecureContext } from 'node:tls';

import { poll } from '../../kit/poll.ts';
import { startRawEnvoy } from '../../kit/raw-envoy.ts';
import type { RawEnvoy } from '../../kit/raw-envoy.ts';
import { tryClient } from '../../kit/tls-client.ts';
import type { ClientIdentity } from '../../kit/tls-client.ts';
import { toPem } from '../../kit/pem.ts';
import { bundleOf, shareOf } from '../../kit/bundles.ts';
import { createAnchorReader } from '../../../src/trust/x509/anchor-reader.ts';
import { verifyLeaf } from '../../../src/trust/verify/verify-leaf.ts';
import type { TrustedDomain, Verdict } from '../../../src/trust/verify/verdict.ts';
import type { OddCase } from '../../trust/verify/odd-cases.ts';

/** The end of findings about CAs that Envoy accepts and this program rejects. */
export const ownRule = 'this is a rule of meshtrust, not of Envoy';

/** A case in which the decision of an Envoy differs from that of this program. */
export interface Disagreement {
  readonly envoy: string;
  readonly title: string;
  readonly meshtrust: string;
  readonly decided: string;
}

export interface Comparison {
  readonly cases: number;
  readonly admitted: number;
  readonly differing: number;
  readonly disagreements: readonly Disagreement[];
}

interface Answer {
  readonly one: OddCase;
  readonly domain: TrustedDomain;
  /** The result of `verify` for an Envoy: `admitted`, or the reason for the refusal. */
  readonly verdict: Verdict;
  /** The findings about the listed certificates that are rejected. */
  readonly refusals: readonly string[];
}

/**
 * Tries each case with an Envoy of each version, which has the trust that would be served, and compares the decision
 * with that of `verify`. Envoys also get the rejected certificates unchanged: if the finding does not say that it is a
 * rule of this program, Envoy must reject the certificate, too.
 */
export async function compareOdd(
  cases: readonly OddCase[],
  binaries: readonly { readonly path: string; readonly version: string }[],
): Promise<Comparison> {
  const answers = cases.map(answer);
  const disagreements: Disagreement[] = [];
  for (const [index, { path, version }] of binaries.entries()) {
    const served = answers.map(({ one: { trustDomain }, domain }) => ({
      trustDomain,
      ders: domain.anchors.map(({ der }) => der),
    }));
    await using envoy = await startRawEnvoy(
      path,
      served.filter(({ ders }) => ders.length > 0),
    );
    for (const { one, verdict } of answers) {
      const expected = expectedOf(verdict, index === 0);
      const decided = envoy.notLoaded.has(one.trustDomain) ? 'not loaded' : await decide(envoy, one);
      if (decided === undefined) continue;
      const agrees =
        verdict.contested.length > 0 && index > 0
          ? true
          : (decided === 'admitted') === (expected === 'admitted');
      if (!agrees || decided === 'not loaded') {
        disagreements.push({ envoy: version, title: one.title, meshtrust: expected, decided });
      }
    }
    const refused = answers.filter(({ refusals }) => refusals.length > 0);
    await using raw = await startRawEnvoy(
      path,
      refused.map(({ one }) => ({ trustDomain: one.trustDomain, ders: one.anchors.map(({ der }) => der) })),
    );
    for (const { one, refusals } of refused) {
      const decided = raw.notLoaded.has(one.trustDomain) ? 'not loaded' : await decide(raw, one);
      const isOurs = refusals.some((reason) => reason.endsWith(ownRule));
      if (decided === 'admitted' && !isOurs) {
        disagreements.push({ envoy: version, title: one.title, meshtrust: refusals.join('; '), decided });
      }
    }
  }
  return {
    cases: cases.length,
    admitted: answers.filter(({ verdict }) => verdict.kind === 'admitted').length,
    differing: answers.filter(({ verdict }) => expectedOf(verdict, true) !== expectedOf(verdict, false))
      .length,
    disagreements,
  };
}

function expectedOf(verdict: Verdict, isNewest: boolean): string {
  if (!isNewest && verdict.other !== undefined) {
    return verdict.other.kind === 'admitted' ? 'admitted' : verdict.other.sentence;
  }
  return verdict.kind === 'admitted' ? 'admitted' : verdict.sentence;
}

const reader = createAnchorReader();

function answer(one: OddCase): Answer {
  const { trustDomain, anchors, leaf, chain } = one;
  const blocks = reader.read(anchors.map(({ certPem }) => certPem).join(''));
  const refusals = blocks.flatMap((block) => (block.kind === 'refused' ? [block.reason] : []));
  const isSound = (der: Uint8Array): boolean =>
    reader.read(toPem(der)).every(({ kind }) => kind === 'anchor');
  const listed = anchors.filter(({ der }) => isSound(der));
  const bundle = listed.length === 0 ? [] : bundleOf([shareOf(trustDomain, listed)]).anchors;
  const domain = {
    name: trustDomain,
    anchors: bundle.map(({ certificate, der, rooting }) => ({
      fingerprint: certificate.fingerprint,
      der,
      rooting,
    })),
  };
  const verdict = verifyLeaf({
    leaf: leaf.der,
    chain: chain.map(({ der }) => der),
    domains: [domain],
    now: Date.now(),
  });
  return { one, domain, verdict, refusals };
}

/** Returns the decision of an Envoy; `undefined` if OpenSSL, on the client's side, cannot send the certificates. */
async function decide(envoy: RawEnvoy, { leaf, chain }: OddCase): Promise<string | undefined> {
  const logged = envoy.log().length;
  const chainPem = chain.map(({ certPem }) => certPem).join('');
  const client = { ...leaf, chainPem };
  if (!canSend(client)) return undefined;
  const decision = await tryClient(envoy.port, client);
  if (decision === 'accepted') return 'admitted';
  const find = (): string | undefined => /TLS_error:.*TLS_error_end/.exec(envoy.log().slice(logged))?.[0];
  const why = await poll('the reason in the log of Envoy', find, { timeoutMs: 1_000 }).catch(() => '');
  return `${decision.refused} ${why.slice(-120)}`;
}

function canSend({ certPem, keyPem, chainPem }: ClientIdentity): boolean {
  try {
    createSecureContext({ cert: certPem + (chainPem ?? ''), key: keyPem, ciphers: 'DEFAULT:@SECLEVEL=0' });
    return true;
  } catch {
    return false;
  }
}
