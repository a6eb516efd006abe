import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { suite, test } from 'node:test';
import { rehearsalCasModule } from '../../scripts/make-rehearsal-cas.ts';
import { rehearseChanges } from '../../src/app/rehearse-changes.ts';
import { createRehearsal } from '../../src/frontend/warm-up/rehearsal.ts';
import type { RehearsalStage } from '../../src/frontend/warm-up/rehearsal.ts';
import { warmUp } from '../../src/frontend/warm-up/warm-up.ts';
import { createLogger } from '../../src/observe/log/log.ts';
import { GrpcServer } from '../../src/transport/grpc-server.ts';
import { secretTypeUrl } from '../../src/trust/snapshot/publisher.ts';
import { addXdsServices } from '../../src/xds/index.ts';

const mesh = 'default';

/** Rehearses changes on a stage whose publications and log are recorded. */
function rehearse(): {
  readonly change: () => Promise<void>;
  readonly versions: readonly string[];
  readonly lines: readonly Readonly<Record<string, unknown>>[];
} {
  const [versions, lines]: [string[], Record<string, unknown>[]] = [[], []];
  const stream = new Writable({
    write(line: Buffer, _encoding, done) {
      lines.push(JSON.parse(line.toString()) as Record<string, unknown>);
      done();
    },
  });
  const log = createLogger({ format: 'json', level: 'info', stream });
  const recorded = (stage: RehearsalStage): RehearsalStage => ({
    ...stage,
    log,
    publish(states, since) {
      versions.push(states.get(mesh)?.secrets.version ?? '');
      stage.publish(states, since);
    },
  });
  const rehearsal = createRehearsal(mesh, (stage) => rehearseChanges(recorded(stage)));
  return {
    versions,
    lines,
    async change() {
      rehearsal.publish();
      rehearsal.look();
      // The roll-out is assessed in a later microtask.
      await Promise.resolve();
    },
  };
}

suite('rehearsed changes', () => {
  test('each change publishes the other one of two versions, at once', async () => {
    const { change, versions } = rehearse();
    for (let number = 1; number <= 30; number += 1) {
      await change();
      assert.equal(versions.length, number);
    }
    const [first, second] = versions;
    assert.notEqual(first, second);
    assert.deepEqual(
      versions,
      versions.map((_, index) => (index % 2 === 0 ? first : second)),
    );
  });

  test('changes 1, 2, 9 and 16 come from a text, so they are in the audit record, with the end of their roll-outs', async () => {
    const { change, lines } = rehearse();
    const eventsOf: unknown[] = [];
    for (let number = 1; number <= 16; number += 1) {
      const from = lines.length;
      await change();
      eventsOf.push(lines.slice(from).map(({ event }) => event));
    }
    const text = ['trust-changed', 'trust-converged'];
    const none: readonly string[] = [];
    assert.deepEqual(
      eventsOf,
      eventsOf.map((_, index) => ([0, 1, 8, 15].includes(index) ? text : none)),
    );
  });

  test('no finding is reported', async () => {
    const { change, lines } = rehearse();
    await change();
    await change();
    assert.deepEqual(
      lines.filter(({ level }) => level !== 'info'),
      [],
    );
  });

  test('a whole warm-up with them: all connections acknowledge 16 responses', async () => {
    const done = await warmUp({
      createServer: () => new GrpcServer(),
      addServices: (server, store, observer) =>
        addXdsServices(server, store, {
          observer,
          groupOf: () => mesh,
          types: { [secretTypeUrl]: { oneResourcePerResponse: true } },
        }),
      isBusy: () => false,
      group: mesh,
      rehearseChanges,
    });
    assert.deepEqual(done, { connections: 1800, acks: 1800 * 16, ended: 1800 * 2 });
  });

  test('the certificates are those that the script makes', async () => {
    const committed = await readFile(new URL('../../src/app/rehearsal-cas.ts', import.meta.url), 'utf8');
    assert.equal(committed, rehearsalCasModule());
  });
});
