import type { FetchFailure, FetchFailureReason } from '../../trust/federation/relationship-status.ts';
import type { ServerCheck } from './fetch-bundle.ts';

/** A failure of a fetch. The message quotes nothing of the response. */
export class FetchError extends Error {
  readonly reason: FetchFailureReason;

  constructor(reason: FetchFailureReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Errors of OpenSSL about the chain of a certificate. */
const chainProblems: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  CERT_SIGNATURE_FAILURE: 'the signature of its certificate is wrong',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  INVALID_CA: 'a certificate of its chain is no CA',
  INVALID_PURPOSE: 'its certificate is not for servers',
  SELF_SIGNED_CERT_IN_CHAIN: 'its chain ends at a root that is not trusted',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is from no trusted CA',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is from no trusted CA',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is from no trusted CA',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

const dnsCodes: ReadonlySet<string> = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'EAI_NONAME',
]);

/** Returns the failure that an error stands for. */
export function describeFailure(
  error: unknown,
  context: { readonly timedOut: boolean; readonly timeoutMs: number; readonly check: ServerCheck },
): FetchFailure {
  if (error instanceof FetchError) return { reason: error.reason, message: error.message };
  if (context.timedOut)
    return {
      reason: 'connect',
      message: `it did not respond completely within ${context.timeoutMs / 1000} s`,
    };
  const code = codeOf(error);
  if (code !== undefined && dnsCodes.has(code))
    return { reason: 'dns', message: 'the name of its host cannot be resolved' };
  const problem = code === undefined ? undefined : chainProblems[code];
  if (problem !== undefined)
    return {
      reason: context.check.kind === 'spiffe' ? 'identity' : 'tls',
      message: problem,
    };
  if (code !== undefined && /^(?:ERR_SSL|ERR_TLS|ERR_OSSL|EPROTO|CERT_|UNABLE_|CRL_)/.test(code))
    return { reason: 'tls', message: `the TLS handshake failed (${code})` };
  if (code !== undefined && code.startsWith('HPE_'))
    return { reason: 'document', message: 'the response is not HTTP' };
  return { reason: 'connect', message: `the connection failed${code === undefined ? '' : ` (${code})`}` };
}

/** Returns the code of an error. Of several connection attempts, the last error counts. */
function codeOf(error: unknown): string | undefined {
  if (error instanceof AggregateError) return codeOf(error.errors.at(-1));
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : undefined;
}
