import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { rotationStates } from '../../trust/rotation/state.ts';
import type { RotationState } from '../../trust/rotation/state.ts';

/** A rotation of a CA, for the metrics. Times are epoch milliseconds. */
export interface RotationSample {
  readonly mesh: string;
  readonly trustDomain: string;
  readonly state: RotationState;
  /**
   * When no leaf of the old CA can be valid any more; if the issuer is not switched yet, as if it were switched now.
   */
  readonly earliestFinish: number | undefined;
  /** When the old CA expires; `undefined` once it is not listed any more. */
  readonly oldNotAfter: number | undefined;
  /** When access logs last had a client with a leaf of the old CA; `undefined` if none did. */
  readonly oldLastSeen: number | undefined;
}

/** The rotations of one trust domain: their states, and the times of one of them. */
interface TrustDomainRotation extends RotationSample {
  readonly states: ReadonlySet<RotationState>;
}

/**
 * Joins the rotations of each trust domain, because several MeshTrusts can list it. The times are those of the rotation
 * whose old CA expires the earliest, compared with its last leaf: times of several rotations cannot be compared.
 */
function byTrustDomain(samples: readonly RotationSample[]): readonly TrustDomainRotation[] {
  const groups = Map.groupBy(samples, ({ mesh, trustDomain }) => `${mesh}\0${trustDomain}`);
  return [...groups.values()].flatMap((group) => {
    const [worst] = group.toSorted((a, b) => sparedMs(a) - sparedMs(b));
    return worst === undefined ? [] : [{ ...worst, states: new Set(group.map(({ state }) => state)) }];
  });
}

/** Returns how long the old CA is valid after its last leaf. */
function sparedMs({ earliestFinish, oldNotAfter = Infinity }: RotationSample): number {
  return earliestFinish === undefined
    ? Number.MAX_VALUE
    : Math.min(oldNotAfter - earliestFinish, Number.MAX_VALUE);
}

/** Registers the metrics of rotations. They are computed at each scrape. */
export function registerRotations(
  registry: Registry,
  rotations: () => Promise<readonly RotationSample[]>,
): void {
  const labelNames = ['mesh', 'trust_domain'];
  // All gauges of one scrape show the same rotations.
  let current: Promise<readonly RotationSample[]> | undefined;
  const once = (): Promise<readonly RotationSample[]> =>
    (current ??= rotations().finally(() => {
      current = undefined;
    }));
  const register = (
    name: string,
    help: string,
    labels: readonly string[],
    samplesOf: (
      rotation: TrustDomainRotation,
    ) => readonly (readonly [labels: readonly string[], value: number])[],
  ): void => {
    const gauge = new Gauge({
      name,
      help,
      labelNames: [...labelNames, ...labels],
      registers: [registry],
      collect: async () => {
        const rotating = byTrustDomain(await once());
        gauge.reset();
        for (const rotation of rotating)
          for (const [values, value] of samplesOf(rotation))
            gauge.labels(rotation.mesh, rotation.trustDomain, ...values).set(value);
      },
    });
  };
  const timeOf = (time: number | undefined): readonly (readonly [readonly string[], number])[] =>
    time === undefined ? [] : [[[], time / 1000]];
  register(
    'meshtrust_rotation_state',
    'Rotations of CA certificates: 1 for the state of a rotation of the trust domain, and 0 for the other states.',
    ['state'],
    ({ states }) => rotationStates.map((one) => [[one], states.has(one) ? 1 : 0]),
  );
  register(
    'meshtrust_rotation_earliest_finish_timestamp_seconds',
    'Time at which no leaf of the old CA can be valid any more, in seconds since 1970; before the switch of the issuer, as if it were switched now.',
    [],
    ({ earliestFinish }) => timeOf(earliestFinish),
  );
  register(
    'meshtrust_rotation_old_expiry_timestamp_seconds',
    'Expiry of the CA that is replaced, in seconds since 1970.',
    [],
    ({ oldNotAfter }) => timeOf(oldNotAfter),
  );
  register(
    'meshtrust_rotation_old_last_seen_timestamp_seconds',
    'Time at which access logs last had a client with a leaf of the CA that is replaced, in seconds since 1970.',
    [],
    ({ oldLastSeen }) => timeOf(oldLastSeen),
  );
}
