import { createWriteStream } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { parseListenAddress } from '../../net/listen-address.ts';
import type { ListenAddress } from '../../net/listen-address.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import type { DemoFiles } from './demo-files.ts';
import { asMapping, parseJson } from '../../text/json.ts';

/** A server of this process. Disposing of it drains it. */
export interface DemoServer extends AsyncDisposable {
  readonly xds: ListenAddress;
  /** The address of the admin API and the page, HOST:PORT. */
  readonly admin: string;
}

/** Runs a command line in this process and returns its exit code. */
export type RunCommand = (io: CommandIo) => Promise<number>;

/**
 * Starts `meshtrust serve` on the demo's directory, with its log in a file, and waits until it listens.
 * @throws {CommandError} (cannot start) with the last lines of the log.
 */
export async function startServer(run: RunCommand, files: DemoFiles, io: CommandIo): Promise<DemoServer> {
  const stop = new AbortController();
  const listening = Promise.withResolvers<{ readonly xds: string; readonly admin: string }>();
  const log = createWriteStream(files.serverLog);
  const stdout = new PassThrough();
  stdout.pipe(log);
  createInterface({ input: stdout }).on('line', (line) => {
    const entry = asMapping(parseJson(line)) ?? {};
    if (entry['event'] === 'listening') listening.resolve(entry as { xds: string; admin: string });
  });
  let complaint = '';
  const stderr = new PassThrough();
  createInterface({ input: stderr }).on('line', (line) => {
    complaint = line;
  });
  const [xds, admin] = await Promise.all([freePort(5678), freePort(5680)]);
  const args = ['serve', '--dir', files.trust, '--log-format=json', '--drain-grace=0'];
  args.push(`--xds-listen=127.0.0.1:${xds}`, `--admin-listen=127.0.0.1:${admin}`);
  const ended = run({ args, env: {}, stdout, stderr, signal: stop.signal }).then((code) => {
    listening.reject(new CommandError(exitCode.cannotStart, complaint || `the server ended with ${code}`));
  });
  io.signal.addEventListener('abort', () => stop.abort(), { once: true });
  const addresses = await listening.promise;
  return {
    xds: parseListenAddress(addresses.xds),
    admin: addresses.admin,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
      await new Promise((resolve) => log.end(resolve));
    },
  };
}

/** Returns the port if nothing listens on it at loopback, and any free one otherwise. */
export async function freePort(wanted: number): Promise<number> {
  return (await tryPort(wanted)) ?? (await tryPort(0)) ?? 0;
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const { port: bound } = server.address() as AddressInfo;
      server.close(() => resolve(bound));
    });
  });
}
