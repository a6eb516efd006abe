import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { load } from 'js-yaml';
import { checkCatalogue } from '../../../src/cli/ask/check-catalogue.ts';
import { renderChecks } from '../../../src/cli/tables/check-report.ts';
import type { CheckReport } from '../../../src/cli/tables/check-report.ts';
import { version } from '../../../src/cli/terminal/version.ts';
import { terminalText } from '../../../src/cli/terminal/terminal.ts';
import { makeCa } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { statesOf, streamOf } from '../../fleet/scene.ts';
import { run } from '../run.ts';
import { wholeServer } from '../whole-server.ts';

const ca = makeCa({ commonName: 'A' });
const resource = { trustDomain: 'a.test', name: 'a', pems: [ca.certPem] };

suite('check', () => {
  test('healthy server: exit 0, with a line for each check', async () => {
    await using server = await wholeServer([resource], version);
    const { code, stdout, stderr } = await run(['check', `--server=${server.url}`]);
    assert.deepEqual([code, stderr], [0, '17 checks passed, 0 warnings, 0 failed\n']);
    const [title, line, ...checks] = stdout.trimEnd().split('\n');
    assert.deepEqual([title, line], [server.url, '-'.repeat(server.url.length)]);
    assert.equal(
      checks.length,
      Object.keys(checkCatalogue).length - 1,
      'the check of replicas needs several servers',
    );
    for (const check of checks) assert.match(check, /^\[ok\] {3}\w+: /);
  });

  test('failed check: exit 1, with details and a hint', async () => {
    await using server = await wholeServer([resource], version);
    const proxy = streamOf(1, 'bad-one');
    server.proxies.publish(statesOf({ ALL: 'v2' }));
    server.proxies.asks(proxy);
    server.proxies.sent(proxy, 'v2');
    server.proxies.refuses(proxy, 'v2', 'Failed to load');
    const { code, stdout, stderr } = await run(['check', `--server=${server.url}`]);
    assert.deepEqual([code, stderr], [1, '16 checks passed, 0 warnings, 1 failed\n']);
    assert.match(
      stdout,
      /^\[fail\] proxies: none rejected a response\n {4}bad-one, mesh default: Failed to load\n {4}hint: .*\(https:\/\/\S+\/v[^/]+\/docs\/checks\.md#proxies-accept\)$/m,
    );
  });

  test('lost proxy: exit 1, with its name and acknowledged version', async () => {
    await using server = await wholeServer([resource], version);
    const proxy = streamOf(1, 'lost-one');
    server.proxies.publish(statesOf({ ALL: 'v1' }));
    server.proxies.asks(proxy);
    server.proxies.quotes(proxy, 'v1');
    server.proxies.leaves(proxy, 'silence');
    assert.equal((await run(['check', `--server=${server.url}`])).code, 0);
    server.proxies.publish(statesOf({ ALL: 'v2' }));
    const { code, stdout, stderr } = await run(['check', `--server=${server.url}`]);
    assert.deepEqual([code, stderr], [1, '16 checks passed, 0 warnings, 1 failed\n']);
    assert.match(stdout, /\n {4}lost-one, mesh default: lost for 0ms, last acknowledged v1\n/);
    const listed = await run(['proxy-status', `--server=${server.url}`]);
    assert.match(listed.stdout, /\nlost-one +default +lost +v1 /);
    assert.equal(listed.stderr, '1 proxy: 1 lost\n');
    const { stdout: detail } = await run(['proxy-status', 'lost-one', `--server=${server.url}`]);
    assert.match(detail, /^left: .*, its connection broke$/m);
    assert.match(detail, /^ALL +delta ADS +- +v1 +v2/m);
  });

  test('proxy that one server lost and another has in sync: exit 0', async () => {
    await using one = await wholeServer([resource], version);
    await using two = await wholeServer([resource], version);
    const proxy = streamOf(1, 'moved-one');
    for (const { proxies } of [one, two]) proxies.publish(statesOf({ ALL: 'v2' }));
    one.proxies.asks(proxy);
    one.proxies.leaves(proxy, 'silence');
    const args = ['check', `--server=${one.url}`, `--server=${two.url}`];
    const before = await run(args);
    assert.equal(before.code, 1);
    assert.match(before.stdout, /moved-one, mesh default: lost for 0ms, last acknowledged nothing/);
    two.proxies.asks(proxy);
    assert.equal((await run(args)).code, 1, 'the proxy is pending on the second server');
    two.proxies.quotes(proxy, 'v2');
    assert.equal((await run(args)).code, 0);
  });

  test('warnings: exit 0, with --strict exit 1', async () => {
    await using server = await wholeServer([resource], '0.0.0-other');
    const { code, stderr } = await run(['check', `--server=${server.url}`]);
    assert.deepEqual([code, stderr], [0, '16 checks passed, 1 warning, 0 failed\n']);
    assert.equal((await run(['check', '--strict', `--server=${server.url}`])).code, 1);
  });

  test('-o json and -o yaml: print the same report', async () => {
    await using server = await wholeServer([resource], version);
    const [json, yaml] = await Promise.all(
      ['json', 'yaml'].map((format) => run(['check', '-o', format, `--server=${server.url}`])),
    );
    const report = JSON.parse(json?.stdout ?? '') as CheckReport;
    assert.deepEqual(load(yaml?.stdout ?? ''), report);
    assert.deepEqual(report.counts, { ok: 17, warning: 0, failed: 0 });
  });

  test('one server does not answer: exit 3, and the other servers are checked', async () => {
    await using server = await wholeServer([resource], version);
    const unreachable = `http://127.0.0.1:${await freePort()}`;
    const { code, stdout } = await run(['check', '--server', server.url, '--server', unreachable]);
    assert.equal(code, 3);
    assert.match(
      stdout,
      /^\[fail\] server: answers\n {4}\S+: the server does not answer: connection refused/m,
    );
    assert.equal(stdout.match(/^\[ok\]/gm)?.length, 17);
  });

  test('replicas: are compared', async () => {
    await using one = await wholeServer([resource], version);
    await using two = await wholeServer([{ ...resource, trustDomain: 'b.test' }], version);
    await using twin = await wholeServer([resource], version);
    const same = await run(['check', '--server', one.url, '--server', twin.url]);
    assert.match(same.stdout, /^all servers\n-+\n\[ok\] {3}replicas: serve the same versions\n/m);
    const { code, stdout } = await run(['check', '--server', one.url, '--server', two.url]);
    assert.equal(code, 1);
    assert.match(stdout, /^\[fail\] replicas: serve the same versions\n {4}mesh default: /m);
  });
});

suite('the lines of checks', () => {
  const details = Array.from({ length: 7 }, (_, index) => `thing ${index}\u001b[2J`);
  const check = { check: 'findings-errors', group: 'trust', claim: 'c', server: 's' } as const;
  const report: CheckReport = {
    counts: { ok: 1, warning: 1, failed: 1 },
    checks: [
      { ...check, verdict: 'ok', details: [] },
      { ...check, verdict: 'warning', details: [], hint: 'h', docs: 'd' },
      { ...check, verdict: 'failed', details, hint: 'h', docs: 'd' },
    ],
  };

  test('outcome of a check: a coloured sign on a terminal, plain letters elsewhere', () => {
    const colourful = terminalText(renderChecks(report, { wide: false, colour: true }));
    for (const sign of ['√', '‼', '×']) assert.ok(colourful.includes(`${sign}\u001b[39m trust: c`), sign);
    const plain = renderChecks(report, { wide: false, colour: false });
    assert.match(plain, /^[\x20-\x7e\n]*$/);
    assert.match(plain, /^\[ok\] {3}trust: c\n\[warn\] trust: c\n {4}hint: h \(d\)\n\[fail\] trust: c$/m);
  });

  test('many details: only the first are printed, all with -o wide, and control characters are removed', () => {
    const plain = renderChecks(report, { wide: false, colour: false });
    assert.match(plain, / thing 4.*\n {4}and 2 more \(-o wide\)\n/);
    const wide = renderChecks(report, { wide: true, colour: false });
    assert.match(wide, / thing 6/);
    assert.ok(!wide.includes('more (-o wide)') && !wide.includes('\u001b'));
  });
});

suite('docs/checks.md', () => {
  test('each check: has exactly one section, in the order of the checks', async () => {
    const text = await readFile(new URL('../../../docs/checks.md', import.meta.url), 'utf8');
    const sections = [...text.matchAll(/^### (.+)$/gm)].map((match) => match[1]);
    assert.deepEqual(sections, Object.keys(checkCatalogue));
  });
});
