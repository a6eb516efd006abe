import { setTimeout as delay } from 'node:timers/promises';

import type { ApiClient, ApiRequest } from '../client/api-client.ts';
import { callApi, refusalOf } from '../client/call-api.ts';
import type { ApiReply } from '../client/call-api.ts';
import { leasePath, mergePatch } from './api-paths.ts';
import { electionTimes, initialElection, isLeading, releaseElection, stepElection } from './core/election.ts';
import type {
  ElectionInput,
  ElectionRequest,
  ElectionState,
  ElectionTimes,
  Moment,
} from './core/election.ts';
import { readLease } from './core/lease.ts';
import type { Outcomes } from './outcomes.ts';
import { timerMs } from '../../xds/timers/timers.ts';

export interface ElectionOptions {
  readonly client: ApiClient;
  readonly namespace: string;
  /** Name of the Lease. */
  readonly name: string;
  /** Identity of this replica. It must be unique, and another one after each restart. */
  readonly identity: string;
  readonly outcomes: Outcomes;
  /** Called after each attempt. `isLeading` may have changed. */
  readonly onAttempt: () => void;
  readonly times?: ElectionTimes | undefined;
  readonly moment?: (() => Moment) | undefined;
  /** Returns a number from 0 to 1, for jitter. */
  readonly random?: (() => number) | undefined;
}

/** This replica's participation in an election. */
export interface Election {
  /** True if this replica may act as the leader now. Call it before each action. */
  readonly isLeading: () => boolean;
  /** Releases the Lease, if this replica holds it, and ends. Waits at most two seconds for the API server. */
  close(): Promise<void>;
}

/** Maximum time for releasing the Lease. */
const releaseMs = 2_000;
/** Pauses are up to this share longer, so that replicas do not send their requests at the same time. */
const jitter = 0.2;

/** Repeatedly tries to acquire the Lease, or to renew it. Never throws: failures go to `outcomes`. */
export function runElection(options: ElectionOptions): Election {
  const { client, identity, outcomes, onAttempt } = options;
  const { times = electionTimes, moment = now, random = Math.random } = options;
  const closed = new AbortController();
  let state: ElectionState = initialElection(identity);

  /** Sends one request. Returns its outcome, and the reason of a failure. */
  const send = async (
    request: Exclude<ElectionRequest, { kind: 'wait' }>,
  ): Promise<{ readonly input: ElectionInput; readonly failure: string | undefined }> => {
    const askedAt = moment().now;
    const reply = await callApi(client, callOf(options, request), closed.signal);
    return { input: inputOf(reply, request.kind, askedAt), failure: failureOf(reply, request.kind) };
  };

  const attempt = async (): Promise<number> => {
    let step = stepElection(state, { kind: 'due' }, moment(), times);
    while (step.request.kind !== 'wait') {
      ({ state } = step);
      const { input, failure } = await send(step.request);
      step = stepElection(state, input, moment(), times);
      // A read that succeeds does not end the failures of the writes that follow it.
      const isOutcome = failure !== undefined || step.request.kind === 'wait';
      if (isOutcome && !closed.signal.aborted) outcomes('lease', failure);
    }
    ({ state } = step);
    return step.request.milliseconds;
  };

  const run = async (): Promise<void> => {
    while (!closed.signal.aborted) {
      const milliseconds = await attempt();
      if (closed.signal.aborted) return;
      onAttempt();
      const { signal } = closed;
      await delay(timerMs(milliseconds * (1 + jitter * random())), undefined, { signal }).catch(
        () => undefined,
      );
    }
  };

  const release = async (signal: AbortSignal): Promise<void> => {
    const request = releaseElection(state, moment());
    if (request === undefined) return;
    const reply = await callApi(client, callOf(options, request), signal);
    if (reply.kind !== 'answered' || reply.status !== 409) return;
    // Closing aborted a renewal that the API server had already carried out.
    const read = await callApi(client, callOf(options, { kind: 'read' }), signal);
    state = stepElection(state, inputOf(read, 'read', moment().now), moment(), times).state;
    const again = releaseElection(state, moment());
    if (again !== undefined) await callApi(client, callOf(options, again), signal);
  };

  const end = async (): Promise<void> => {
    closed.abort();
    await running;
    await release(AbortSignal.timeout(releaseMs));
  };

  const running = run();
  let ending: Promise<void> | undefined;
  return {
    isLeading: () => !closed.signal.aborted && isLeading(state, moment().now),
    close: () => (ending ??= end()),
  };
}

function now(): Moment {
  return { now: performance.now(), wall: Date.now() };
}

function callOf(
  { namespace, name }: ElectionOptions,
  request: Exclude<ElectionRequest, { kind: 'wait' }>,
): string | ApiRequest {
  const path = leasePath(namespace, name);
  switch (request.kind) {
    case 'read':
      return path;
    case 'create': {
      const head = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name } };
      return { method: 'POST', path: leasePath(namespace), body: { ...head, spec: request.spec } };
    }
    case 'patch': {
      const { resourceVersion, spec } = request;
      return mergePatch(path, { metadata: { resourceVersion }, spec });
    }
  }
}

function inputOf(
  reply: ApiReply,
  request: Exclude<ElectionRequest['kind'], 'wait'>,
  askedAt: number,
): ElectionInput {
  if (reply.kind === 'unreachable') return { kind: 'failed' };
  const { status, object } = reply;
  const lease = readLease(object);
  if (status < 300 && lease !== undefined)
    return request === 'read' ? { kind: 'read', lease } : { kind: 'written', lease, askedAt };
  if (request === 'read' && status === 404) return { kind: 'read', lease: undefined };
  // 409: another client changed or created the Lease meanwhile. 404: it was deleted meanwhile.
  if (request !== 'read' && (status === 409 || status === 404)) return { kind: 'refused' };
  return { kind: 'failed' };
}

/** Returns the reason of a failure. A lost race is not a failure, nor is a Lease that does not exist yet. */
function failureOf(reply: ApiReply, request: Exclude<ElectionRequest['kind'], 'wait'>): string | undefined {
  if (reply.kind === 'answered') {
    const { status } = reply;
    if (status < 300 || status === 409 || (status === 404 && request !== 'create')) return undefined;
  }
  return refusalOf(reply);
}
