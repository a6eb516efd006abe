import { dateCodes } from '../../../trust/findings/catalogue.ts';
import type { Severity } from '../../../trust/findings/catalogue.ts';
import { describeFindings } from '../../../trust/findings/describe-findings.ts';
import type { ObjectFacts } from './facts.ts';
import { conditionOf, timestamp } from './status.ts';
import type { Condition, ObjectStatus, ProxyCounts } from './status.ts';

export interface RenderInput {
  readonly generation: number;
  readonly facts: ObjectFacts;
  /** Of the mesh, for its present version. */
  readonly counts: ProxyCounts;
  /** What the object says now. */
  readonly observed: ObjectStatus;
  /** Epoch milliseconds. */
  readonly now: number;
}

type Said = Pick<Condition, 'status' | 'reason' | 'message'>;

/** Of a condition's message: the API server takes 32 KiB, and people read less. */
const messageLength = 4096;

/** The status that an object should have. Equal to what it has where nothing is to be said anew. */
export function renderStatus(input: RenderInput): ObjectStatus {
  const { generation, facts, observed, now } = input;
  const condition = (type: Condition['type'], said: Said): Condition => {
    const before = conditionOf(observed, type);
    const lastTransitionTime =
      before !== undefined && before.status === said.status ? before.lastTransitionTime : timestamp(now);
    return { type, ...said, observedGeneration: generation, lastTransitionTime };
  };
  return {
    observedGeneration: generation,
    version: facts.version,
    authorities: facts.authorities,
    expires: facts.expires === undefined ? undefined : timestamp(facts.expires),
    conditions: [
      condition('Accepted', accepted(facts)),
      condition('Programmed', programmed(input)),
      condition('Expiring', expiring(facts)),
    ],
  };
}

/**
 * False if something that the object lists is not served. Dates alone do not make it false: such a CA is served. A
 * trust domain without a valid CA has a reason of its own, because `meshtrust validate` refuses it.
 */
function accepted({ findings: all, expiry, mesh }: ObjectFacts): Said {
  const cutOff = [...all, ...expiry].filter(
    ({ code, severity }) => dateCodes.has(code) && severity === 'error',
  );
  const others = all.filter((one) => !cutOff.includes(one));
  const refusals = others.filter(({ severity }) => severity === 'error');
  const rest = others.filter(({ severity }) => severity !== 'error');
  const message = describeFindings([...refusals, ...cutOff, ...rest], messageLength);
  const worst = others.reduce<Severity>((a, { severity }) => worse(a, severity), 'info');
  if (mesh === undefined) return { status: 'False', reason: 'Refused', message };
  if (all.some(({ code }) => code === 'MT040')) return { status: 'False', reason: 'StaleKept', message };
  if (worst === 'error') return { status: 'False', reason: 'PartlyRefused', message };
  if (cutOff.length > 0) return { status: 'True', reason: 'NoValidCA', message };
  switch (worst) {
    case 'warning':
      return { status: 'True', reason: 'AcceptedWithWarnings', message };
    case 'info':
      return {
        status: 'True',
        reason: 'Accepted',
        message: message === '' ? 'nothing to object to' : message,
      };
  }
}

/**
 * Whether the proxies have what the object's trust domain is. It turns true when all proxies of the mesh have
 * what the mesh is, and stays so until the trust domain itself changes: other changes of the mesh, and proxies that
 * come later, write nothing, else each change would write all objects of the mesh. Until then its message counts.
 * A mesh without proxies is `Unknown`: no proxy has shown that it accepts what is served.
 */
function programmed({ facts, counts, observed }: RenderInput): Said {
  const { version, authorities, obstacles } = facts;
  if (obstacles.length > 0)
    return { status: 'False', reason: 'LeftOut', message: describeFindings(obstacles, messageLength) };
  if (version === undefined || authorities === 0)
    return { status: 'False', reason: 'NotServed', message: 'no authority of it is served' };
  const before = conditionOf(observed, 'Programmed');
  // Earlier releases wrote True for a mesh without proxies.
  const stays = before?.status === 'True' && before.reason !== 'NoProxies' && observed.version === version;
  return stays
    ? { status: before.status, reason: before.reason, message: before.message }
    : progress(version, counts);
}

function progress(version: string, { connected, acked, lost, complete }: ProxyCounts): Said {
  const served = `served as version ${version}`;
  if (!complete) {
    const message = `${served}; how many proxies have it is not known of all replicas`;
    return { status: 'Unknown', reason: 'CountsIncomplete', message };
  }
  if (connected === 0 && lost === 0)
    return {
      status: 'Unknown',
      reason: 'NoProxies',
      message: `${served}; no proxy of the mesh is connected`,
    };
  const counts = `${served}; ${acked} of ${connected} connected proxies have acknowledged it`;
  const ended =
    lost === 1
      ? '1 proxy lost its connection before it did'
      : `${lost} proxies lost their connections before they did`;
  const message = lost === 0 ? counts : `${counts}; ${ended}`;
  if (acked < connected) return { status: 'False', reason: 'Pending', message };
  return lost > 0
    ? { status: 'Unknown', reason: 'ProxiesLost', message }
    : { status: 'True', reason: 'Programmed', message };
}

/** True from 30 days before an authority that is served expires. */
function expiring({ expiry, authorities }: ObjectFacts): Said {
  const urgent = expiry.filter(({ code, severity }) => code === 'MT022' || severity !== 'info');
  const message = describeFindings(urgent, messageLength);
  if (urgent.some(({ code }) => code === 'MT022')) return { status: 'True', reason: 'Expired', message };
  if (message !== '') return { status: 'True', reason: 'ExpiresSoon', message };
  return authorities === 0
    ? { status: 'False', reason: 'NothingServed', message: 'no authority of it is served' }
    : { status: 'False', reason: 'Valid', message: 'no authority of it expires within 30 days' };
}

function worse(a: Severity, b: Severity): Severity {
  return a === 'error' || b === 'error' ? 'error' : a === 'warning' || b === 'warning' ? 'warning' : 'info';
}
