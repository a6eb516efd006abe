import assert from 'node:assert/strict';
import { rotatingResource } from '../../../src/api/present-rotation.ts';
import type { MeshTrust } from '../../../src/trust/model/mesh-trust.ts';
import { decide } from '../../../src/trust/rotation/decide.ts';
import type { RotationCommand } from '../../../src/trust/rotation/decide.ts';
import { editText } from '../../../src/trust/rotation/edit-text.ts';
import { usualGateOptions } from '../../../src/trust/rotation/facts.ts';
import type { AnsweredFacts, GateInput, ServerFacts } from '../../../src/trust/rotation/facts.ts';
import type { GateId } from '../../../src/trust/rotation/gate-catalogue.ts';
import { assessRotation } from '../../../src/trust/rotation/state.ts';
import { hintMs, makeWorldConsumer } from './world-consumer.ts';
import { cas, pems, withoutObservation } from './world-parts.ts';
import type { Proxy, Server, Which } from './world-parts.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { parse, reader } from '../../kit/resources.ts';

export const minute = 60_000;
export const ttlMs = 60 * minute;
const skewMs = usualGateOptions.clockSkewMs;

/**
 * A file with a MeshTrust, two replicas that serve it, three proxies, and an issuer. It keeps what is true apart from
 * what the servers know: only the latter is given to the gates. With `publishes`, the servers publish the bundle, and a
 * consumer fetches it. Every command is forced through the gate `without`.
 */
