import assert from 'node:assert/strict';
import { rotatingResource } from '../../../src/api/present-rotation.ts';
import { changeToRecord, timeToRecord } from '../../../src/trust/rotation/clocks.ts';
import { decide } from '../../../src/trust/rotation/decide.ts';
import type { RotationCommand } from '../../../src/trust/rotation/decide.ts';
import { usualGateOptions } from '../../../src/trust/rotation/facts.ts';
import type { GateInput, ServerFacts } from '../../../src/trust/rotation/facts.ts';
import type { GateId } from '../../../src/trust/rotation/gate-catalogue.ts';
import { assessRotation } from '../../../src/trust/rotation/state.ts';
import { formatTime } from '../../../src/text/format-time.ts';
import { hintMs, makeWorldConsumer } from './world-consumer.ts';
import { editWorldFile, firstText, handEdits, readWorldFile } from './world-file.ts';
import { cas, pems, withoutObservation } from './world-parts.ts';
import type { Which } from './world-parts.ts';
import { endServer, factsOf, makeServer, overflow, welcome } from './world-server.ts';
import type { Proxy, Server } from './world-server.ts';

export const minute = 60_000;
export const ttlMs = 60 * minute;
const skewMs = usualGateOptions.clockSkewMs;

/**
 * A file with MeshTrusts, two replicas that serve it, three proxies, and an issuer. It keeps what is true apart from
 * what the servers know: only the latter is given to the gates. With `publishes`, the servers publish the bundle, and a
 * consumer fetches it. Every command is forced through the gate `without`.
 */
