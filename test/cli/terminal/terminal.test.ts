import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { PassThrough, Writable } from 'node:stream';
import { after, before, suite, test } from 'node:test';
import { load } from 'js-yaml';

import { runKubectlPlugin } from '../../../src/cli/kubectl-plugin.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { confirm } from '../../../src/cli/terminal/confirm.ts';
import { guardTerminal, paint, say, terminalText } from '../../../src/cli/terminal/terminal.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { hostile, hostileServer } from '../hostile-server.ts';
import { run, start } from '../run.ts';
import type { Outcome } from '../run.ts';

/** Asserts that no text from outside controls a terminal or begins a line. */
function assertPlain(text: string, what: string): void {
  const unsafe = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufdd0-\ufdef]/u.exec(
    text,
  );
  assert.equal(
    unsafe,
    null,
    `${what}: U+${unsafe?.[0].codePointAt(0)?.toString(16)} in ${JSON.stringify(text)}`,
  );
  assert.doesNotMatch(text, /^\W*forged/m, `${what}: a forged line in ${JSON.stringify(text)}`);
}

/** A terminal whose user answers. */
function answering(answer: string): PassThrough & { readonly isTTY: true } {
  const stdin = Object.assign(new PassThrough(), { isTTY: true } as const);
  stdin.end(`${answer}\n`);
  return stdin;
}

/** Runs a command line, and asserts that its output is plain. */
async function runPlain(...args: readonly string[]): Promise<Outcome> {
  return assertOutcome(args, await run(args, {}, AbortSignal.timeout(10_000)));
}

/** The same with a server, which ends once it has reported its findings, or because it cannot start. */
async function servePlain(...args: readonly string[]): Promise<Outcome> {
  const stop = new AbortController();
  const serving = start(args, stop.signal);
  const isReported = await serving.until(/"event":"finding"/).then(
    () => true,
    () => false,
  );
  stop.abort();
  const outcome = await serving.outcome;
  assert.ok(isReported || outcome.code !== 0, 'it served without a finding');
  return assertOutcome(args, outcome);
}

/** The same with a user who answers yes. */
async function runAsking(...args: readonly string[]): Promise<Outcome> {
  return assertOutcome(
    args,
    await run(args, {}, AbortSignal.timeout(10_000), (io) => runProgram({ ...io, stdin: answering('y') })),
  );
}

function assertOutcome(args: readonly string[], outcome: Outcome): Outcome {
  assertPlain(outcome.stdout, `${args[0]}, stdout`);
  assertPlain(outcome.stderr, `${args[0]}, stderr`);
  return outcome;
}

/** The commands that completion offers after these words. */
async function commandsAfter(...words: readonly string[]): Promise<readonly (readonly string[])[]> {
  const { stdout } = await run(['complete', '--', ...words, '']);
  const names = stdout.split('\n').flatMap((line) => /^([a-z][\w-]*)\t/.exec(line)?.[1] ?? []);
  const nested = await Promise.all(names.map((name) => commandsAfter(...words, name)));
  return names.flatMap((name, index) => [[...words, name], ...(nested[index] ?? [])]);
}