export function makeWorld({
  publishes = false,
  without,
}: { readonly publishes?: boolean; readonly without?: GateId | undefined } = {}) {
  const force = new Set(without === undefined ? [] : [without]);
  let now = Date.now();
  let file = meshTrustYaml({ name: 'zone', trustDomain: 'a.test', pems: [pems.old] });
  let issuer: Which = 'old';
  /** When the issuer last issued a leaf of each CA. */
  const lastLeaf = { old: now, new: -Infinity };
  let finished = 0;
  const known = new Map<string, MeshTrust>();
  const trustOf = (text: string): MeshTrust => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const trust = read(text);
    known.set(text, trust);
    return trust;
  };
  const read = (text: string): MeshTrust => {
    const parsed = parse(text);
    const [document] = parsed.kind === 'documents' ? parsed.documents : [];
    return document?.kind === 'mesh-trust' ? document.resource : assert.fail('the file is broken');
  };
  const listed = (text: string): ReadonlySet<string> =>
    new Set(rotatingResource(trustOf(text)).listed.map(({ fingerprint }) => fingerprint));
  const versionOf = (text: string): string => [...listed(text)].sort().join();
  const makeServer = (): Server => ({
    isUp: true,
    startedAt: now,
    text: file,
    readAt: now,
    gone: new Map(),
    seen: new Map(),
  });
  const servers = [makeServer(), makeServer()];
  const proxies: readonly Proxy[] = ['p', 'q', 'r'].map((name) => ({
    name,
    at: 0,
    leftAt: -Infinity,
    version: versionOf(file),
    held: listed(file),
  }));

  const consumer = makeWorldConsumer(versionOf(file));
  const publicationOf = ({ text, readAt }: Server) => ({ version: versionOf(text), since: readAt });

  const factsOf = (index: number): ServerFacts => {
    const server = servers[index] ?? assert.fail();
    const name = `server ${index}`;
    if (!server.isUp) return { kind: 'unreachable', server: name, reason: 'no answer' };
    const version = versionOf(server.text);
    const own = proxies.filter(({ at }) => at === index);
    const isSyncedElsewhere = (proxy: Proxy): boolean => {
      const other = proxy.at === undefined ? undefined : servers[proxy.at];
      return other !== undefined && other !== server && proxy.version === versionOf(other.text);
    };
    const left = [...server.gone].filter(([proxy]) => !isSyncedElsewhere(proxy));
    const trust = trustOf(server.text);
    const { rotation } = trust;
    return {
      kind: 'answered',
      server: name,
      notReady: undefined,
      startedAt: server.startedAt,
      served: { version, since: server.readAt },
      cas: rotatingResource(trust).listed.map((ca) => ({
        ...ca,
        asListed: true,
        resources: [trust.identity],
      })),
      overLimit: false,
      held: false,
      rotations:
        rotation === undefined ? [] : [{ resource: trust.identity, old: rotation.old, new: rotation.new }],
      proxies: {
        connected: own.length,
        acked: own.filter((proxy) => proxy.version === version).length,
        lost: 0,
        refused: 0,
        forgotten: 0,
        complete: true,
        lagging: [],
      },
      gone: left.map(([proxy, { goneAt, version: had }]) => ({
        node: proxy.name,
        goneAt,
        hasServed: had === version,
      })),
      unlisted: { count: 0, lastAt: 0 },
      authentication: { methods: ['mtls'], beyondHost: true, limitsNodes: true },
      publication: publishes ? consumer.factsAt(index, publicationOf(server), now) : undefined,
      observed: {
        since: server.startedAt,
        unknownAt: undefined,
        entries: server.seen.size,
        without: 0,
        nodes: server.seen.size,
        lostAt: undefined,
        lastSeen: server.seen,
      },
    } satisfies AnsweredFacts;
  };

  const inputOf = (text: string, command: RotationCommand['kind']): GateInput | undefined => {
    const trust = trustOf(text);
    const marks =
      command === 'start'
        ? { old: cas.old.fingerprint, new: cas.new.fingerprint, switchedAt: undefined, leafTtlMs: undefined }
        : trust.rotation;
    if (marks === undefined) return undefined;
    return {
      resource: rotatingResource(trust),
      marks,
      before: trust.rotation,
      newCa: { kind: 'usable', ca: cas.new, selfSigned: true, fits: true },
      servers: [factsOf(0), factsOf(1)],
      options: usualGateOptions,
      now,
    };
  };

  /** What must be true from the switch of the issuer on. It does not use the gates. */
  const assertIntroduced = (): void => {
    for (const { name, at, leftAt, held } of proxies)
      if (at !== undefined || now - leftAt < usualGateOptions.disconnectWindowMs)
        assert.ok(held.has(cas.new.fingerprint), `${name} lacks the new CA`);
    assert.ok(
      servers.every(({ isUp }) => isUp),
      'a server is down',
    );
    if (publishes && now - consumer.polledAt() < 3 * hintMs)
      assert.ok(consumer.held().includes(cas.new.fingerprint), 'the consumer lacks the new CA');
  };

  /** What must be true when the old CA is removed. */
  const assertSafe = (): void => {
    assertIntroduced();
    assert.ok(lastLeaf.old + ttlMs + skewMs <= now, 'a leaf of the old CA is valid');
    for (const { seen } of servers)
      assert.ok(
        now - (seen.get(cas.old.fingerprint) ?? -Infinity) >= usualGateOptions.quietMs,
        'a client of the old CA was seen',
      );
  };

  /**
   * Runs a command as `meshtrust rotate` does. `meanwhile` happens between the reading of the file and the writing.
   */
  const run = (command: RotationCommand, meanwhile: () => void = () => undefined): boolean => {
    const before = file;
    const input = inputOf(before, command.kind);
    if (input === undefined) return false;
    const decision = decide(command, input, force);
    if (decision.kind === 'refused') return false;
    // What is seen may only refuse.
    assert.equal(decide(command, withoutObservation(input), force).kind, 'allowed');
    const trust = trustOf(before);
    const edited = editText(before, trust, decision.edits, { defaultMesh: 'default', reader });
    if (edited.kind === 'refused') return false;
    if (command.kind === 'finish') {
      assertSafe();
      finished += 1;
    }
    if (command.kind === 'abort')
      assert.ok(lastLeaf.new + ttlMs + skewMs <= now, 'a leaf of the new CA is valid');
    meanwhile();
    if (file !== before) return false;
    file = edited.text;
    return true;
  };

  const leave = (proxy: Proxy): void => {
    if (proxy.at === undefined) return;
    servers[proxy.at]?.gone.set(proxy, { goneAt: now, version: proxy.version });
    proxy.at = undefined;
    proxy.leftAt = now;
  };
  const nextSecond = (): string => new Date(Math.ceil(now / 1000) * 1000).toISOString().replace('.000Z', 'Z');
  const proxyAt = (index: number): Proxy => proxies[index % proxies.length] ?? assert.fail();

  const switchedNow = (): RotationCommand => ({ kind: 'switched', at: nextSecond(), leafTtl: undefined });
  const world = {
    finished: () => finished,
    listed: () => listed(file),
    state: () => {
      const input = inputOf(file, 'finish');
      return input === undefined ? 'steady' : assessRotation(input).state;
    },
    pass: (milliseconds: number): void => {
      // The issuer renews leaves all the time.
      lastLeaf[issuer] = now + milliseconds;
      now += milliseconds;
    },
    start: (meanwhile?: () => void) =>
      run({ kind: 'start', at: nextSecond(), pem: pems.new, leafTtl: '60m' }, meanwhile),
    /** An operator switches the issuer when the gates are open, and then says so. */
    switchIssuer: (): boolean => {
      const input = inputOf(file, 'switched');
      if (input === undefined || decide(switchedNow(), input, force).kind === 'refused') return false;
      assertIntroduced();
      issuer = 'new';
      lastLeaf.new = now;
      return world.switched();
    },
    /** Also runs if the issuer was switched without the gates: the command refuses. */
    switched: (): boolean => {
      if (issuer !== 'new') return false;
      return run(switchedNow());
    },
    /** The issuer signs with the old CA again, before the command says so. */
    back: (): boolean => {
      if (!listed(file).has(cas.old.fingerprint)) return false;
      issuer = 'old';
      lastLeaf.old = now;
      return run({ kind: 'back', at: nextSecond(), leafTtl: undefined });
    },
    finish: (meanwhile?: () => void) => run({ kind: 'finish' }, meanwhile),
    clean: () => run({ kind: 'clean' }),
    abort: () => run({ kind: 'abort' }),
    /** Another person changes a comment of the file. */
    touch: (): void => {
      file = `# ${now}\n${file.replace(/^#.*\n/, '')}`;
    },
    /** A client with a leaf of the old CA comes to a proxy that sends its access log to this server. */
    see: (index: number): void => {
      const server = servers[index % 2];
      if (server?.isUp === true) server.seen.set(cas.old.fingerprint, now);
    },
    deploy: (index: number): void => {
      const server = servers[index % 2];
      if (server === undefined || !server.isUp || server.text === file) return;
      if (versionOf(server.text) !== versionOf(file)) server.readAt = now;
      server.text = file;
    },
    acknowledge: (index: number): void => {
      const proxy = proxyAt(index);
      const server = proxy.at === undefined ? undefined : servers[proxy.at];
      if (server === undefined) return;
      proxy.version = versionOf(server.text);
      proxy.held = listed(server.text);
    },
    leave: (index: number): void => leave(proxyAt(index)),
    connect: (index: number, to: number): void => {
      const proxy = proxyAt(index);
      const server = servers[to % 2];
      if (server === undefined || !server.isUp) return;
      leave(proxy);
      server.gone.delete(proxy);
      proxy.at = to % 2;
    },
    /** A proxy comes to a server, and leaves before it has acknowledged what the server has. */
    visit: (index: number, to: number): void => {
      world.connect(index, to);
      world.leave(index);
    },
    /** The consumer polls a server. It receives the response, or the response is lost. */
    poll: (index: number, isReceived: boolean): void => {
      const server = servers[index % 2];
      if (server?.isUp === true) consumer.poll(index % 2, publicationOf(server), now, isReceived);
    },
    crash: (index: number): void => {
      const server = servers[index % 2];
      if (server === undefined) return;
      for (const proxy of proxies) if (proxy.at === index % 2) leave(proxy);
      server.isUp = false;
      server.gone.clear();
      server.seen.clear();
      consumer.forget(index % 2);
    },
    restart: (index: number): void => {
      const server = servers[index % 2];
      if (server === undefined || server.isUp) return;
      Object.assign(server, { isUp: true, startedAt: now, text: file, readAt: now });
    },
  };
  return world;
}