export function makeWorld({
  publishes = false,
  without,
}: { readonly publishes?: boolean; readonly without?: GateId | undefined } = {}) {
  const always = without === undefined ? [] : [without];
  let now = Date.now();
  let file = readWorldFile(firstText);
  let issuer: Which = 'old';
  /** When the issuer last issued a leaf of each CA. */
  const lastLeaf = { old: now, new: -Infinity };
  let finished = 0;
  /** The gate that the operator forces in the next command. */
  let forcing: GateId | undefined;
  /** An operator passed a gate by force, or removed a CA by hand: nothing is promised any more about leaves. */
  let isTampered = false;
  const servers = [makeServer(file.text, now), makeServer(file.text, now)];
  const serverAt = (index: number): Server => servers[index % 2] ?? assert.fail();
  const proxies: readonly Proxy[] = ['p', 'q', 'r'].map((name) => ({
    name,
    at: 0,
    leftAt: -Infinity,
    version: file.version,
    held: file.listed,
  }));
  const proxyAt = (index: number): Proxy => proxies[index % proxies.length] ?? assert.fail();

  const consumer = makeWorldConsumer(file.version, (version) => version.includes(cas.new.fingerprint));
  const publicationOf = ({ file: { version }, readAt }: Server) => ({ version, since: readAt });

  const answerOf = (server: Server, index: number): ServerFacts => {
    const name = `server ${index}`;
    if (!server.isUp) return { kind: 'unreachable', server: name, reason: 'no answer' };
    return factsOf(server, name, {
      own: proxies.filter(({ at }) => at === index),
      isSyncedElsewhere: ({ at, version }) => {
        const other = at === undefined ? undefined : servers[at];
        return other !== undefined && other !== server && version === other.file.version;
      },
      publication: publishes ? consumer.factsAt(index, publicationOf(server), now) : undefined,
      now,
    });
  };

  const inputOf = (command: RotationCommand['kind']): GateInput | undefined => {
    const { zone } = file;
    const marks =
      command === 'start'
        ? { old: cas.old.fingerprint, new: cas.new.fingerprint, switchedAt: undefined, leafTtlMs: undefined }
        : zone.rotation;
    if (marks === undefined) return undefined;
    return {
      resource: rotatingResource(zone),
      marks,
      before: zone.rotation,
      newCa: { kind: 'usable', ca: cas.new, selfSigned: true, names: 'fit' },
      servers: servers.map(answerOf),
      options: usualGateOptions,
      now,
    };
  };

  /** What must be true from the switch of the issuer on. It does not use the gates. */
  const assertIntroduced = (): void => {
    if (isTampered) return;
    for (const { name, at, leftAt, held } of proxies)
      if (at !== undefined || now - leftAt < usualGateOptions.disconnectWindowMs)
        assert.ok(held.has(cas.new.fingerprint), `${name} lacks the new CA`);
    assert.ok(
      servers.every(({ isUp }) => isUp),
      'a server is down',
    );
    if (publishes && now - consumer.polledAt() < 3 * hintMs)
      assert.ok(consumer.hasNew(), 'the consumer lacks the new CA');
  };

  /** What must be true when the old CA is removed. */
  const assertSafe = (): void => {
    assertIntroduced();
    if (isTampered) return;
    assert.ok(lastLeaf.old + ttlMs + skewMs <= now, 'a leaf of the old CA is valid');
    for (const { seen, file: served } of servers) {
      assert.ok(
        now - (seen.get(cas.old.fingerprint) ?? -Infinity) >= usualGateOptions.quietMs,
        'a client of the old CA was seen',
      );
      const isCopied = served.all.some(({ name }) => name === 'copy');
      assert.ok(!isCopied, 'another resource lists the old CA');
    }
  };

  /** Asserts the record of gates that were passed by force. */
  const assertRecord = (text: string, { kind }: RotationCommand, ids: readonly GateId[]): void => {
    const before = kind === 'start' ? [] : (file.zone.forcedSteps ?? []);
    const step = { at: Date.parse(timeToRecord({ now })), command: kind, gates: ids };
    const expected = ids.length === 0 ? before : [...before, step].slice(-50);
    assert.deepEqual(readWorldFile(text).zone.forcedSteps ?? [], expected);
  };

  /**
   * Runs a command as `meshtrust rotate` does. `meanwhile` happens between the reading of the file and the writing.
   */
  const run = (command: RotationCommand, meanwhile: () => void = () => undefined): boolean => {
    const before = file;
    const force = new Set([...always, ...(forcing === undefined ? [] : [forcing])]);
    forcing = undefined;
    const input = inputOf(command.kind);
    if (input === undefined) return false;
    const decision = decide(command, input, force);
    const shut = decision.gates.filter(({ open }) => !open).map(({ id }) => id);
    if (decision.kind === 'refused') return false;
    assert.ok(
      shut.every((id) => force.has(id)),
      'a gate is shut',
    );
    // What is seen may only refuse.
    assert.equal(decide(command, withoutObservation(input), force).kind, 'allowed');
    const text = editWorldFile(before, decision.edits);
    if (text === undefined) return false;
    assertRecord(text, command, shut);
    if (shut.some((id) => id !== without)) isTampered = true;
    if (command.kind === 'finish') {
      assertSafe();
      const { listed } = readWorldFile(text);
      if (!shut.includes('R51') || without === 'R51')
        assert.ok(listed.has(cas.new.fingerprint), 'the new CA is not listed');
      finished += 1;
    }
    if (command.kind === 'abort' && !isTampered)
      assert.ok(lastLeaf.new + ttlMs + skewMs <= now, 'a leaf of the new CA is valid');
    meanwhile();
    if (file !== before) return false;
    file = readWorldFile(text);
    return true;
  };

  const leave = (proxy: Proxy, isLost = false): void => {
    if (proxy.at === undefined) return;
    servers[proxy.at]?.gone.set(proxy, { goneAt: now, version: proxy.version, isLost });
    proxy.at = undefined;
    proxy.leftAt = now;
  };

  const switchedNow = (input: GateInput): RotationCommand => ({
    kind: 'switched',
    at: changeToRecord(input),
    leafTtl: undefined,
  });
  const world = {
    finished: () => finished,
    listed: () => file.listed,
    state: () => {
      const input = inputOf('finish');
      return input === undefined ? 'steady' : assessRotation(input).state;
    },
    pass: (milliseconds: number): void => {
      // The issuer renews leaves all the time.
      lastLeaf[issuer] = now + milliseconds;
      now += milliseconds;
    },
    /** The operator passes a gate by force in the next command. */
    force: (gate: GateId): void => void (forcing = gate),
    start: (meanwhile?: () => void) =>
      run({ kind: 'start', at: timeToRecord({ now }), pem: pems.new, leafTtl: '60m' }, meanwhile),
    /** An operator switches the issuer when the gates are open, and then says so. */
    switchIssuer: (): boolean => world.switchSilently() && world.switched(),
    /** The operator does not say so at once. */
    switchSilently: (): boolean => {
      const input = inputOf('switched');
      if (input === undefined || decide(switchedNow(input), input, new Set(always)).kind === 'refused')
        return false;
      assertIntroduced();
      issuer = 'new';
      lastLeaf.new = now;
      return true;
    },
    /** Also runs if the issuer was switched without the gates: the command refuses. */
    switched: (): boolean => {
      const input = inputOf('switched');
      return issuer === 'new' && input !== undefined && run(switchedNow(input));
    },
    /** The operator gives a time before the start, or before the issuer was switched back. */
    switchedEarlier: (): boolean => {
      const { startedAt, backAt } = file.zone.rotation ?? {};
      const bound = typeof backAt === 'number' ? backAt : typeof startedAt === 'number' ? startedAt : now;
      const at = formatTime(Math.floor(bound / 1000) * 1000 - 60 * minute);
      return issuer === 'new' && run({ kind: 'switched', at, leafTtl: undefined });
    },
    /** The operator gives a lifetime that is shorter than the one with which the issuer signs. */
    shorten: (): boolean => run({ kind: 'switched', at: undefined, leafTtl: '1m' }),
    /** The issuer signs with the old CA again, before the command says so. */
    back: (): boolean => {
      if (!file.listed.has(cas.old.fingerprint)) return false;
      issuer = 'old';
      lastLeaf.old = now;
      return run({ kind: 'back', at: timeToRecord({ now }), leafTtl: undefined });
    },
    finish: (meanwhile?: () => void) => run({ kind: 'finish' }, meanwhile),
    clean: () => run({ kind: 'clean' }),
    /** An operator who has switched the issuer and has not said so does not abort. */
    abort: () => (issuer === 'old' || file.zone.rotation?.switchedAt !== undefined) && run({ kind: 'abort' }),
    /** A person changes the file without a command. */
    edit: (how: keyof typeof handEdits): void => {
      const next = readWorldFile(handEdits[how](file, now));
      if (how === 'loseNew' && next !== file) isTampered = true;
      file = next;
    },
    /** A client with a leaf of the old CA comes to a proxy that sends its access log to this server. */
    see: (index: number): void => {
      const server = serverAt(index);
      if (server.isUp) server.seen.set(cas.old.fingerprint, now);
    },
    deploy: (index: number): void => {
      const server = serverAt(index);
      if (!server.isUp || server.file === file) return;
      if (server.file.version !== file.version) server.readAt = now;
      server.file = file;
    },
    acknowledge: (index: number): void => {
      const proxy = proxyAt(index);
      const server = proxy.at === undefined ? undefined : servers[proxy.at];
      if (server === undefined) return;
      proxy.version = server.file.version;
      proxy.held = server.file.listed;
    },
    leave: (index: number): void => leave(proxyAt(index)),
    /** The connection of a proxy breaks. */
    lose: (index: number): void => leave(proxyAt(index), true),
    connect: (index: number, to: number): void => {
      const proxy = proxyAt(index);
      const server = serverAt(to);
      if (!server.isUp) return;
      leave(proxy);
      welcome(server, proxy);
      proxy.at = to % 2;
    },
    /** A proxy comes to a server, and leaves before it has acknowledged what the server has. */
    visit: (index: number, to: number): void => {
      world.connect(index, to);
      world.leave(index);
    },
    /** Too many proxies left for a server to list all of them. */
    overflow: (index: number): void => overflow(serverAt(index)),
    /** The consumer polls a server. It receives the response, or the response is lost. */
    poll: (index: number, isReceived: boolean): void => {
      const server = serverAt(index);
      if (server.isUp) consumer.poll(index % 2, publicationOf(server), now, isReceived);
    },
    crash: (index: number): void => {
      for (const proxy of proxies) if (proxy.at === index % 2) leave(proxy);
      endServer(serverAt(index));
      consumer.forget(index % 2);
    },
    restart: (index: number): void => {
      const server = serverAt(index);
      if (!server.isUp) Object.assign(server, { isUp: true, startedAt: now, file, readAt: now });
    },
  };
  return world;
}
