import type { XdsAuthenticationDetail } from '../api/server-api-types.ts';
import type { DecideAccess } from '../access/claim.ts';
import type { TokenReviewer } from '../kubernetes/tokens/reviewer.ts';
import { followTlsFiles } from '../net/follow-tls-files.ts';
import { certificatesOf } from '../net/tls-material.ts';
import { isLoopback, parseListenAddress } from '../net/listen-address.ts';
import type { Logger } from '../observe/log/log.ts';
import type { ServeOptions, TokenAuthOptions } from '../runtime/serve-options.ts';
import { followAccessFile } from '../runtime/state/access-file.ts';
import { plainText } from '../text/plain-text.ts';
import { certificateJudge } from '../access/certificate-judge.ts';
import type { JudgeInput } from '../access/certificate-judge.ts';
import { decideAccess } from '../access/decide-access.ts';
import { createClientCas } from '../access/client-cas.ts';
import { nodeRulesOf } from '../access/node-rules.ts';
import type { AccessRule } from '../access/rules.ts';
import { followedUses } from './file-report.ts';
import type { FileReport } from './file-report.ts';

export interface XdsAccessInput extends JudgeInput {
  readonly log: Logger;
  readonly report: FileReport;
}

/** Receives the outcome of each request to the API server about a token. */
type ReviewListener = (result: TokenReviewOutcome, seconds: number) => void;

/** The outcomes of a request to the API server about a token. */
type TokenReviewOutcome = 'accepted' | 'refused' | 'unavailable';

/** Decides who may use the xDS port. */
export interface XdsAccess extends Disposable {
  /** `undefined` if every client may. */
  readonly decide: DecideAccess | undefined;
  /** Returns the access rules in force; `undefined` without a file. */
  readonly rules: () => readonly AccessRule[] | undefined;
  /**
   * Returns the life of the accepted token with the shortest one, in ms; `undefined` if none says how long it is valid.
   */
  readonly shortestTokenLife: () => number | undefined;
  /** Calls the listener after each request to the API server about a token. */
  readonly onReviewed: (listener: ReviewListener) => void;
}

/**
 * Follows the access rules, and returns the function that decides about clients.
 * @throws {Error} if the rules cannot be used at the start.
 */
export async function followXdsAccess(
  options: Pick<ServeOptions, 'maxConnectionAge' | 'tls' | 'xdsAccess' | 'xdsAuth' | 'xdsMaxStreamAge'>,
  input: XdsAccessInput,
): Promise<XdsAccess> {
  const { log, report } = input;
  const { xdsAuth, xdsAccess } = options;
  using stack = new DisposableStack();
  if (xdsAuth === undefined || xdsAuth.methods.every((method) => method === 'none'))
    return {
      decide: undefined,
      rules: () => undefined,
      shortestTokenLife: () => undefined,
      onReviewed: () => undefined,
      [Symbol.dispose]: () => undefined,
    };
  const file =
    xdsAccess === undefined
      ? undefined
      : await followAccessFile(xdsAccess, {
          loaded: (rules) =>
            log.info(
              { event: 'xds-access', rules: rules.length },
              `${rules.length} access rules are in force`,
            ),
          problem: (reason) => {
            if (reason !== undefined)
              log.error(
                { event: 'xds-access-refused', path: xdsAccess, reason },
                `${xdsAccess}: ${reason}; the previous rules stay in force`,
              );
            report.set(followedUses.xdsAccess, xdsAccess, reason);
          },
          unwatched: (error) =>
            log.error(
              { event: 'xds-access-unwatched', path: xdsAccess, err: error },
              `${xdsAccess} cannot be watched, so it is read every 10 seconds`,
            ),
        });
  stack.defer(() => file?.close());
  const { methods, clientTrust, token } = xdsAuth;
  const listeners: ReviewListener[] = [];
  const reviewed: ReviewListener = (...review) => listeners.forEach((listener) => listener(...review));
  const reviewer = token && (await tokenReviewer(token, input, reviewed));
  stack.defer(() => reviewer?.close());
  const clientCas = createClientCas();
  const clientCa = clientTrust === undefined && options.tls?.clientCa !== undefined ? options.tls : undefined;
  const tlsFiles =
    clientCa &&
    (await followTlsFiles(clientCa, {
      loaded: (material) => clientCas.update(certificatesOf(material.clientCa ?? Buffer.alloc(0))),
      // The listener logs it.
      refused: () => undefined,
    }));
  stack.defer(() => tlsFiles?.close());
  if (token !== undefined) warnOfLongStreams(options, log);
  let shortestLife = Number.POSITIVE_INFINITY;
  const accepted = (lifeMs: number): void => void (shortestLife = Math.min(shortestLife, lifeMs));
  const rules = (): readonly AccessRule[] | undefined => file?.rules();
  const decide = decideAccess({
    judge: methods.includes('mtls') ? certificateJudge(clientTrust, { ...input, clientCas }) : undefined,
    tokens: reviewer && token && { reviewer, audience: token.audience, accepted },
    rules,
    allowsAnonymous: methods.includes('none'),
    now: input.now,
  });
  const owned = stack.move();
  return {
    decide,
    rules,
    shortestTokenLife: () => (Number.isFinite(shortestLife) ? shortestLife : undefined),
    onReviewed: (listener) => void listeners.push(listener),
    [Symbol.dispose]: () => owned.dispose(),
  };
}

