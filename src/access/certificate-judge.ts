import { refuse } from './claim.ts';
import type { ClaimedCertificate, RefusedClient } from './claim.ts';
import type { NamedCertificate, SpiffeIdentity } from './identity.ts';
import type { ClientCas } from './client-cas.ts';
import { createRecentAnswers } from './recent-answers.ts';
import type { Answer } from './recent-answers.ts';
import { parseSpiffeId } from '../trust/model/spiffe-id.ts';
import type { MeshState, MeshStates } from '../trust/snapshot/mesh-builder.ts';
import { readClaims } from '../trust/verify/link.ts';
import { readLeafId } from '../trust/verify/spiffe-id.ts';
import type { TrustedDomain } from '../trust/verify/verdict.ts';
import { verifyLeaf } from '../trust/verify/verify-leaf.ts';

export interface JudgeInput {
  /** The meshes as they are served, and whether their trust has been read. */
  readonly view: () => { readonly readiness: { readonly kind: string }; readonly meshes: MeshStates };
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Decides whether the CA of a client still counts: TLS verified the client only when its connection began. */
  readonly clientCas?: Pick<ClientCas, 'refuses'> | undefined;
}

const refusedCa = refuse('certificate', 'the client certificate is of no CA that the server accepts');

/** Returns the identity of a client certificate, or why it is refused. */
export type CertificateJudge = (
  certificate: ClaimedCertificate,
) => SpiffeIdentity | NamedCertificate | RefusedClient;

/**
 * Returns the judge of client certificates. With `mesh`, it verifies them with the served trust of that mesh. Without,
 * it relies on TLS, which has verified them with the CA certificates of the listener.
 */
export function certificateJudge(
  mesh: string | undefined,
  { view, now, clientCas }: JudgeInput,
): CertificateJudge {
  if (mesh === undefined)
    return (certificate) => {
      const time = now();
      const isRefused = certificate.isVerified && clientCas?.refuses(certificate, time) === true;
      return isRefused ? refusedCa : judgeVerified(certificate, time);
    };
  const answers = createRecentAnswers<ReturnType<CertificateJudge>>();
  let known: MeshState | undefined;
  return (certificate) => {
    const { readiness, meshes } = view();
    const state = meshes.get(mesh);
    // The trust is not known yet: the proxy must try again, and is not refused for its certificate.
    if (readiness.kind !== 'ready' && state === undefined)
      return refuse('not-ready', 'the server has not read its trust yet');
    // A client that no CA has verified may send 200 certificates: to read them takes 20 ms, for each of its streams.
    if (state !== known) answers.clear();
    known = state;
    const time = now();
    return answers.of(certificate, time, () => judgeByTrust(certificate, state, time));
  };
}

function judgeVerified({ leaf, isVerified }: ClaimedCertificate, now: number): ReturnType<CertificateJudge> {
  if (!isVerified) return refusedCa;
  const claims = readClaims(leaf);
  if (claims === undefined) return refuse('certificate', 'the client certificate cannot be read');
  // A connection can outlive its certificate.
  if (now > claims.notAfter) return refuse('certificate', 'the client certificate has expired');
  const id = readLeafId(claims.names);
  return id.kind === 'spiffe-id' ? identityOf(id.id) : { kind: 'certificate', subject: claims.subject };
}

function judgeByTrust(
  { leaf, chain }: ClaimedCertificate,
  state: MeshState | undefined,
  now: number,
): Answer<ReturnType<CertificateJudge>> {
  const claims = readClaims(leaf);
  const id = claims && readLeafId(claims.names);
  const name = id?.kind === 'spiffe-id' ? id.trustDomain : undefined;
  // Other trust domains could only add to the explanation of a refusal, which would cost much for a stranger.
  const verdict = verifyLeaf({ leaf, chain, domains: domainsOf(state, name), now, isDecisionOnly: true });
  if (verdict.kind === 'refused')
    return { value: refuse('certificate', verdict.sentence), until: Number.POSITIVE_INFINITY };
  const until = Math.min(...verdict.path.map(({ notAfter }) => notAfter));
  return { value: identityOf(verdict.spiffeId), until };
}

/** Stricter than Envoy: an ID such as `spiffe://a.test/ns/../sa/x` must not match a rule about `ns/*`. */
function identityOf(id: string): SpiffeIdentity | RefusedClient {
  const parsed = parseSpiffeId(id);
  return typeof parsed === 'string'
    ? refuse('certificate', `the SPIFFE ID of the client certificate ${parsed}`)
    : { kind: 'spiffe', id };
}

function domainsOf(state: MeshState | undefined, name: string | undefined): readonly TrustedDomain[] {
  const bundle = state?.bundle.merged.find(({ trustDomain }) => trustDomain === name);
  if (bundle === undefined || bundle.anchors.length === 0) return [];
  const anchors = bundle.anchors.map(({ certificate, rooting, der }) => ({
    fingerprint: certificate.fingerprint,
    rooting,
    der,
  }));
  return [{ name: bundle.trustDomain, anchors }];
}
