import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../kit/fast-check.ts';
import { createPipeline } from '../../src/runtime/pipeline.ts';
import { createLedger } from '../../src/trust/ledger/ledger.ts';
import { createMeshBuilder } from '../../src/trust/snapshot/mesh-builder.ts';
import type { SourceEvent } from '../../src/trust/source.ts';
import { noPolicy } from '../kit/bundles.ts';
import { makeCa } from '../kit/certificates.ts';
import { createFakeClock } from '../kit/fake-clock.ts';
import { inForce } from '../kit/ledger.ts';
import { meshTrustYaml } from '../kit/mesh-trust-text.ts';
import { reader } from '../kit/resources.ts';

const { certPem } = makeCa({ commonName: 'A' });
const names = ['x', 'y', 'z'];
const paths = ['1.yaml', '2.yaml', '3.yaml'];

/** A resource moves to another file: its new file is written, and then its old one without it. */
interface Move {
  readonly name: string;
  readonly to: string;
  /** The number of documents of other kinds in the new file: each takes a step to parse. */
  readonly others: number;
  /** How often the new file is written again after the move. */
  readonly again: number;
  /** False if the new file is first read while it may be incomplete. */
  readonly settled: boolean;
  /** Whether both files are read at once. */
  readonly together: boolean;
  /** Milliseconds until the next move. */
  readonly pause: number;
}

const move: fc.Arbitrary<Move> = fc.record({
  name: fc.constantFrom(...names),
  to: fc.constantFrom(...paths),
  others: fc.constantFrom(1, 2, 30),
  again: fc.nat({ max: 2 }),
  settled: fc.boolean(),
  together: fc.boolean(),
  pause: fc.constantFrom(0, 0, 0, 1, 5, 100),
});

/** Files with resources that always have a file, and the events of reading them. */
function makeFiles(): { readonly where: Map<string, string>; readonly read: typeof read } {
  const where = new Map(names.map((name, index) => [name, paths[index] ?? '']));
  let reads = 0;
  function read(path: string, others = 1, settled = true): SourceEvent {
    const own = names.filter((name) => where.get(name) === path);
    if (own.length === 0) return { kind: 'gone', path, evidence: 'deletion' };
    const resources = own.map((name) =>
      meshTrustYaml({ name, trustDomain: `${name}.test`, pems: [certPem] }),
    );
    const texts = [...Array.from({ length: others }, () => 'kind: ConfigMap\n'), ...resources];
    reads += 1;
    return { kind: 'content', path, text: `# ${reads}\n${texts.join('---\n')}`, settled };
  }
  return { where, read };
}

suite('resources that move while long files are parsed', () => {
  test('each resource always has a file → no trust domain is ever missing', () => {
    const moves = fc.array(move, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(moves, fc.constantFrom(1, 4, 6), (all, stepMs) => {
        const clock = createFakeClock(0);
        let extra = 0;
        const ledger = createLedger(['files'], { holdMs: 0 });
        const pipeline = createPipeline({
          ledger,
          builder: createMeshBuilder(noPolicy),
          parse: { defaultMesh: 'default', reader },
          guardHoldMs: 0,
          // Each step of parsing seems to take some time.
          clock: { ...clock, monotonic: () => clock.monotonic() + (extra += stepMs) },
        });
        const deliver = (...events: readonly SourceEvent[]): void => pipeline.deliver('files', events);
        const finish = (): void => {
          while (!pipeline.isCurrent()) clock.advance(20);
        };
        const { where, read } = makeFiles();
        deliver(...paths.map((path) => read(path)), { kind: 'synced' });
        finish();
        const expected = names.map((name) => `default/${name}.test: A`);
        const missing = new Set<string>();
        pipeline.subscribe(() => {
          const present = new Set(inForce(ledger).map((line) => line.slice(0, expected[0]?.length)));
          for (const line of expected) if (!present.has(line)) missing.add(line);
        });
        for (const { name, to, others, again, settled, together, pause } of all) {
          const from = where.get(name) ?? '';
          where.set(name, to);
          const [first, second] = [read(to, others, settled), read(from, others)];
          if (from !== to && together) deliver(first, second);
          else if (from !== to) for (const event of [first, second]) deliver(event);
          for (let time = settled ? 0 : -1; time < again; time += 1) deliver(read(to, others));
          if (pause > 0) clock.advance(pause);
        }
        finish();
        assert.deepEqual([...missing], []);
        assert.equal(inForce(ledger).length, names.length);
      }),
      { numRuns: 300 },
    );
  });
});
