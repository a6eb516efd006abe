import { startChild } from './child.ts';
import type { Child } from './child.ts';
import { findTool } from './find-tool.ts';
import { poll } from './poll.ts';

const found = await findTool('spiffe-peer');
/** Why tests with go-spiffe are skipped, or false. */
export const skipSpiffePeer = found.kind === 'missing' && found.reason;

/** A bundle as go-spiffe read it. */
export interface PeerBundle {
  readonly sequence?: number;
  readonly refreshSeconds?: number;
  /** DER, as base64. */
  readonly authorities: readonly string[];
}

/** How go-spiffe authenticates an endpoint. */
export type PeerAuthentication =
  | { readonly kind: 'https_web'; readonly caFile: string }
  /** The file is the first bundle of the trust domain of the endpoint, in the SPIFFE format. */
  | { readonly kind: 'https_spiffe'; readonly endpointId: string; readonly bundleFile: string };

export interface PeerTarget {
  readonly trustDomain: string;
  readonly url: string;
  readonly authentication: PeerAuthentication;
}

function start(command: string, args: readonly string[]): Promise<Child> {
  if (found.kind === 'missing') throw new Error(found.reason);
  return startChild(found.path, [command, ...args]);
}

function argsOf({ trustDomain, url, authentication }: PeerTarget): readonly string[] {
  const how =
    authentication.kind === 'https_web'
      ? [`-web-ca=${authentication.caFile}`]
      : [`-endpoint-id=${authentication.endpointId}`, `-bundle=${authentication.bundleFile}`];
  return [`-trust-domain=${trustDomain}`, `-url=${url}`, ...how];
}

/** Fetches a bundle with go-spiffe's `federation.FetchBundle`. Returns the error as text if it fails. */
export async function fetchAsPeer(target: PeerTarget): Promise<PeerBundle | string> {
  await using child = await start('fetch', argsOf(target));
  const { code } = await child.exit;
  return code === 0 ? (JSON.parse(child.stdout()) as PeerBundle) : child.stderr().trim();
}

/** A running `federation.WatchBundle`, whose next fetches trust the bundle of the last one. */
export interface PeerWatch extends AsyncDisposable {
  /** Waits for a bundle with this number of CA certificates after those that were awaited before. */
  readonly next: (authorities: number) => Promise<PeerBundle>;
  readonly errors: () => readonly string[];
}

/** Fetches a bundle again and again with go-spiffe's `federation.WatchBundle`. */
export async function watchAsPeer(target: PeerTarget, interval = '100ms'): Promise<PeerWatch> {
  const child = await start('watch', [...argsOf(target), `-interval=${interval}`]);
  const lines = (): readonly (PeerBundle | { readonly error: string })[] =>
    child
      .stdout()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as PeerBundle | { readonly error: string });
  let seen = 0;
  return {
    next: (authorities) =>
      poll(`a bundle with ${authorities} CA certificates at go-spiffe`, () => {
        const exit = child.exited();
        if (exit !== undefined) throw new Error(`spiffe-peer ended: ${child.stderr()}`);
        const all = lines();
        const index = all.findIndex(
          (line, at) => at >= seen && 'authorities' in line && line.authorities.length === authorities,
        );
        const line = all[index];
        if (line === undefined || 'error' in line) return undefined;
        seen = index + 1;
        return line;
      }),
    errors: () => lines().flatMap((line) => ('error' in line ? [line.error] : [])),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** A running bundle endpoint of go-spiffe's `federation.NewHandler`. */
export interface PeerServer extends AsyncDisposable {
  /** `HOST:PORT`. */
  readonly address: string;
}

export interface PeerServerOptions {
  readonly trustDomain: string;
  /** The bundle in the SPIFFE format. It is read for each request. */
  readonly bundleFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** Serves the bundle of a file with go-spiffe. */
export async function serveAsPeer({
  trustDomain,
  bundleFile,
  certificateFile,
  keyFile,
}: PeerServerOptions): Promise<PeerServer> {
  const child = await start('serve', [
    `-trust-domain=${trustDomain}`,
    `-bundle=${bundleFile}`,
    `-cert=${certificateFile}`,
    `-key=${keyFile}`,
  ]);
  const address = await poll('the address of go-spiffe', () => {
    if (child.exited() !== undefined) throw new Error(`spiffe-peer ended: ${child.stderr()}`);
    return /^(\S+)\n/.exec(child.stdout())?.[1];
  });
  return { address, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}
