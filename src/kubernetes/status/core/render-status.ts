import { dateCodes } from '../../../trust/findings/catalogue.ts';
import type { Severity } from '../../../trust/findings/catalogue.ts';
import { describeFindings } from '../../../trust/findings/finding.ts';
import type { ObjectFacts } from './facts.ts';
import { conditionOf, timestamp, timeUntil } from './status.ts';
import type { Condition, ObjectStatus, ProxyCounts } from './status.ts';

export interface RenderInput {
  readonly generation: number;
  readonly facts: ObjectFacts;
  /** Proxy counts of the mesh for its current version. */
  readonly counts: ProxyCounts;
  /** The status that the object has now. */
  readonly observed: ObjectStatus;
  /** Epoch milliseconds. */
  readonly now: number;
}

type Outcome = Pick<Condition, 'status' | 'reason' | 'message'>;

/** Maximum length of a condition's message. The API server accepts 32 KiB, but people read less. */
const messageLength = 4096;
const nothingServed = 'no CA certificate of this object is served';

/** Renders the status that an object should have. It equals the observed status if nothing has changed. */
export function renderStatus(input: RenderInput): ObjectStatus {
  const { generation, facts, observed, now } = input;
  const condition = (type: Condition['type'], outcome: Outcome): Condition => {
    const before = conditionOf(observed, type);
    const lastTransitionTime =
      before !== undefined && before.status === outcome.status ? before.lastTransitionTime : timestamp(now);
    return { type, ...outcome, observedGeneration: generation, lastTransitionTime };
  };
  return {
    observedGeneration: generation,
    version: facts.version,
    authorities: facts.authorities,
    expires: facts.expires === undefined ? undefined : timestamp(facts.expires),
    expiresIn: facts.expires === undefined ? undefined : timeUntil(facts.expires, now),
    conditions: [
      condition('Accepted', accepted(facts)),
      condition('Programmed', programmed(input)),
      condition('Expiring', expiring(facts)),
    ],
  };
}

/**
 * Returns the condition Accepted. It is False if a certificate that the object lists is not served. Dates alone do not
 * make it False, because a CA outside of its validity is still served. A trust domain without a valid CA has a separate
 * reason, because `meshtrust validate` refuses it.
 */
function accepted({ findings: all, expiry, mesh }: ObjectFacts): Outcome {
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
        message: message === '' ? 'the object is accepted and has no findings' : message,
      };
  }
}

/**
 * Returns the condition Programmed. It becomes True when all proxies of the mesh have the current version of the mesh.
 * It stays True until the trust domain itself changes. Other changes of the mesh, and proxies that connect later, do
 * not change it: otherwise each change would write all objects of the mesh. Until it is True, its message counts the
 * proxies. For a mesh without proxies it is `Unknown`: no proxy has shown that it accepts the served version.
 */
function programmed({ facts, counts, observed }: RenderInput): Outcome {
  const { version, authorities, obstacles } = facts;
  if (obstacles.length > 0)
    return { status: 'False', reason: 'LeftOut', message: describeFindings(obstacles, messageLength) };
  if (version === undefined || authorities === 0)
    return { status: 'False', reason: 'NotServed', message: `${nothingServed}; see the condition Accepted` };
  const before = conditionOf(observed, 'Programmed');
  // Earlier releases wrote True for a mesh without proxies.
  const stays = before?.status === 'True' && before.reason !== 'NoProxies' && observed.version === version;
  return stays
    ? { status: before.status, reason: before.reason, message: before.message }
    : progress(version, counts);
}

function progress(version: string, { connected, acked, lost, complete }: ProxyCounts): Outcome {
  const served = `version ${version} is served`;
  if (!complete) {
    const message = `${served}; how many proxies have acknowledged it is unknown: not all replicas have reported`;
    return { status: 'Unknown', reason: 'CountsIncomplete', message };
  }
  if (connected === 0 && lost === 0)
    return {
      status: 'Unknown',
      reason: 'NoProxies',
      message: `${served}; no proxy of this mesh is connected`,
    };
  const counts = `${served}; ${acked} of ${connected} connected proxies have acknowledged it`;
  const ended =
    lost === 1
      ? '1 proxy disconnected before it acknowledged'
      : `${lost} proxies disconnected before they acknowledged`;
  const message = lost === 0 ? counts : `${counts}; ${ended}`;
  if (acked < connected) return { status: 'False', reason: 'Pending', message };
  return lost > 0
    ? { status: 'Unknown', reason: 'ProxiesLost', message }
    : { status: 'True', reason: 'Programmed', message };
}

/** Returns the condition Expiring. It is True from 30 days before the expiry of a served CA certificate. */
function expiring({ expiry, authorities }: ObjectFacts): Outcome {
  const urgent = expiry.filter(({ code, severity }) => code === 'MT022' || severity !== 'info');
  const message = describeFindings(urgent, messageLength);
  if (urgent.some(({ code }) => code === 'MT022')) return { status: 'True', reason: 'Expired', message };
  if (message !== '') return { status: 'True', reason: 'ExpiresSoon', message };
  return authorities === 0
    ? { status: 'False', reason: 'NothingServed', message: nothingServed }
    : {
        status: 'False',
        reason: 'Valid',
        message: 'no served CA certificate of this object expires within 30 days',
      };
}

function worse(a: Severity, b: Severity): Severity {
  return a === 'error' || b === 'error' ? 'error' : a === 'warning' || b === 'warning' ? 'warning' : 'info';
}
