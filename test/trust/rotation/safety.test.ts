import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import { gateCatalogue, neverForced } from '../../../src/trust/rotation/gate-catalogue.ts';
import type { GateId } from '../../../src/trust/rotation/gate-catalogue.ts';
import { handEdits } from './world-file.ts';
import { makeWorld, minute } from './world.ts';

type World = ReturnType<typeof makeWorld>;

/** Lets the rotation make progress: both servers read the file, and connected proxies acknowledge. */
function settle(world: World): void {
  for (const server of [0, 1]) {
    world.restart(server);
    world.deploy(server);
  }
  for (const proxy of [0, 1, 2]) world.acknowledge(proxy);
}

/** What an impatient operator tries next: every command, in the order of a rotation. */
function tryNext(world: World): void {
  void (world.start() || world.switchIssuer() || world.finish() || world.clean());
}

type Step = readonly [name: string, run: (world: World) => void];
const index = fc.nat({ max: 2 });
const weighted = (weight: number, arbitrary: fc.Arbitrary<Step>): fc.WeightedArbitrary<Step> => ({
  weight,
  arbitrary,
});
const named = (name: string, run: (world: World) => void): fc.Arbitrary<Step> => fc.constant([name, run]);
const step: fc.Arbitrary<Step> = fc.oneof(
  weighted(8, named('try the next command', tryNext)),
  weighted(
    6,
    fc
      .constantFrom(1, 30, 61, 70)
      .map((minutes) => [`pass ${minutes}m`, (world: World) => world.pass(minutes * minute)] as const),
  ),
  weighted(
    4,
    named('both servers read the file', (world) => {
      world.deploy(0);
      world.deploy(1);
    }),
  ),
  weighted(5, named('all is well', settle)),
  weighted(
    2,
    fc
      .constantFrom('switched', 'finish', 'abort', 'back', 'switchSilently', 'switchedEarlier')
      .map((name) => [name, (world: World) => void world[name]()] as const),
  ),
  weighted(
    1,
    named('finish while the file changes', (world) => void world.finish(() => world.edit('touch'))),
  ),
  weighted(
    4,
    fc
      .tuple(
        fc.constantFrom(
          'deploy',
          'acknowledge',
          'acknowledge',
          'leave',
          'lose',
          'crash',
          'restart',
          'see',
          'overflow',
        ),
        index,
      )
      .map(([name, at]) => [`${name} ${at}`, (world: World) => world[name](at)] as const),
  ),
  weighted(
    1,
    fc
      .constantFrom(...(Object.keys(handEdits) as (keyof typeof handEdits)[]))
      .map((name) => [`edit by hand: ${name}`, (world: World) => world.edit(name)] as const),
  ),
  weighted(
    4,
    fc
      .tuple(index, fc.boolean())
      .map(
        ([to, isReceived]) =>
          [
            `poll ${to}, ${isReceived ? 'received' : 'lost'}`,
            (world: World) => world.poll(to, isReceived),
          ] as const,
      ),
  ),
  weighted(
    2,
    fc
      .tuple(fc.constantFrom('connect', 'visit'), index, index)
      .map(
        ([name, proxy, to]) => [`${name} ${proxy} ${to}`, (world: World) => world[name](proxy, to)] as const,
      ),
  ),
);

/** An operator passes one gate by force. */
const force: fc.Arbitrary<Step> = fc
  .constantFrom(...(Object.keys(gateCatalogue) as GateId[]).filter((id) => !neverForced.has(id)))
  .map((id) => [`force ${id}`, (world: World) => world.force(id)] as const);

/**
 * Runs any sequence of steps. The world asserts what must be true, from what is true and not from what servers know.
 */
