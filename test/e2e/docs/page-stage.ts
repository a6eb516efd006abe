import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from '../../kit/child.ts';
import type { Child } from '../../kit/child.ts';
import { trackedFiles } from '../../kit/doc-blocks.ts';
import type { Step } from '../../kit/doc-blocks.ts';
import { freePort } from '../../kit/free-port.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { playProxies } from '../page/played-proxies.ts';
import type { PlayedProxies } from '../page/played-proxies.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** How a command of a page is run by a test. */
export interface Manner {
  /** Prepares what the page assumes: files, a server, proxies. */
  readonly prepare?: (stage: PageStage) => Promise<unknown>;
  /** The part of the command that is run, if a test cannot run it all, and the reason. */
  readonly instead?: readonly [command: string, reason: string];
  /** The question that is asked on a terminal, and the answer that the page shows. */
  readonly answers?: readonly [question: RegExp, answer: string];
  /** The command runs until it is interrupted: it is, after this output or the output of the page. */
  readonly until?: RegExp | 'output';
  /** The command is not interrupted then: it runs beside the next ones, as in another terminal. */
  readonly stays?: true;
  readonly exitCode?: number;
  /** The page shows only what goes to the standard output. */
  readonly only?: 'stdout';
}

/** What a command printed, with the default ports and paths in place of those of the test. */
export interface Outcome {
  readonly output: string;
  readonly code: number | null;
}

/** A copy of the repository, in which the commands of a page run as they stand. */
export interface PageStage extends AsyncDisposable {
  /** Writes a file into the copy, or below `/etc/meshtrust`, which is a folder of the stage. */
  readonly write: (path: string, text: string) => Promise<void>;
  /** Returns the path of a file that a page names. */
  readonly path: (path: string) => string;
  /** Puts a program on the PATH of the commands. */
  readonly install: (name: string, program: string) => Promise<void>;
  /** Returns the port of the test in place of a port of the page. */
  readonly portOf: (port: number) => number;
  /** Starts a server on the default addresses, instead of the one before. */
  readonly serve: (paths: readonly string[], ...args: readonly string[]) => Promise<Meshtrust>;
  /** Connects proxies to that server, in mesh `default`. */
  readonly proxies: (...nodes: readonly string[]) => PlayedProxies;
  /** Ends the server and its proxies. */
  readonly clear: () => Promise<void>;
  readonly run: (step: Step, manner?: Manner) => Promise<Outcome>;
}

const etc = '/etc/meshtrust';
/** A server that is not the default one: the server of the test answers for it. */
const otherServer = /http:\/\/[\w-]+\.example:5680/g;
/** Runs a command ($0) with both outputs in one. Variables that it sets are there for the next one, by a file ($1). */
const shell = `set -a; [ -e "$1" ] && . "$1"; eval "$0"; code=$?; export -p > "$1"; exit $code`;

/**
 * Copies the tracked files to a temporary folder and links `node_modules`. Commands get the program as `meshtrust` on
 * the PATH, and variables in place of its default ports: other tests and programs may use those.
 */
