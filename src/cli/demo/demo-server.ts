import { createWriteStream } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Transform } from 'node:stream';
import { parseListenAddress } from '../../net/listen-address.ts';
import type { ListenAddress } from '../../net/listen-address.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import type { DemoFiles } from './demo-files.ts';

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
  const reader = lines((line) => {
    const entry = parse(line);
    if (entry['event'] === 'listening') listening.resolve(entry as { xds: string; admin: string });
  });
  reader.pipe(log);
  let complaint = '';
  const talk = lines((line) => {
    complaint = line;
  });
  talk.resume();
  const [xds, admin] = await Promise.all([freePort(5678), freePort(5680)]);
  const args = ['serve', '--dir', files.trust, '--log-format=json', '--drain-grace=0'];
  args.push(`--xds-listen=127.0.0.1:${xds}`, `--admin-listen=127.0.0.1:${admin}`);
  const ended = run({ args, env: {}, stdout: reader, stderr: talk, signal: stop.signal }).then((code) => {
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

/** Returns a stream that forwards text, and calls back with each complete line. */
function lines(onLine: (line: string) => void): Transform {
  let rest = '';
  return new Transform({
    transform(chunk, _, done) {
      const parts = (rest + String(chunk)).split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) onLine(part);
      done(undefined, chunk);
    },
  });
}

function parse(line: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}
