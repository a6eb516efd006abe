import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  isAlive,
  readReports,
  reportKey,
  seeReports,
  sumCounts,
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

describe('the proxies of all replicas', () => {
  const table: readonly (readonly [
    string,
    readonly ReplicaReport[],
    readonly [number, number, boolean, number?],
  ])[] = [
    ['of one', [report(['m', 'v2', 3, 2])], [3, 2, true]],
    ['of two', [report(['m', 'v2', 3, 3]), report(['m', 'v2', 4, 2])], [7, 5, true]],
    [
      'who serves another version has acknowledged nothing',
      [report(['m', 'v2', 3, 3]), report(['m', 'v1', 4, 4])],
      [7, 3, true],
    ],
    [
      'who had none with another version may have some now',
      [report(['m', 'v2', 3, 3]), report(['m', 'v1', 0, 0])],
      [3, 3, false],
    ],
    ['who does not name the mesh', [report(['m', 'v2', 3, 3]), report(['other', 'v1', 4, 4])], [3, 3, false]],
    [
      'lost proxies are added up, of whichever version their replica serves',
      [report(['m', 'v2', 3, 3, 1]), report(['m', 'v1', 4, 4, 2])],
      [7, 3, true, 3],
    ],
    ['nobody is connected', [report(['m', 'v2', 0, 0]), report(['m', 'v2', 0, 0])], [0, 0, true]],
  ];
  for (const [what, reports, [connected, acked, complete, lost = 0]] of table) {
    it(what, () => assert.deepEqual(sumCounts(reports, 'm', 'v2'), { connected, acked, lost, complete }));
  }
});

describe('a report', () => {
  it('is read as it was written', () => {
    const written = report(['default', 'v1', 3, 2, 1], ['other', 'v2', 0, 0]);
    const key = reportKey('pod_1');
    assert.match(key, /^meshtrust\/replica-[0-9a-f]{16}$/);
    assert.deepEqual(readReports({ [key]: writeReport(written) }), new Map([[key, written]]));
  });

  it('leaves out the meshes with the fewest proxies where they are too many', () => {
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

  it('of an earlier release is read as one without lost proxies', () => {
    const text = '{"replica":"pod_1","beat":"1","meshes":[["m","v1",3,2]]}';
    const key = reportKey('pod_1');
    assert.deepEqual(readReports({ [key]: text }), new Map([[key, report(['m', 'v1', 3, 2])]]));
  });

  it('names lost proxies and those of others that it has, as many as fit, and meshes in the rest', () => {
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
    const [passed] = readReports({ [reportKey('x')]: odd }).values();
    assert.deepEqual([passed?.lost, passed?.here], [[{ mesh: 'm', node: 'n', goneAt: 1 }], []]);
  });

  it('that somebody else wrote there is passed over', () => {
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

  it('that does not change is of a replica that is gone', () => {
    const key = reportKey('pod_1');
    const first = seeReports(new Map(), new Map([[key, report()]]), 0);
    const same = seeReports(first, new Map([[key, report()]]), 14_000);
    assert.ok(isAlive(same.get(key)!, 14_999));
    assert.ok(!isAlive(same.get(key)!, 15_000));
    const changed = seeReports(same, new Map([[key, { ...report(), beat: '2' }]]), 14_000);
    assert.ok(isAlive(changed.get(key)!, 15_000));
    assert.equal(seeReports(changed, new Map(), 15_000).size, 0);
  });
});
