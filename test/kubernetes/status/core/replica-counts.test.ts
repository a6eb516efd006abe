import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import {
  isAlive,
  readReports,
  reportKey,
  sumCounts,
  updateReports,
  writeReport,
} from '../../../../src/kubernetes/status/core/replica-counts.ts';
import type { MeshCounts, ReplicaReport } from '../../../../src/kubernetes/status/core/replica-counts.ts';

const meshes = (rows: readonly (readonly [string, string, number, number, number?])[]): MeshCounts =>
  new Map(
    rows.map(([mesh, version, connected, acked, lost = 0]) => [mesh, { version, connected, acked, lost }]),
  );
const report = (...rows: Parameters<typeof meshes>[0]): ReplicaReport => ({
  replica: 'pod_1',
  beat: '1',
  meshes: meshes(rows),
  lost: [],
  here: [],
});

suite('proxy counts of all replicas', () => {
  const table: readonly (readonly [
    string,
    readonly ReplicaReport[],
    readonly [number, number, boolean, number?],
  ])[] = [
    ['one replica: its counts', [report(['m', 'v2', 3, 2])], [3, 2, true]],
    [
      'two replicas: the sum of their counts',
      [report(['m', 'v2', 3, 3]), report(['m', 'v2', 4, 2])],
      [7, 5, true],
    ],
    [
      'replica that serves another version: its proxies have not acknowledged',
      [report(['m', 'v2', 3, 3]), report(['m', 'v1', 4, 4])],
      [7, 3, true],
    ],
    [
      'replica without proxies that serves another version: the sum is incomplete',
      [report(['m', 'v2', 3, 3]), report(['m', 'v1', 0, 0])],
      [3, 3, false],
    ],
    [
      'replica that does not report the mesh: the sum is incomplete',
      [report(['m', 'v2', 3, 3]), report(['other', 'v1', 4, 4])],
      [3, 3, false],
    ],
    [
      'lost proxies: are summed, whichever version their replica serves',
      [report(['m', 'v2', 3, 3, 1]), report(['m', 'v1', 4, 4, 2])],
      [7, 3, true, 3],
    ],
    [
      'no proxies: the sum is zero and complete',
      [report(['m', 'v2', 0, 0]), report(['m', 'v2', 0, 0])],
      [0, 0, true],
    ],
  ];
  for (const [what, reports, [connected, acked, complete, lost = 0]] of table) {
    test(what, () => assert.deepEqual(sumCounts(reports, 'm', 'v2'), { connected, acked, lost, complete }));
  }
});

suite('report of a replica', () => {
  test('written report: is parsed unchanged', () => {
    const written = report(['default', 'v1', 3, 2, 1], ['other', 'v2', 0, 0]);
    const key = reportKey('pod_1');
    assert.match(key, /^meshtrust\/replica-[0-9a-f]{16}$/);
    assert.deepEqual(readReports({ [key]: writeReport(written) }), new Map([[key, written]]));
  });

  test('too many meshes: those with the fewest proxies are left out', () => {
    const rows = Array.from(
      { length: 2_000 },
      (_, index) => [`mesh-${index}`, 'v'.repeat(32), index, 0] as const,
    );
    const text = writeReport(report(...rows));
    assert.ok(text.length <= 16 * 1024);
    const kept = [
      ...(readReports({ [reportKey('x')]: text })
        .values()
        .next()
        .value?.meshes.keys() ?? []),
    ];
    assert.ok(kept.length > 200, `${kept.length}`);
    assert.ok(kept.includes('mesh-1999') && !kept.includes('mesh-0'));
  });

  test('report of an earlier release: is parsed as one without lost proxies', () => {
    const text = '{"replica":"pod_1","beat":"1","meshes":[["m","v1",3,2]]}';
    const key = reportKey('pod_1');
    assert.deepEqual(readReports({ [key]: text }), new Map([[key, report(['m', 'v1', 3, 2])]]));
  });

  test('many proxies and meshes: both lists of proxies and the meshes are cut to their lengths', () => {
    const proxies = Array.from({ length: 500 }, (_, index) => ({
      mesh: 'm',
      node: `node-${index}`,
      goneAt: index,
    }));
    const rows = Array.from(
      { length: 2_000 },
      (_, index) => [`mesh-${index}`, 'v'.repeat(32), index, 0] as const,
    );
    const text = writeReport({ ...report(...rows), lost: proxies, here: proxies.slice(0, 2) });
    assert.ok(Buffer.byteLength(text) <= 16 * 1024);
    const [read] = readReports({ [reportKey('x')]: text }).values();
    assert.ok(read !== undefined && read.lost.length > 100 && read.meshes.size > 100);
    assert.deepEqual(read.lost, proxies.slice(0, read.lost.length));
    assert.deepEqual(read.here, proxies.slice(0, 2));
    const odd = '{"replica":"a","beat":"1","meshes":[],"lost":[7,["m"],["m","n","x"],["m","n",1]],"here":{}}';
    const [skipped] = readReports({ [reportKey('x')]: odd }).values();
    assert.deepEqual([skipped?.lost, skipped?.here], [[{ mesh: 'm', node: 'n', goneAt: 1 }], []]);
  });

  test('malformed report, or another annotation: is skipped', () => {
    const key = reportKey('pod_1');
    for (const text of [
      '',
      '{',
      '[]',
      '{"replica":1}',
      '{"replica":"a","beat":1,"meshes":[]}',
      '{"replica":"a","beat":"1","meshes":{}}',
      '{"replica":"a","beat":"1","meshes":[["m"]]}',
      '{"replica":"a","beat":"1","meshes":[[1,"v",1,1]]}',
      '{"replica":"a","beat":"1","meshes":[["m",1,1,1]]}',
      '{"replica":"a","beat":"1","meshes":[["m","v","1",1]]}',
      '{"replica":"a","beat":"1","meshes":[["m","v",1,"1"]]}',
      '{"replica":"a","beat":"1","meshes":[7]}',
      '{"replica":"a","beat":"1","meshes":[["m","v",1,1,null]]}',
    ])
      assert.equal(readReports({ [key]: text }).size, 0, text);
    assert.equal(readReports({ note: 'x', 'meshtrust/other': writeReport(report()) }).size, 0);
    assert.equal(readReports(undefined).size, 0);
  });

  test('report that has not changed for 15 s: its replica is not alive', () => {
    const key = reportKey('pod_1');
    const first = updateReports(new Map(), new Map([[key, report()]]), 0);
    const same = updateReports(first, new Map([[key, report()]]), 14_000);
    assert.ok(isAlive(same.get(key)!, 14_999));
    assert.ok(!isAlive(same.get(key)!, 15_000));
    const changed = updateReports(same, new Map([[key, { ...report(), beat: '2' }]]), 14_000);
    assert.ok(isAlive(changed.get(key)!, 15_000));
    assert.equal(updateReports(changed, new Map(), 15_000).size, 0);
  });
});
