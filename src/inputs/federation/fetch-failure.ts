import { reasonOf } from '../../text/system-error.ts';
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

/** Errors of OpenSSL about the chain of a certificate, and of Node.js about its name. */
const chainCodes =
  /^(?:CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_(?:CA|PURPOSE)|PATH_LENGTH_|ERR_TLS_CERT_)/;
const dnsCodes = /^(?:ENOTFOUND|EAI_)/;
const tlsCodes = /^(?:ERR_SSL|ERR_TLS|ERR_OSSL|EPROTO)/;

/** Returns the failure that an error stands for. */
export function describeFailure(
  error: unknown,
  context: { readonly timedOut: boolean; readonly timeoutMs: number; readonly check: ServerCheck },
): FetchFailure {
  if (error instanceof FetchError) return { reason: error.reason, message: error.message };
  if (context.timedOut) {
    // The rest of a longer time differs by some milliseconds, but a finding must stay the same.
    const seconds = context.timeoutMs < 1000 ? context.timeoutMs / 1000 : Math.ceil(context.timeoutMs / 1000);
    return { reason: 'connect', message: `it did not respond completely within ${seconds} s` };
  }
  const code = codeOf(error);
  // The message of the parser of Node.js may quote the response.
  if (code.startsWith('HPE_')) return { reason: 'document', message: 'the response is not HTTP' };
  const message = reasonOf(error);
  if (dnsCodes.test(code)) return { reason: 'dns', message };
  if (chainCodes.test(code)) return { reason: context.check.kind === 'spiffe' ? 'identity' : 'tls', message };
  return { reason: tlsCodes.test(code) ? 'tls' : 'connect', message };
}

/** Returns the code of an error. Of several connection attempts, the first error counts. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? code : '';
}