export async function makePageStage(): Promise<PageStage> {
  await using made = new AsyncDisposableStack();
  const dir = made.use(await makeTempDir());
  const [checkout, bin] = [dir.join('checkout'), dir.join('bin')];
  await Promise.all([checkout, bin, dir.join('etc'), dir.join('home')].map((folder) => mkdir(folder)));
  const files = trackedFiles().filter((path) => existsSync(join(root, path)));
  const archive = execFileSync('tar', ['--create', '--null', '--files-from=-'], {
    cwd: root,
    input: files.join('\0'),
    maxBuffer: 2 ** 28,
  });
  execFileSync('tar', ['--extract'], { cwd: checkout, input: archive });
  await symlink(join(root, 'node_modules'), join(checkout, 'node_modules'));
  await symlink(join(checkout, 'bin/meshtrust.js'), join(bin, 'meshtrust'));
  const [xdsPort, adminPort] = [await freePort(), await freePort()];
  const inherited = Object.entries(process.env).filter(([name]) => !/^(?:MESHTRUST|npm)_/.test(name));
  const env = {
    ...Object.fromEntries(inherited),
    PATH: [bin, dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
    HOME: dir.join('home'),
    NO_COLOR: '1',
    MESHTRUST_XDS_LISTEN: `127.0.0.1:${xdsPort}`,
    MESHTRUST_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
    MESHTRUST_SERVER: `http://127.0.0.1:${adminPort}`,
  };
  const ports = new Map([
    [5678, xdsPort],
    [5680, adminPort],
    [8443, await freePort()],
    [9901, await freePort()],
  ]);
  let scene = made.use(new AsyncDisposableStack());

  const path = (name: string): string =>
    name.startsWith(etc) ? join(dir.join('etc'), name.slice(etc.length)) : join(checkout, name);
  const ofPage = (text: string): string =>
    [...ports].reduce(
      (changed, [port, own]) => changed.replaceAll(`:${own}`, `:${port}`),
      text.replaceAll('\r\n', '\n').replaceAll(dir.join('etc'), etc).replaceAll(`${checkout}/`, ''),
    );
  const clear = async (): Promise<void> => {
    await scene.disposeAsync();
    scene = new AsyncDisposableStack();
  };

  async function start(command: string, { answers, only }: Manner): Promise<Child> {
    const isTerminal = answers !== undefined;
    const text = command
      .replaceAll(etc, dir.join('etc'))
      .replaceAll(otherServer, `http://127.0.0.1:${adminPort}`)
      .replaceAll('//localhost:8443', `//localhost:${ports.get(8443)}`);
    const options = { cwd: checkout, group: true, input: isTerminal };
    return isTerminal
      ? startChild('script', ['--quiet', '--return', '--command', text, '/dev/null'], env, options)
      : startChild(
          'sh',
          ['-c', only === undefined ? `exec 2>&1; ${shell}` : shell, text, dir.join('variables')],
          env,
          options,
        );
  }

  const held = made.move();
  return {
    path,
    install: (name, program) => symlink(program, join(bin, name)),
    portOf: (port) => ports.get(port) ?? port,
    write: (name, text) => writeFile(path(name), text),
    async serve(paths, ...args) {
      await clear();
      const dirs = paths.map((name) => path(name));
      const options = {
        dirs,
        xdsPort,
        adminPort,
        args: args.map((arg) => arg.replace(etc, dir.join('etc'))),
      };
      return scene.use(await startMeshtrust(options));
    },
    proxies: (...nodes) =>
      scene.use(playProxies(`127.0.0.1:${xdsPort}`, nodes.length, (index) => nodes[index] ?? '')),
    clear,
    async run({ command, output }, manner = {}) {
      const { instead, answers, until, stays = false } = manner;
      await using stack = new AsyncDisposableStack();
      const child = (stays ? scene : stack).use(await start(instead?.[0] ?? command, manner));
      const seen = (): string => ofPage(child.stdout());
      const untilSeen = (what: string, isThere: () => boolean): Promise<true> =>
        poll(
          what,
          () => {
            if (isThere()) return true;
            if (child.exited() === undefined) return undefined;
            throw new Error(`${command} ended:\n${seen()}${child.stderr()}`);
          },
          { timeoutMs: 60_000 },
        );
      if (answers !== undefined) {
        const [question, answer] = answers;
        await untilSeen(`the question of ${command}`, () => question.test(seen()));
        child.write(`${answer}\n`);
      }
      if (until !== undefined) {
        const lines = output?.split('\n').length ?? 0;
        await untilSeen(`the output of ${command}`, () =>
          until === 'output' ? seen().split('\n').length > lines : until.test(seen()),
        );
        if (stays) return { output: seen().trimEnd(), code: null };
        await child.stop('SIGINT');
      }
      const { code } = await child.exit;
      return { output: seen().trimEnd(), code };
    },
    [Symbol.asyncDispose]: async () => {
      await clear();
      await held.disposeAsync();
    },
  };
}

/** The parts of an output that differ from run to run. */
const variable = {
  age: [/(?<![\w.])\d+ ?(?:ms|s|m|h|d)\b/g, 'TIME'],
  date: [/\b20\d\d-\d\d-\d\d\b/g, 'DATE'],
  folder: [/\/\S*\/meshtrust-demo-\w+/g, 'FOLDER'],
  hash: [/\b(?=[0-9a-f]*\d)[0-9a-f]{12,64}(?:…|\b)/g, 'HASH'],
  progress: [/^mesh .*; waiting for .*\n/gm, ''],
  port: [/(?<=localhost:|127\.0\.0\.1:)\d+/g, 'PORT'],
  version: [/(?<![\d.])\d+\.\d+\.\d+\b(?!\.)/g, 'VERSION'],
  // Of a table, and of the line under a heading.
  width: [/(?<= {2}) +|(?<=--)-+/g, ''],
} as const satisfies Readonly<Record<string, readonly [RegExp, string]>>;

export type Variable = keyof typeof variable;

/** Replaces the parts of an output that differ from run to run. */
export function withoutVariable(output: string, varies: readonly Variable[]): string {
  return varies.reduce((text, each) => {
    const [pattern, name] = variable[each];
    return text.replaceAll(pattern, name);
  }, output);
}
