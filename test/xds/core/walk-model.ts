import assert from 'node:assert/strict';
import { createFrames } from '../../../src/xds/core/frames.ts';
import { createRefusalMemory } from '../../../src/xds/core/refusal-memory.ts';
import type { DeltaRequest, SotwRequest, XdsNode } from '../../../src/xds/core/request.ts';
import type { SessionEvent } from '../../../src/xds/core/session-event.ts';
import { defaultStreamLimits } from '../../../src/xds/core/check-request.ts';
import { createDeltaSession, createSotwSession } from '../../../src/xds/core/session.ts';
import type { Session, SessionContext } from '../../../src/xds/core/session.ts';
import { createSnapshotStore } from '../../../src/xds/core/snapshot-store.ts';
import { typeUrls } from '../../../src/xds/core/type-urls.ts';
import type { Outgoing } from '../../../src/xds/core/type-state.ts';
import { setOf } from '../vocabulary.ts';

export const allNames = ['a', 'b', 'known:c', 'known:d'] as const;

/** One step of a walk. */
export type Walk =
  | { readonly kind: 'set'; readonly contents: Readonly<Record<string, string>> }
  | { readonly kind: 'subscribe'; readonly names: readonly string[] }
  | { readonly kind: 'unsubscribe'; readonly names: readonly string[] }
  | { readonly kind: 'answer'; readonly error: boolean }
  | { readonly kind: 'wait'; readonly ms: number }
  /**
   * With `fresh`, another process with the same node id, which has no resources. Otherwise the client dropped the
   * `readded` names and subscribed to them again while it had no stream, so it does not have their resources.
   */
  | { readonly kind: 'reconnect'; readonly fresh: boolean; readonly readded: readonly string[] };

/** The content of a response for one name. */
interface Sent {
  readonly version: string | undefined;
  readonly at: number;
  answered: boolean;
}

/** The model's state of one name on one stream. */
interface NameLog {
  last: Sent | undefined;
  /** Subscribed to, or rejected, since it was last sent. */
  asked: boolean;
  nacked: boolean;
  quoted: string | undefined;
  /** Versions that were acknowledged on this stream, and not rejected since. */
  readonly acked: Set<string>;
  /** The last acknowledged version, and whether its ACK is unconfirmed. */
  accepted: { readonly version: string; readonly doubtful: boolean } | undefined;
  /** Versions that were rejected on this stream since a new version was acknowledged on it. */
  readonly refused: Set<string>;
}

/**
 * A client that records everything that happened to it, with a server. It checks each response against the rules
 * of the protocol one by one. It shares no code with the implementation.
 */
export interface Walker {
  take(step: Walk): void;
  /** Accepts all responses until there are none, then checks the resources of the client. */
  finish(): void;
  readonly responses: number;
}

const node: XdsNode = { id: 'n', cluster: '', metadata: {}, userAgentName: '', userAgentVersion: '' };
const typeUrl = typeUrls.secret;