/** Life of the tokens of projected volumes, unless the pod sets another one. */
const usualTokenLifeMs = 3_600_000;

/** Warns of streams that last longer than their tokens. The tokens themselves are not known yet. */
function warnOfLongStreams(
  { maxConnectionAge, xdsMaxStreamAge = 0 }: Pick<ServeOptions, 'maxConnectionAge' | 'xdsMaxStreamAge'>,
  log: Logger,
): void {
  const ages = [maxConnectionAge, xdsMaxStreamAge].filter((age) => age > 0);
  const age = Math.min(...ages);
  if (age <= usualTokenLifeMs) return;
  const cause =
    ages.length === 0
      ? 'a proxy keeps its stream after its token has expired'
      : 'streams are checked again less often than once an hour, the usual life of a token';
  log.warn({ event: 'token-age' }, `${cause}: set --xds-max-stream-age to at most the life of the tokens`);
}

async function tokenReviewer(
  { audience, cacheMs, otherIssuer, kubeconfig }: TokenAuthOptions,
  { log, now }: XdsAccessInput,
  reviewed: ReviewListener,
): Promise<TokenReviewer> {
  // This loads client-node: only servers that review tokens pay for it.
  const { connectReviewer } = await import('../kubernetes/tokens/connect-reviewer.ts');
  const failures = createFailureLog(log);
  const keyFailures = createKeyLog(log);
  return connectReviewer({
    kubeconfig,
    audience,
    cacheMs,
    otherIssuer,
    now,
    keysRead: keyFailures,
    reviewed: (result, ms) => {
      reviewed(result.kind, ms / 1_000);
      failures(result.kind === 'unavailable' ? result.reason : undefined);
    },
  });
}

/** Returns a function that logs when the reviews begin to fail, for another reason, and when they work again. */
function createFailureLog(log: Logger): (problem: string | undefined) => void {
  let last: string | undefined;
  return (problem) => {
    if (problem === last) return;
    last = problem;
    if (problem === undefined) log.info({ event: 'token-reviews' }, 'the API server reviews tokens again');
    else
      log.error(
        { event: 'token-reviews', reason: problem },
        plainText(
          `the API server does not review tokens, so new streams with a token are refused: ${problem}`,
        ),
      );
  };
}

/** Returns a function that logs when the signing keys cannot be read, for another reason, and when they can again. */
function createKeyLog(log: Logger): (problem: string | undefined) => void {
  let last: string | undefined;
  return (problem) => {
    if (problem === last) return;
    last = problem;
    if (problem === undefined)
      log.info({ event: 'token-keys' }, 'the keys of service account tokens are read again');
    else
      log.warn(
        { event: 'token-keys', reason: problem },
        plainText(
          `the keys of service account tokens cannot be read, so the API server reviews forged tokens as well, within their budget: ${problem}`,
        ),
      );
  };
}

/** What the description of the authentication has besides the options. */
interface AuthenticationState {
  /** The life of the accepted token with the shortest one, in ms. */
  readonly tokenLifeMs: number | undefined;
  readonly rules: readonly AccessRule[] | undefined;
  readonly meshes: Iterable<string>;
}

/** Returns how proxies authenticate, for the admin API. */
export function authenticationOf(
  {
    xdsAuth,
    xdsAccess,
    xdsListen,
    maxConnectionAge,
    xdsMaxStreamAge = 0,
  }: Pick<ServeOptions, 'maxConnectionAge' | 'xdsAccess' | 'xdsAuth' | 'xdsListen' | 'xdsMaxStreamAge'>,
  { tokenLifeMs, rules, meshes }: AuthenticationState,
): XdsAuthenticationDetail {
  return {
    methods: xdsAuth?.methods ?? ['none'],
    beyondHost: !isLoopback(parseListenAddress(xdsListen)),
    rules: xdsAccess !== undefined,
    meshesWithNodeRules: rules === undefined ? [] : [...meshes].filter(nodeRulesOf(rules)),
    connectionAgeSeconds: maxConnectionAge / 1_000,
    streamAgeSeconds: xdsMaxStreamAge / 1_000,
    tokenLifeSeconds: tokenLifeMs === undefined ? undefined : tokenLifeMs / 1_000,
  };
}
