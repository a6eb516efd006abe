import { validateHeaderValue } from 'node:http';
import { createSecureContext } from 'node:tls';
import { isLoopbackHost } from '../../net/listen-address.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { namesNoServer } from '../flags/flags.ts';
import type { CommandIo, FoundServer, LostServer } from '../terminal/io.ts';
import { readInput } from '../terminal/read-input.ts';
import { reasonOf } from '../../text/system-error.ts';

/** The options of every command that sends requests to running servers. */
export interface ServerOptions {
  /** At least one; several are replicas. */
  readonly server: readonly string[];
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
}

/** The address of a server's admin API, and credentials for it. */
export interface ServerAccess {
  /** As given on the command line; for messages. */
  readonly name: string;
  readonly target:
    | { readonly kind: 'url'; readonly url: URL }
    | { readonly kind: 'unix'; readonly path: string }
    /** The server was found, but cannot be reached. */
    | { readonly kind: 'lost'; readonly failure: string };
  readonly token: string | undefined;
  readonly tls: {
    readonly ca: Buffer | undefined;
    readonly cert: Buffer | undefined;
    readonly key: Buffer | undefined;
  };
}

/**
 * Reads the files that the options name, and finds servers if the options name none.
 * @throws {CommandError} (usage) for an invalid URL, a file that cannot be read or used, or a token that would be sent
 * over a network without TLS; (unreachable) if servers must be found and there are none.
 */
export async function serverAccess(
  options: ServerOptions,
  { servers, signal }: Pick<CommandIo, 'servers' | 'signal'>,
): Promise<readonly ServerAccess[]> {
  const { tokenFile, ca, clientCert, clientKey } = options;
  if ((clientCert === undefined) !== (clientKey === undefined)) {
    throw new CommandError(exitCode.usage, 'a client certificate needs both --client-cert and --client-key');
  }
  const token = (await readOptional(tokenFile, signal))?.toString('utf8').split(/\s+/).find(Boolean);
  if (tokenFile !== undefined && token === undefined) {
    throw new CommandError(exitCode.usage, `token file ${tokenFile}: it is empty`);
  }
  if (token !== undefined)
    requireUsable(`token file ${tokenFile}`, () => validateHeaderValue('authorization', token));
  const tls = {
    ca: await readOptional(ca, signal),
    cert: await readOptional(clientCert, signal),
    key: await readOptional(clientKey, signal),
  };
  // Otherwise each request would fail, as if the server did not answer.
  if (tls.cert !== undefined)
    requireUsable(`--client-cert ${clientCert} and --client-key ${clientKey}`, () =>
      createSecureContext({ cert: tls.cert, key: tls.key }),
    );
  if (
    tls.ca !== undefined &&
    !/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/.test(tls.ca.toString('latin1'))
  )
    throw new CommandError(exitCode.usage, `--ca ${ca}: it has no certificate in PEM`);
  const found: readonly (FoundServer | LostServer)[] =
    servers !== undefined && namesNoServer(options.server)
      ? await servers.find(signal)
      : options.server.map((url) => ({ name: url, url }));
  const all = found.map((server) => {
    const { name } = server;
    const target: ServerAccess['target'] =
      'failure' in server ? { kind: 'lost', failure: server.failure } : targetOf(server.url);
    if (token !== undefined && target.kind === 'url' && isInTheClear(target.url)) {
      throw new CommandError(exitCode.usage, `${name}: the token is not sent without TLS; use https://`);
    }
    return { name, target, token, tls };
  });
  // The proxies of a server that is named twice would count twice.
  const addresses = all.map(addressOf);
  return all.filter(
    ({ target }, index) => target.kind === 'lost' || addresses.indexOf(addressOf({ target })) === index,
  );
}

function requireUsable(what: string, use: () => unknown): void {
  try {
    use();
  } catch (error) {
    throw new CommandError(exitCode.usage, `${what} cannot be used: ${reasonOf(error)}`);
  }
}

function addressOf({ target }: Pick<ServerAccess, 'target'>): string {
  if (target.kind === 'lost') return '';
  return target.kind === 'unix' ? `unix:${target.path}` : target.url.origin;
}

/** Returns true if a request would cross a network without TLS. */
function isInTheClear({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && !isLoopbackHost(hostname.replace(/^\[(.*)\]$/, '$1'));
}

function targetOf(name: string): ServerAccess['target'] {
  if (name.startsWith('unix:')) return { kind: 'unix', path: name.slice('unix:'.length) };
  const url = URL.canParse(name) ? new URL(name) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new CommandError(
      exitCode.usage,
      `--server ${name}: not a URL such as http://127.0.0.1:5680, https://HOST:PORT or unix:PATH`,
    );
  }
  // They would be ignored, or sent and printed in clear text.
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username + url.password !== '')
    throw new CommandError(
      exitCode.usage,
      `--server ${url.protocol}//${url.host}: give the address only, without a path, a query or a user`,
    );
  return { kind: 'url', url };
}

function readOptional(path: string | undefined, signal: AbortSignal): Promise<Buffer> | undefined {
  return path === undefined ? undefined : readInput(path, { signal });
}