suite('output of commands with hostile names in files, answers and arguments', () => {
  const stack = new AsyncDisposableStack();
  let [server, files, other, leaf, list, hash]: string[] = [];
  before(async () => {
    const dir = stack.use(await makeTempDir());
    const ca = makeCa({ commonName: `CA${hostile}` });
    const spiffeId = 'spiffe://a.test/web';
    const name = JSON.stringify(`a${hostile}`);
    const resource = { name, trustDomain: 'a.test', pems: [ca.certPem], mesh: name };
    [files, other, leaf] = ['files', 'other', 'leaf'].map((part) => dir.join(`${part}${hostile}`));
    for (const path of [files, other]) await mkdir(path ?? '');
    const at = (path: string): string => `${files}/${path}${hostile}.yaml`;
    await writeFile(at('good'), meshTrustYaml({ ...resource, name: 'a', mesh: 'default' }));
    await writeFile(at('names'), meshTrustYaml(resource));
    await writeFile(
      at('bad'),
      meshTrustYaml({ ...resource, pems: ['-----BEGIN X-----\nA\n-----END X-----\n'] }),
    );
    await writeFile(at('domain'), meshTrustYaml({ ...resource, trustDomain: `a${hostile}` }));
    await writeFile(at('type'), `type: Mesh${name}\n${name}: ${name}\n`);
    await writeFile(at('syntax'), `a: [${name}\n*${name}`);
    await writeFile(`${other}/a.yaml`, meshTrustYaml({ ...resource, name: 'b', pems: [makeCa().certPem] }));
    const client = makeLeaf(ca, { spiffeId, commonName: `web${hostile}` });
    await writeFile(leaf ?? '', client.certPem);
    list = dir.join(`list${hostile}`);
    // Envoy rejects noncharacters in a name, so the CA of the files is not served.
    const served = makeCa();
    hash = new X509Certificate(served.certPem).fingerprint256;
    const pems = [ca.certPem, served.certPem];
    server = stack.use(await hostileServer([{ ...resource, name: 'a', mesh: 'default', pems }])).url;
  });
  after(() => stack.disposeAsync());

  const revoke = (...more: readonly string[]): (string | undefined)[] => [
    'revoke',
    hash,
    `--distrust=${list}`,
    `--server=${server}`,
    ...more,
  ];
  const invocations: readonly (readonly [what: string, args: () => readonly (string | undefined)[]])[] = [
    ['validate', () => ['validate', files, other]],
    ['validate of a file that is not there', () => ['validate', `${files}/none${hostile}`]],
    ['bundle of files', () => ['bundle', files]],
    ['bundle of a mesh that is not there', () => ['bundle', files, `--mesh=a${hostile}`]],
    ['bundle of a server', () => ['bundle', `--server=${server}`]],
    ['diff of files', () => ['diff', files, other]],
    ['diff of files that are equal', () => ['diff', other, other]],
    ['diff against a server', () => ['diff', other, `--server=${server}`]],
    ['check', () => ['check', `--server=${server}`]],
    ['guard release', () => ['guard', 'release', `--server=${server}`]],
    ['proxy-status', () => ['proxy-status', `--server=${server}`]],
    ['proxy-status of a proxy', () => ['proxy-status', `web-1${hostile}`, `--server=${server}`]],
    [
      'proxy-status of a proxy that is not there',
      () => ['proxy-status', `x${hostile}`, `--server=${server}`],
    ],
    ['wait', () => ['wait', `--server=${server}`, '--mesh=default', '--timeout=1ms', '--proxies=5']],
    ['verify by files', () => ['verify', `--leaf=${leaf}`, files]],
    ['verify by a server', () => ['verify', `--leaf=${leaf}`, `--server=${server}`]],
    ['verify of no certificate', () => ['verify', `--leaf=${files}/none${hostile}`, files]],
    ['revoke --dry-run', () => revoke('--dry-run')],
    ['revoke of a hash that is not served', () => revoke('--dry-run').with(1, 'f'.repeat(64))],
    ['revoke without a terminal', () => revoke()],
    ['revoke --yes', () => revoke('--yes', '--timeout=1ms')],
    ['bootstrap', () => ['bootstrap', `--node-id=a${hostile}`, `--proxy-cert=${hostile}`]],
  ];
  for (const [what, args] of invocations) {
    test(`${what} → plain text`, async () => {
      const { stdout, stderr } = await runPlain(...args().map(String));
      assert.notEqual(stdout + stderr, '');
    });

    test(`${what} -o wide → plain text`, async () => {
      if (what !== 'bootstrap') await runPlain(...args().map(String), '-o', 'wide');
    });

    for (const format of ['json', 'yaml'] as const)
      test(`${what} -o ${format} → data that can be read, or none`, async () => {
        const { stdout } = await runPlain(...args().map(String), '-o', format);
        if (stdout !== '')
          assert.equal(typeof (format === 'json' ? JSON.parse(stdout) : load(stdout)), 'object');
      });
  }

  test('JSON and YAML → contain the names unchanged', async () => {
    for (const [format, parse] of [
      ['json', JSON.parse],
      ['yaml', load],
    ] as const) {
      const { stdout } = await runPlain('proxy-status', `--server=${server}`, '-o', format);
      const { proxies } = parse(stdout) as { readonly proxies: readonly [{ readonly node: string }] };
      assert.equal(proxies[0].node, `web-1${hostile}`);
    }
  });

  test('revoke that asks and is confirmed → plain text on the terminal and in the list', async () => {
    const { stderr } = await runAsking(...revoke('--timeout=1ms').map(String));
    assert.match(stderr, /^Leave mesh default.* without any CA\? \[y\/N\]/m);
    const text = await readFile(list ?? '', 'utf8');
    assertPlain(text, 'the distrust list');
    assert.match(text, /^# .* revoked: CN=.* forged: line\n[0-9a-f]{64}\n$/);
  });

  test('guard release that asks → plain text', async () => {
    await runAsking('guard', 'release', `--server=${server}`);
  });

  for (const format of ['json', 'spiffe', 'pem'])
    test(`bundle --format ${format} → plain text`, async () => {
      await runPlain('bundle', `--server=${server}`, '--format', format);
    });

  test('any command with any operand or option → plain text', async () => {
    const commands = await commandsAfter();
    assert.ok(commands.length >= 10, 'completion names the commands');
    for (const command of [[], ...commands]) {
      const { stdout: help } = await runPlain(...command, '--help');
      const ask = help.includes('--server ') ? [`--server=http://127.0.0.1:${await freePort()}`] : [];
      await runPlain(...command, `--none${hostile}`);
      await runPlain(...command, `--output=${hostile}`);
      const runOn = command[0] === 'serve' ? servePlain : runPlain;
      for (const path of [files, `none${hostile}`]) await runOn(...command, String(path), ...ask);
      if (ask.length === 0) continue;
      await runPlain(...command, `--server=${server}`);
      await runPlain(...command, `--server=http://${hostile}`);
      await runPlain(...command, `--server=http://127.0.0.1:1`, `--token-file=${files}`);
    }
  });

  test('what kubectl says → plain text', async () => {
    const env = { PATH: '/nonexistent' };
    const { stderr } = await run(['check', `--context=${hostile}`], env, undefined, runKubectlPlugin);
    assertPlain(stderr, 'kubectl plugin');
  });
});

suite('the guard of a terminal', () => {
  const io = () => {
    let text = '';
    const stdout = Object.assign(
      new Writable({
        decodeStrings: false,
        write: (chunk: string, _, done) => {
          text += chunk;
          done();
        },
      }),
      { isTTY: true },
    );
    return {
      io: { args: [], env: {}, stdout, stderr: stdout, signal: new AbortController().signal },
      text: () => text,
    };
  };

  test('colours of the program and in the text: only those of the program stay', () => {
    assert.equal(terminalText(paint('a\u001b[31mb', 'good')), '\u001b[32ma [31mb\u001b[39m');
    assert.equal(terminalText('a\u001b[32mb'), 'a [32mb');
  });

  test('a mark of a colour in a value → is no colour once the value is on one line', () => {
    const { io: streams, text } = io();
    say(guardTerminal(streams), 'a\ufdd2b');
    assert.equal(text(), 'a b\n');
  });

  test('a question on a terminal → one line, as it was asked', async () => {
    const { io: streams, text } = io();
    const answer = await confirm({ ...guardTerminal(streams), stdin: answering('yes') }, `Really${hostile}?`);
    assert.equal(answer, true);
    assertPlain(text(), 'a question');
    assert.match(text(), /^Really .* forged: line\? \[y\/N\] $/);
    assert.doesNotMatch(text(), /\[1G|\[0J/, 'nothing of a line editor');
  });

  test('line breaks and tabs of the program → stay', () => {
    assert.equal(terminalText('a\tb\nc\r\n'), 'a\tb\nc \n');
  });

  test('isTTY of a guarded stream: that of the underlying stream', () => {
    const { io: streams } = io();
    assert.equal(Object.entries(guardTerminal(streams).stdout).find(([key]) => key === 'isTTY')?.[1], true);
  });

  test('the table of proxies on a terminal → coloured, and without anything else', async () => {
    await using server = await hostileServer([
      { name: 'a', trustDomain: 'a.test', pems: [makeCa().certPem] },
    ]);
    const { io: streams, text } = io();
    await runProgram({ ...streams, args: ['proxy-status', `--server=${server.url}`] });
    assert.ok(text().includes('\u001b[31mrefused\u001b[39m'), text());
    // oxlint-disable-next-line no-control-regex -- they are the program's own
    assertPlain(text().replaceAll(/\u001b\[(?:3[1239]|90)m/g, ''), 'a terminal');
  });
});
