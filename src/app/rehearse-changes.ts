import { createChangeLog } from '../fleet/change-log.ts';
import { followRollouts } from '../fleet/follow-rollouts.ts';
import type { RehearsalStage, RehearsedChanges } from '../frontend/warm-up/rehearsal.ts';
import { createAuditLog } from '../observe/audit/audit-log.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Clock } from '../runtime/clock.ts';
import { createPipeline } from '../runtime/pipeline.ts';
import { createLedger } from '../trust/ledger/ledger.ts';
import { createMeshBuilder } from '../trust/snapshot/mesh-builder.ts';
import type { MeshStates } from '../trust/snapshot/mesh-builder.ts';
import { createAnchorReader } from '../trust/x509/anchor-reader.ts';
import { rehearsalCas } from './rehearsal-cas.ts';

const source = 'warm-up';
const trustDomain = 'warm-up.test';
const path = 'warm-up.yaml';
/**
 * The first two changes and then each seventh one come from a text. The others serve the two states again, because the
 * code of clients is what costs most. The number is odd, so that each text has the other form.
 */
const textEvery = 7;
/** Room for two of the three certificates of 2,148 bytes: with each text, one is in the cache and one is not. */
const cacheBytes = 5_000;
const limits = { documentLength: 1_000_000, certificatesPerResource: 100 };
const holdMs = 60_000;

/**
 * Rehearses what a change does in a process with the whole program: from the text of a MeshTrust to the served secrets,
 * the log, the audit record and the end of the roll-out. The directory and the API server have no part in it.
 */
export function rehearseChanges(stage: RehearsalStage): RehearsedChanges {
  const { mesh, log, eventLog, proxies, fleet } = stage;
  const [common, ...changing] = rehearsalCas;
  const texts = changing.map((pem) => textOf(mesh, [common, pem]));
  const clock = createSteppedClock();
  const pipeline = createPipeline({
    ledger: createLedger([source], { holdMs }),
    builder: createMeshBuilder({ distrusted: new Set<string>(), refuseIntermediates: false }),
    parse: {
      defaultMesh: mesh,
      limits,
      identities: false,
      federation: false,
      reader: createAnchorReader({ maxBytes: cacheBytes }),
    },
    guardHoldMs: holdMs,
    clock,
  });
  const audit = createAuditLog({ log, proxies });
  const changeLog = createChangeLog(clock.wall);
  const rollouts = followRollouts({
    fleet,
    clock,
    onConverged(rollout, gaveUp) {
      audit.converged(rollout, gaveUp);
      changeLog.converged(rollout, gaveUp);
    },
    onLost: audit.lost,
    onProgress: () => undefined,
    onFailed: () => undefined,
  });
  let changes = 0;
  /** The served states of both forms. */
  const states = new Map<number, MeshStates>();
  pipeline.subscribe((event) => {
    if (event.kind === 'served') {
      states.set(changes % 2, event.states);
      stage.publish(event.states, event.since);
    }
    audit.state(event);
    eventLog.state(event);
    changeLog.state(event);
    if (event.kind === 'served') rollouts.changed(event.changes.map((change) => change.mesh));
  });

  function deliver(text: string): void {
    pipeline.deliver(source, [{ kind: 'content', path, text, settled: true }]);
    if (changes === 0) pipeline.deliver(source, [{ kind: 'synced' }]);
    // The build is due in some milliseconds.
    while (!pipeline.isCurrent())
      if (!clock.step()) throw new Error('the build of a rehearsed change is not due');
  }

  return {
    secretName: `spiffe://${trustDomain}`,
    next() {
      const form = changes % 2;
      const known = states.get(form);
      if (known === undefined || changes % textEvery === 1) deliver(texts[form] ?? '');
      else stage.publish(known, clock.wall());
      changes += 1;
    },
    // The roll-out is looked at again in some hundred milliseconds.
    settle: () => void clock.step(),
  };
}

function textOf(mesh: string, pems: readonly string[]): string {
  return [
    'type: MeshTrust',
    `name: ${trustDomain}`,
    `mesh: ${JSON.stringify(mesh)}`,
    'spec:',
    `  trustDomain: ${trustDomain}`,
    '  caBundles:',
    ...pems.flatMap((pem) => ['    - type: Pem', '      pem:', `        value: ${JSON.stringify(pem)}`]),
    '',
  ].join('\n');
}

/** The longest delay after which `step` calls back, in ms. Longer ones wait for dates that are far away. */
const soonMs = 1_000;

/** The system clock, whose callbacks wait for `step` instead of their time. It returns false if there are none. */
function createSteppedClock(): Clock & { step(): boolean } {
  let soon: (() => void)[] = [];
  return {
    ...systemClock,
    after(ms, callback) {
      if (ms > soonMs) return () => undefined;
      soon.push(callback);
      return () => {
        soon = soon.filter((other) => other !== callback);
      };
    },
    step() {
      const due = soon;
      soon = [];
      for (const callback of due) callback();
      return due.length > 0;
    },
  };
}