/** Starts a walk without resources and subscriptions. */
export function createWalker(protocol: 'delta' | 'sotw'): Walker {
  const store = createSnapshotStore();
  /** The versions (`name@version`) that the node id rejected, on any stream. */
  const remembered = new Set<string>();
  const held = new Map<string, string>(); // What is in force in the client.
  const context: SessionContext = {
    view: store,
    frames: createFrames('walk', ''),
    memory: createRefusalMemory({ entries: 1_000, ttlMs: Infinity }),
    limits: defaultStreamLimits,
    groupOf: () => '',
    optionsOf: () => ({}),
  };
  let now = 0;
  let responses = 0;
  let contents: Readonly<Record<string, string>> | undefined;
  const explicit = new Set<string>();
  let all = false;
  /**
   * True after a wildcard subscription until the next response: an empty response is due if there are no
   * resources.
   */
  let owesEmpty = false;
  let logs = new Map<string, NameLog>();
  let queue: Outgoing[] = [];
  let nonces = new Set<string>();
  /** The versions (`name@version`) that were rejected on this stream. */
  let refusedHere = new Set<string>();
  /** True if the ACK that is being sent is unconfirmed. */
  let doubtful = false;
  let lastVersion = '';
  let lastNonce = '';
  let session = newSession();
  store.subscribe((change) => session.changed(change));
  open({});

  function newSession(): Session<DeltaRequest> | Session<SotwRequest> {
    return protocol === 'delta'
      ? createDeltaSession(context, { observe })
      : createSotwSession(context, { observe });
  }

  /**
   * Each stream begins with a name that does not exist, so that no first request is empty, which would mean
   * everything.
   */
  function open(quotes: Readonly<Record<string, string>>, version = ''): void {
    send({ subscribe: ['nothing', ...subscribed()], quotes, version });
  }

  function subscribed(): string[] {
    return [...explicit, ...(all ? ['*'] : [])];
  }

  function send(parts: {
    subscribe?: readonly string[];
    unsubscribe?: readonly string[];
    quotes?: Readonly<Record<string, string>>;
    version?: string;
    nonce?: string;
    error?: boolean;
  }): void {
    const common = {
      node,
      typeUrl,
      error: parts.error === true ? { code: 13, message: 'no' } : undefined,
    };
    const refusal =
      protocol === 'delta'
        ? (session as Session<DeltaRequest>).request(
            {
              ...common,
              kind: 'delta',
              nonce: parts.nonce ?? '',
              subscribe: parts.subscribe ?? [],
              unsubscribe: parts.unsubscribe ?? [],
              initialVersions: new Map(Object.entries(parts.quotes ?? {})),
            },
            now,
          )
        : (session as Session<SotwRequest>).request(
            {
              ...common,
              kind: 'sotw',
              nonce: parts.nonce ?? lastNonce,
              version: parts.version ?? lastVersion,
              names: ['nothing', ...subscribed()],
            },
            now,
          );
    assert.equal(refusal, undefined);
  }

  function target(name: string): string | undefined {
    const listed = contents?.[name];
    if (listed !== undefined) return listed;
    return contents !== undefined && name.startsWith('known:') ? 'fallback' : undefined;
  }

  /**
   * True for names that the client is subscribed to: explicitly, or by wildcard, which covers listed names and
   * those that the client has already.
   */
  function wants(name: string): boolean {
    return explicit.has(name) || covers(name) || (all && logs.get(name)?.last !== undefined);
  }

  function covers(name: string): boolean {
    return all && contents?.[name] !== undefined;
  }

  function logOf(name: string): NameLog {
    let log = logs.get(name);
    if (log === undefined) {
      log = {
        last: undefined,
        asked: true,
        nacked: false,
        quoted: undefined,
        acked: new Set(),
        accepted: undefined,
        refused: new Set(),
      };
      logs.set(name, log);
    }
    return log;
  }

  function observe(event: SessionEvent): void {
    if (event.kind === 'acked' && event.version !== undefined) {
      assert.equal(event.unconfirmed, doubtful, `an ACK of ${event.name}@${event.version}`);
    }
    if (event.kind === 'quoted') {
      assert.equal(protocol, 'delta');
      const { name, version, unconfirmed } = event;
      assert.equal(unconfirmed, remembered.has(`${name}@${version}`), `a quote of ${name}@${version}`);
      logOf(name).accepted = { version, doubtful: unconfirmed };
    }
  }

  /**
   * True for rejected bytes that are sent again: the client acknowledges them without a check, unless it accepted
   * others in between.
   */
  function provesNothing(name: string, version: string): boolean {
    const { accepted, refused } = logs.get(name) ?? {};
    if (refused?.has(version) === true) return true;
    if (accepted === undefined) return remembered.has(`${name}@${version}`);
    return accepted.version === version && accepted.doubtful;
  }

  function drain(): void {
    for (let next = session.take(now); next !== undefined; next = session.take(now)) {
      assert.equal(nonces.has(next.nonce), false, 'a nonce was used twice');
      nonces.add(next.nonce);
      assert.ok(next.resources.length <= 1, 'a response with more than one secret');
      const empty = next.resources.length + next.removed.length === 0;
      if (empty) assert.ok(owesEmpty, 'an empty response without a pending wildcard reply');
      owesEmpty = false;
      responses += 1;
      queue.push(next);
      for (const { name, version } of next.resources) checkSent(name, version);
      for (const name of next.removed) checkSent(name, undefined);
    }
  }

  /** Checks each rule about sending. */
  function checkSent(name: string, version: string | undefined): void {
    if (name === 'nothing') return;
    const log = logOf(name);
    const was = log.last;
    const key = `${name}@${version}`;
    const current = target(name);
    const currentRefused = current !== undefined && log.refused.has(current);
    const reason = log.asked || log.nacked;
    assert.ok(explicit.has(name) || all, `${key}: not subscribed to`);
    if (was !== undefined && !was.answered && now - was.at < 5_000) {
      assert.ok(log.asked, `${key}: sent while another change is in flight`);
    }
    if (was !== undefined && was.version === version)
      assert.ok(reason, `${key}: sent twice without a reason`);
    if (version === undefined) {
      assert.equal(protocol, 'delta');
      assert.ok(current === undefined || currentRefused || all, `${key}: removed although it exists`);
    } else if (version !== current) {
      assert.ok(reason && log.acked.has(version), `${key}: neither current nor acknowledged before`);
      assert.ok(currentRefused, `${key}: older than the version that could be sent`);
    }
    if (version !== undefined && was === undefined && log.quoted === version) {
      assert.ok(log.asked, `${key}: sent although the client quoted it`);
    }
    if (version !== undefined) assert.ok(!log.refused.has(version), `${key}: rejected on this stream`);
    log.last = { version, at: now, answered: false };
    log.asked = false;
    log.nacked = false;
  }

  function answer(error: boolean): void {
    const response = queue.shift();
    if (response === undefined) return;
    for (const { name, version } of response.resources) {
      // An answer can come after the client dropped the name and subscribed to it again: it counts for the new state.
      const log = explicit.has(name) || covers(name) ? logOf(name) : logs.get(name);
      if (log?.last?.version === version && log.last !== undefined) log.last.answered = true;
      if (error) {
        remembered.add(`${name}@${version}`);
        refusedHere.add(`${name}@${version}`);
        if (log === undefined) continue;
        log.nacked = true;
        log.acked.delete(version);
        log.refused.add(version);
        if (log.accepted?.version === version) log.accepted = undefined;
        continue;
      }
      doubtful = provesNothing(name, version);
      log?.acked.add(version);
      if (log !== undefined && log.accepted?.version !== version) log.refused.clear();
      if (log !== undefined) log.accepted = { version, doubtful };
      if (explicit.has(name) || all) held.set(name, version);
    }
    for (const name of response.removed) {
      const log = logs.get(name);
      if (log?.last !== undefined && log.last.version === undefined) log.last.answered = true;
      if (log !== undefined && !error) log.accepted = undefined;
      held.delete(name);
    }
    lastNonce = response.nonce;
    if (!error) lastVersion = response.version;
    send({ nonce: response.nonce, error });
  }

  function take(step: Walk): void {
    // No walk leaves more responses without an ACK than the server remembers.
    while (queue.length > 20) answer(false);
    switch (step.kind) {
      case 'set':
        contents = step.contents;
        store.set('', typeUrl, setOf(step.contents));
        break;
      case 'subscribe': {
        const added = step.names.filter((name) => protocol === 'delta' || !subscribed().includes(name));
        for (const name of step.names) {
          if (name === '*') all = owesEmpty = true;
          else explicit.add(name);
        }
        // A SotW request without changes subscribes to everything again.
        const again = protocol === 'sotw' && added.length === 0;
        // A name without stream state is subscribed as soon as it has any.
        const named = again || added.includes('*') ? allNames.filter((name) => logs.has(name)) : added;
        for (const name of named) if (name !== '*') logOf(name).asked = true;
        send({ subscribe: step.names });
        break;
      }
      case 'unsubscribe': {
        const before = subscribed().length;
        for (const name of step.names) {
          if (name === '*') all = false;
          else if (explicit.delete(name) && all) logOf(name).asked = true;
        }
        for (const name of allNames) {
          if (explicit.has(name) || all) continue;
          held.delete(name);
          logs.delete(name);
        }
        if (protocol === 'sotw' && subscribed().length === before)
          for (const log of logs.values()) log.asked = true;
        send({ unsubscribe: step.names });
        break;
      }
      case 'answer':
        answer(step.error);
        break;
      case 'wait':
        now += step.ms;
        break;
      case 'reconnect':
        reconnect(step);
        break;
    }
    drain();
  }

  function reconnect({ fresh, readded }: Walk & { kind: 'reconnect' }): void {
    if (fresh) held.clear();
    if (fresh) lastVersion = '';
    for (const name of readded) held.delete(name);
    logs = new Map();
    queue = [];
    nonces = new Set();
    refusedHere = new Set();
    lastNonce = '';
    const quotes = protocol === 'delta' ? Object.fromEntries(held) : {};
    for (const name of allNames) {
      if (!explicit.has(name) && !all) continue;
      const log = logOf(name);
      // The version of a SotW client says nothing about its names: each is sent as if the client had nothing.
      log.quoted = protocol === 'delta' ? held.get(name) : undefined;
      log.asked = log.quoted === undefined;
      // A quoted current version counts as acknowledged.
      if (log.quoted !== undefined && log.quoted === target(name)) log.acked.add(log.quoted);
    }
    owesEmpty = all && Object.keys(quotes).length === 0;
    session = newSession();
    open(quotes, lastVersion);
  }

  return {
    take,
    finish() {
      for (let round = 0; queue.length > 0; round += 1) {
        assert.ok(round < 1_000, 'the client still gets responses after 1,000 ACKs');
        take({ kind: 'answer', error: false });
      }
      take({ kind: 'wait', ms: 10_000 });
      assert.equal(queue.length, 0, 'a response was delayed without a reason');
      if (contents === undefined) return;
      for (const name of allNames) {
        const current = target(name);
        if (!wants(name)) continue;
        if (current === undefined) {
          if (protocol === 'delta')
            assert.equal(held.get(name), undefined, `the client still has ${name}, which does not exist`);
        } else if (!refusedHere.has(`${name}@${current}`)) {
          assert.equal(held.get(name), current, `the client does not have the current version of ${name}`);
        }
      }
    },
    get responses() {
      return responses;
    },
  };
}