const sequences = (without?: GateId, mayForce = false) =>
  fc.property(
    fc.array(mayForce ? fc.oneof(weighted(1, force), weighted(4, step)) : step, {
      minLength: 10,
      maxLength: 60,
      size: 'max',
    }),
    fc.boolean(),
    (steps, publishes) => {
      const world = makeWorld({ publishes, without });
      for (const [, run] of steps) run(world);
    },
  );

suite('safety of a rotation', () => {
  test('any sequence of commands, crashes and restarts → the issuer is switched only if each proxy and consumer has the new CA, and finish and abort print a file only if no leaf needs the CA that they remove', () => {
    fc.assert(sequences(), { numRuns: 500 });
  });

  test('the same sequences, and an operator who passes gates by force → no other gate that is shut is passed, and the file records each that was', () => {
    fc.assert(sequences(undefined, true), { numRuns: 300 });
  });

  const harm = {
    R01: 'a server is down',
    R20: '^[pqr] lacks the new CA',
    R24: '^[pqr] lacks the new CA',
    R30: 'the consumer lacks the new CA',
    R41: 'a leaf of the old CA is valid',
    R42: 'a client of the old CA was seen',
    R53: 'another resource lists the old CA',
    R61: 'a leaf of the new CA is valid',
  } as const;
  for (const [without, what] of Object.entries(harm))
    test(`the same sequences without gate ${without} → ${what.replace('^[pqr]', 'a proxy')}`, () => {
      // Always the same sequences: of others, none may do harm.
      const options = { numRuns: 1_000, seed: 1, endOnFailure: true };
      const { errorInstance } = fc.check(sequences(without as keyof typeof harm), options);
      assert.ok(errorInstance instanceof assert.AssertionError);
      assert.match(errorInstance.message, new RegExp(what));
    });

  /** A rotation before the switch, whose gates are open. */
  function introduced(without?: GateId): World {
    const world = makeWorld({ without });
    world.pass(61 * minute);
    assert.ok(world.start());
    settle(world);
    return world;
  }

  test('the operator gives a time before the start, or before the issuer was switched back → refused; without R44, a leaf of the old CA is valid at the end', () => {
    for (const isBack of [false, true]) {
      const switchedOf = (without?: GateId): readonly [World, isRecorded: boolean] => {
        const world = introduced(without);
        if (isBack) {
          assert.ok(world.switchIssuer());
          world.pass(30 * minute);
          assert.ok(world.back());
        }
        world.pass(10 * minute);
        assert.ok(world.switchSilently());
        return [world, world.switchedEarlier()];
      };
      const [refused, isRecorded] = switchedOf();
      assert.ok(!isRecorded && !refused.finish());
      const [world, isTaken] = switchedOf('R44');
      assert.ok(isTaken);
      world.pass(10 * minute);
      assert.throws(() => world.finish(), /a leaf of the old CA is valid/);
    }
  });

  test('the operator gives a shorter lifetime of leaves after the switch → refused; without R45, a leaf of the old CA is valid at the end', () => {
    for (const without of [undefined, 'R45'] as const) {
      const world = introduced(without);
      assert.ok(world.switchIssuer());
      assert.equal(world.shorten(), without !== undefined);
      world.pass(10 * minute);
      if (without === undefined) assert.ok(!world.finish());
      else assert.throws(() => world.finish(), /a leaf of the old CA is valid/);
    }
  });

  test('a person removes the new CA from the file before the end → refused; without R51, it is not listed', () => {
    for (const without of [undefined, 'R51'] as const) {
      const world = introduced(without);
      assert.ok(world.switchIssuer());
      world.pass(66 * minute);
      world.edit('loseNew');
      if (without === undefined) assert.ok(!world.finish());
      else assert.throws(() => world.finish(), /the new CA is not listed/);
    }
  });

  test('a proxy without the new CA comes after the switch and leaves at once → finish waits for an hour', () => {
    const world = makeWorld();
    world.leave(0);
    world.pass(61 * minute);
    assert.ok(world.start());
    settle(world);
    assert.ok(world.switchIssuer());
    world.pass(60 * minute);
    world.visit(0, 1);
    world.pass(60 * minute - 1);
    assert.ok(!world.finish());
    world.pass(1);
    assert.ok(world.finish());
  });

  test('an ordinary rotation → goes through every state and ends', () => {
    const world = makeWorld();
    const states: string[] = [];
    const see = (): void => void states.push(world.state());
    world.pass(61 * minute);
    assert.ok(world.start());
    see();
    settle(world);
    see();
    assert.ok(world.switchIssuer());
    see();
    world.pass(64 * minute);
    assert.ok(!world.finish());
    world.pass(2 * minute);
    see();
    assert.ok(!world.finish(() => world.edit('touch')));
    assert.ok(world.finish());
    see();
    settle(world);
    see();
    assert.ok(world.clean());
    assert.deepEqual(states, ['introducing', 'introduced', 'draining', 'removable', 'finishing', 'steady']);
    assert.equal(world.listed().size, 2);
    assert.equal(world.finished(), 2);
  });

  test('back, then abort → refused until the leaves of the new CA have expired', () => {
    const world = makeWorld();
    world.pass(61 * minute);
    assert.ok(world.start());
    settle(world);
    assert.ok(world.switchIssuer());
    world.pass(30 * minute);
    assert.ok(!world.abort());
    assert.ok(world.back());
    assert.ok(!world.abort());
    world.pass(65 * minute - 1);
    assert.ok(!world.abort());
    // The time of `back` is rounded up to a second.
    world.pass(1000);
    assert.ok(world.abort());
    assert.equal(world.state(), 'steady');
    assert.equal(world.listed().size, 2);
  });

  test('a proxy that is away during the introduction → nothing goes on until an hour after it left', () => {
    const world = makeWorld();
    world.pass(61 * minute);
    world.leave(0);
    assert.ok(world.start());
    settle(world);
    assert.equal(world.state(), 'introducing');
    assert.ok(!world.switchIssuer());
    world.connect(0, 1);
    assert.equal(world.state(), 'introducing');
    world.acknowledge(0);
    assert.equal(world.state(), 'introduced');
  });

  test('a client of the old CA is seen after the end of all leaves → finish waits for an hour, or for a restart', () => {
    for (const isRestarted of [false, true]) {
      const world = makeWorld();
      world.pass(61 * minute);
      assert.ok(world.start());
      settle(world);
      assert.ok(world.switchIssuer());
      world.pass(66 * minute);
      assert.equal(world.state(), 'removable');
      world.see(1);
      assert.equal(world.state(), 'draining');
      assert.ok(!world.finish());
      if (isRestarted) {
        world.crash(1);
        world.restart(1);
        settle(world);
        // The past is unknown, as without access logs. Other gates wait for an hour after a restart.
        world.pass(60 * minute - 1);
        assert.equal(world.state(), 'draining');
        world.pass(1);
      } else world.pass(60 * minute);
      assert.ok(world.finish());
    }
  });

  test('a consumer whose response was lost → nothing goes on until it has the new CA', () => {
    const world = makeWorld({ publishes: true });
    world.pass(61 * minute);
    world.poll(0, true);
    assert.ok(world.start());
    settle(world);
    world.poll(1, false);
    world.pass(61 * minute);
    assert.equal(world.state(), 'introducing');
    world.poll(1, true);
    assert.equal(world.state(), 'introducing');
    world.poll(1, true);
    assert.equal(world.state(), 'introduced');
  });

  test('a server that restarts → nothing goes on until it knows again which proxies left', () => {
    const world = makeWorld();
    world.pass(61 * minute);
    assert.ok(world.start());
    settle(world);
    world.leave(0);
    world.crash(1);
    world.restart(1);
    settle(world);
    assert.equal(world.state(), 'introducing');
    world.pass(60 * minute);
    assert.equal(world.state(), 'introduced');
  });
});
