import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { suite, test } from 'node:test';

const root = new URL('../../', import.meta.url);
/** The helper that all other delays pass. */
const helper = 'src/xds/timers/timers.ts';

interface Timer {
  readonly call: string;
  readonly delay: string;
}

/** The timers that a text starts, each with the expression that says how long. */
function timersIn(text: string): readonly Timer[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '');
  const promised = /import \{[^}]*\bsetTimeout( as (\w+))?[^}]*\} from 'node:timers\/promises'/.exec(code);
  const sleeper = promised === null ? undefined : (promised[2] ?? 'setTimeout');
  const calls = [...code.matchAll(/(?<![\w.])(setTimeout|setInterval|AbortSignal\.timeout|delay)\(/g)];
  return calls.flatMap(({ 0: start, 1: call = '', index }) => {
    if (call === 'delay' && call !== sleeper) return [];
    const given = argumentsFrom(code, index + start.length);
    const isFirst = call === sleeper || call === 'AbortSignal.timeout';
    return [{ call, delay: given[isFirst ? 0 : 1] ?? '' }];
  });
}

/** The arguments of a call, from after its parenthesis. */
function argumentsFrom(code: string, from: number): readonly string[] {
  const found: string[] = [];
  let depth = 0;
  let start = from;
  for (let index = from; index < code.length; index += 1) {
    const char = code[index] ?? '';
    if ('([{'.includes(char)) depth += 1;
    if (depth === 0 && (char === ',' || char === ')')) {
      found.push(code.slice(start, index).trim());
      start = index + 1;
      if (char === ')') return found;
    }
    if (')]}'.includes(char)) depth -= 1;
  }
  return found;
}

/** The page cannot import the helper, whose types are those of Node.js. It passes only constants here. */
const bounded = ['main', 'event-worker'].map((name) => `src/page/${name}.ts: setTimeout with milliseconds`);

/** A number, a constant of the file that is one, or a call of the helper that bounds it. */
function isSafe(delay: string, text: string): boolean {
  if (/^[\d_]+$/.test(delay)) return true;
  if (/^timerMs\([\s\S]*\)$/.test(delay)) return true;
  const number = /^\w+$/.test(delay)
    ? new RegExp(`^(?:export )?const ${delay} = ([\\d_]+);$`, 'm')
    : undefined;
  return number?.test(text) === true;
}

async function sources(): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const folder of ['src', 'bin', 'bench', 'scripts']) {
    for (const name of await readdir(new URL(`${folder}/`, root), { recursive: true })) {
      if (!/\.(?:ts|js)$/.test(name)) continue;
      const path = `${folder}/${name}`;
      if (path !== helper) found.set(path, await readFile(new URL(path, root), 'utf8'));
    }
  }
  return found;
}

suite('timers', () => {
  test('delay of each timer: a constant, or bounded by the helper, since Node.js fires at once above 2^31-1 ms', async () => {
    let seen = 0;
    const unsafe = [...(await sources())].flatMap(([path, text]) => {
      const timers = timersIn(text);
      seen += timers.length;
      return timers
        .filter(({ delay }) => !isSafe(delay, text))
        .map(({ call, delay }) => `${path}: ${call} with ${delay}`);
    });
    assert.deepEqual(unsafe.toSorted(), bounded.toSorted());
    assert.ok(seen > 40, `only ${seen} timers were seen`);
  });

  test('unsafe delays: are found', () => {
    const text = [
      "import { setTimeout as delay } from 'node:timers/promises';",
      'const soonMs = 1_000;',
      'setTimeout(run, soonMs);',
      'setTimeout(() => void run(a, b), options.graceMs);',
      'setInterval(() => {',
      '  run(1, 2);',
      '}, pollMs).unref();',
      'await delay(2 * soonMs, undefined, { signal });',
      'AbortSignal.timeout(withinMs);',
      'clearTimeout(timer);',
      '// setTimeout(run, commentMs)',
      'setInterval(run, timerMs(pollMs));',
    ].join('\n');
    const unsafe = timersIn(text).filter(({ delay }) => !isSafe(delay, text));
    assert.deepEqual(
      unsafe.map(({ delay }) => delay),
      ['options.graceMs', 'pollMs', '2 * soonMs', 'withinMs'],
    );
  });
});
