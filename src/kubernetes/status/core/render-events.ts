import { hash } from 'node:crypto';

import { catalogue } from '../../../trust/findings/catalogue.ts';
import type { Finding } from '../../../trust/findings/finding.ts';
import { resource } from '../../client/api-object.ts';
import type { ObjectHead } from '../../client/api-object.ts';
import { microTime } from './lease.ts';
import { conditionOf } from './status.ts';
import type { Condition, ObjectStatus } from './status.ts';

/** A change of an object's status that is reported once, as an Event. */
export interface StatusChange {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  /** At most 1,024 characters. */
  readonly note: string;
}

/** The parts of an Event that do not depend on the change it reports. */
export interface EventContext {
  /** The name of the replica that sends the Event. */
  readonly instance: string;
  /** Epoch milliseconds. */
  readonly now: number;
  /** The kind of the object. Default: MeshTrust. */
  readonly kind?: string | undefined;
}

/** Maximum length of a note in bytes: the API server accepts 1 KiB. */
const noteLength = 1024;
const controller = 'meshtrust';

/**
 * Returns the changes between two statuses that deserve an Event: refusals and their end, expiry, and a version that
 * all proxies have. A roll-out in progress is not reported. A new, accepted object is reported when it is served.
 */
export function changesToReport(before: ObjectStatus, after: ObjectStatus): readonly StatusChange[] {
  return after.conditions.flatMap((condition): readonly StatusChange[] => {
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
): StatusChange['type'] | undefined {
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
 * Renders the Event (events.k8s.io/v1). Its name contains a hash of the object's uid and generation and of the text.
 * A replica that sends the same Event again, after a restart or as the next leader, gets "already exists".
 */
export function renderEvent(
  { namespace, name, uid, generation }: ObjectHead,
  { type, reason, note }: StatusChange,
  { instance, now, kind = resource.kind }: EventContext,
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
      kind,
      namespace,
      name,
      uid,
    },
  };
}

/** The finding of a MeshIdentity that Events report. */
export type IdentityFinding = Pick<Finding, 'code' | 'severity' | 'message'>;

/**
 * Returns the Event about a finding of a MeshIdentity; its reason is the name of the finding, such as `ZoneUnknown`.
 */
export function changeOfFinding({ code, severity, message }: IdentityFinding): StatusChange {
  const words = catalogue[code].name.split('-');
  return {
    type: severity === 'info' ? 'Normal' : 'Warning',
    reason: words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join(''),
    note: shorten(`${code} ${message}`, noteLength),
  };
}

/** The Event that all findings of a MeshIdentity are resolved. */
export const identityResolved: StatusChange = {
  type: 'Normal',
  reason: 'Derived',
  note: 'all findings about the resource are resolved',
};

/** Shortens the text to a number of bytes, because the API server counts bytes. */
function shorten(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  return `${Buffer.from(text)
    .subarray(0, bytes - 3)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')}…`;
}
