import { fileURLToPath } from 'node:url';

import { serverFlags } from '../../src/frontend/tune-heap.ts';
import { startChild } from './child.ts';
import type { Exit } from './child.ts';
import { freePort } from './free-port.ts';
import { poll } from './poll.ts';

const entry = fileURLToPath(new URL('../../bin/meshtrust.js', import.meta.url));

export interface MeshtrustOptions {
  /** Directories to serve. */
  readonly dirs: readonly string[];
  /** Ports to listen on; free ones by default. A restart gets the ports of the first run. */
  readonly xdsPort?: number;
  readonly adminPort?: number;
  /** Further arguments of `serve`. */
  readonly args?: readonly string[];
  /** Further arguments of Node.js itself. */
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Whether to wait for `/readyz`; true by default. */
  readonly waitUntilReady?: boolean;
}

/** One line of the program's log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** The program as `npm start` and the image run it, in a separate process. */
export interface Meshtrust extends AsyncDisposable {
  readonly pid: number;
  readonly xdsPort: number;
  readonly adminPort: number;
  /** Returns the JSON lines of stdout and stderr so far. */
  readonly logs: () => readonly LogLine[];
  /** Waits for the first line of the log that matches, for at most `timeoutMs`. */
  readonly logged: (what: string, fits: (line: LogLine) => boolean, timeoutMs?: number) => Promise<LogLine>;
  /** Returns the body and the status of a path of the admin server. */
  readonly admin: (path: string) => Promise<{ readonly status: number; readonly body: string }>;
  /** Returns the samples of a metric, e.g. `meshtrust_xds_nacks_total`, by their label text. */
  readonly metric: (name: string) => Promise<ReadonlyMap<string, number>>;
  readonly exit: Promise<Exit>;
  readonly stop: (signal?: NodeJS.Signals) => Promise<Exit>;
}

/**
 * Starts `meshtrust serve` and waits until it is ready.
 * @throws {Error} with the program's output if it exits, or is not ready within 15 s.
 */
export async function startMeshtrust(options: MeshtrustOptions): Promise<Meshtrust> {
  const xdsPort = options.xdsPort ?? (await freePort());
  const adminPort = options.adminPort ?? (await freePort());
  const child = await startChild(
    process.execPath,
    [
      ...serverFlags,
      ...(options.nodeArgs ?? []),
      entry,
      'serve',
      ...options.dirs.flatMap((dir) => ['--dir', dir]),
      `--xds-listen=127.0.0.1:${xdsPort}`,
      `--admin-listen=127.0.0.1:${adminPort}`,
      ...(options.args ?? []),
    ],
    { ...process.env, ...options.env },
  );
  const logs = () => [...jsonLines(child.stdout()), ...jsonLines(child.stderr())];
  const admin = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${adminPort}${path}`);
    return { status: response.status, body: await response.text() };
  };
  const alive = () => {
    const exit = child.exited();
    if (exit === undefined) return;
    throw new Error(`meshtrust ended: ${JSON.stringify(exit)}\n${child.stdout()}${child.stderr()}`);
  };

  if (options.waitUntilReady ?? true) {
    try {
      const isReady = async (): Promise<true | undefined> => {
        alive();
        const status = await admin('/readyz').then(
          (answer) => answer.status,
          () => undefined,
        );
        return status === 200 ? true : undefined;
      };
      // The program itself waits up to 10 s for relationships that it cannot read, after its start.
      await poll('meshtrust to be ready', isReady, { timeoutMs: 60_000 });
    } catch (error) {
      await child.stop('SIGKILL');
      throw new Error(`meshtrust did not become ready:\n${child.stdout()}${child.stderr()}`, {
        cause: error,
      });
    }
  }

  return {
    pid: child.pid,
    xdsPort,
    adminPort,
    logs,
    logged: (what, fits, timeoutMs = 10_000) =>
      poll(
        `the log line of ${what}`,
        () => {
          alive();
          return logs().find(fits);
        },
        { timeoutMs },
      ),
    admin,
    metric: async (name) => parseSamples((await admin('/metrics')).body, name),
    exit: child.exit,
    stop: (signal) => child.stop(signal),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** The samples of one metric in Prometheus' text format: label text (or '') to value. */
export function parseSamples(text: string, name: string): ReadonlyMap<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^(?<metric>[A-Za-z_:][\w:]*)(?:\{(?<labels>.*)\})? (?<value>\S+)$/.exec(line);
    if (match?.groups?.['metric'] === name)
      samples.set(match.groups['labels'] ?? '', Number(match.groups['value']));
  }
  return samples;
}

function jsonLines(text: string): LogLine[] {
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    try {
      return [JSON.parse(line) as LogLine];
    } catch {
      // The last line may be half written yet.
      return [];
    }
  });
}
