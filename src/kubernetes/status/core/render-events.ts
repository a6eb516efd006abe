import { hash } from 'node:crypto';

import { resource } from '../../client/api-object.ts';
import type { ObjectHead } from '../../client/api-object.ts';
import { microTime } from './lease.ts';
import { conditionOf } from './status.ts';
import type { Condition, ObjectStatus } from './status.ts';

/** Something to tell about an object, once. */
export interface Told {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  /** At most 1,024 characters. */
  readonly note: string;
}

/** What an Event needs to know besides what it tells. */
export interface EventContext {
  /** The replica. */
  readonly instance: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** The API server takes 1 KiB. */
const noteLength = 1024;
const controller = 'meshtrust';

/**
 * What is news when a status follows another: refusals and their end, expiry, and a version that all proxies have.
 * That something is on its way is none; a new object that is accepted is told of when it is served.
 */
export function newsOf(before: ObjectStatus, after: ObjectStatus): readonly Told[] {
  return after.conditions.flatMap((condition): readonly Told[] => {
    const earlier = conditionOf(before, condition.type);
    const isSame = earlier?.reason === condition.reason && earlier.message === condition.message;
    const type = isSame ? undefined : kindOf(condition, earlier);
    return type === undefined
      ? []
      : [{ type, reason: condition.reason, note: shorten(condition.message, noteLength) }];
  });
}

function kindOf(
  { type, status, reason }: Condition,
  earlier: Condition | undefined,
): Told['type'] | undefined {
  switch (type) {
    case 'Accepted':
      if (status === 'False' || reason === 'AcceptedWithWarnings' || reason === 'NoValidCA') return 'Warning';
      return earlier !== undefined && earlier.reason !== 'Accepted' ? 'Normal' : undefined;
    case 'Programmed':
      if (reason === 'LeftOut' || reason === 'NotServed') return 'Warning';
      return status === 'True' ? 'Normal' : undefined;
    case 'Expiring':
      return status === 'True' ? 'Warning' : undefined;
  }
}

/**
 * The Event as it is sent (events.k8s.io/v1). Its name is a hash of what it tells: whoever tells the same of the same
 * version of the object again, after a restart or as the next leader, is told that it is there already.
 */
export function renderEvent(
  { namespace, name, uid, generation }: ObjectHead,
  { type, reason, note }: Told,
  { instance, now }: EventContext,
): Readonly<Record<string, unknown>> {
  const key = hash('sha256', JSON.stringify([uid, generation, type, reason, note])).slice(0, 16);
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: `${name.slice(0, 200).replace(/[.-]+$/, '')}.${key}`, namespace },
    eventTime: microTime(now),
    reportingController: controller,
    reportingInstance: instance.slice(0, 128),
    action: 'Serve',
    type,
    reason,
    note,
    regarding: {
      apiVersion: `${resource.group}/${resource.version}`,
      kind: resource.kind,
      namespace,
      name,
      uid,
    },
  };
}

/** In bytes, since that is what the API server counts. */
function shorten(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  return `${Buffer.from(text)
    .subarray(0, bytes - 3)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')}…`;
}
