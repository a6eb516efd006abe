/** The load generator, which runs as a separate process: simulates Envoys, controlled by messages of its parent. */
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from './commands.ts';
import type { Command, Receipts, Reply } from './commands.ts';
import { secureContextOf } from './open-socket.ts';
import { createFleet } from './proxy.ts';
import type { Proxy } from './proxy.ts';

const connectTimeoutMs = 120_000;

let proxies: Proxy[] = [];
let versions: string[] = [];
let paused = 0;
let times: (number | undefined)[] = [];
let [received, responses, resources] = [0, 0, 0];
let failure: string | undefined;

process.on('message', (command: Command) => {
  run(command).then(reply, (error: unknown) => reply({ kind: 'failed', reason: String(error) }));
});
process.on('disconnect', () => process.exit());

function reply(message: Reply): void {
  process.send?.(message);
}

async function run(command: Command): Promise<Reply> {
  switch (command.kind) {
    case 'connect':
      await connectAll(command);
      return { kind: 'done' };
    case 'expect':
      expect(proxies.length);
      return { kind: 'done' };
    case 'received': {
      await until(() => received >= proxies.length - paused, command.timeoutMs, 'receipts').catch(() => {});
      if (failure !== undefined) return { kind: 'failed', reason: failure };
      return { kind: 'receipts', ...receipts() };
    }
    case 'pause':
      paused = command.proxies;
      await Promise.all(proxies.slice(0, paused).map((proxy) => proxy.pause()));
      return { kind: 'done' };
    case 'resume':
      for (const proxy of proxies.slice(0, paused)) proxy.resume();
      paused = 0;
      return { kind: 'done' };
    case 'close':
      versions = proxies.map((proxy) => proxy.version);
      for (const proxy of proxies) proxy.close();
      [proxies, paused, failure] = [[], 0, undefined];
      return { kind: 'done' };
  }
}

async function connectAll(command: Extract<Command, { kind: 'connect' }>): Promise<void> {
  const node = Buffer.from(command.node, 'base64');
  // One for all: otherwise each proxy would parse the certificates again.
  const connect = createFleet({ ...command, secureContext: command.tls && secureContextOf(command.tls) });
  let accepted = 0;
  expect(command.proxies);
  for (let index = 0; index < command.proxies; index += 1) {
    proxies.push(
      connect({
        node: withId(node, index),
        version: command.quotes ? (versions[index] ?? '') : '',
        onAccepted: () => {
          accepted += 1;
        },
        onResponse: (heard) => {
          responses += 1;
          resources += heard.resources;
          if (times[index] !== undefined) return;
          times[index] = monotonicMs();
          received += 1;
        },
        onEnd: (reason) => {
          failure ??= reason;
        },
      }),
    );
    if (command.answered) await until(() => proxies.length - received < command.atOnce);
  }
  await until(() => (command.answered ? received : accepted) >= command.proxies);
}

function expect(count: number): void {
  times = Array.from({ length: count });
  [received, responses, resources] = [0, 0, 0];
}

/** Returns the node with the digits at the end of its id replaced, so that each proxy has an id of equal length. */
function withId(node: Buffer, index: number): Buffer {
  const id = Buffer.from(node);
  const length = id[1] ?? 0;
  id.write(String(index).padStart(6, '0'), 2 + length - 6, 'latin1');
  return id;
}

async function until(holds: () => boolean, timeoutMs = connectTimeoutMs, what = 'answers'): Promise<void> {
  const deadline = monotonicMs() + timeoutMs;
  while (!holds()) {
    if (failure !== undefined) throw new Error(failure);
    if (monotonicMs() > deadline) throw new Error(`no ${what} in ${timeoutMs} ms (${received} received)`);
    await delay(2);
  }
}

function receipts(): Receipts {
  const sorted = times.filter((time) => time !== undefined).sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return {
    expected: proxies.length - paused,
    received,
    responses,
    resources,
    first: at(0),
    median: at(0.5),
    p99: at(0.99),
    last: at(1),
  };
}
