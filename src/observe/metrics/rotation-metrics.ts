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
    samplesOf: (sample: RotationSample) => readonly (readonly [labels: readonly string[], value: number])[],
  ): void => {
    const gauge = new Gauge({
      name,
      help,
      labelNames: [...labelNames, ...labels],
      registers: [registry],
      collect: async () => {
        const samples = await once();
        gauge.reset();
        for (const sample of samples)
          for (const [values, value] of samplesOf(sample))
            gauge.labels(sample.mesh, sample.trustDomain, ...values).set(value);
      },
    });
  };
  const timeOf = (time: number | undefined): readonly (readonly [readonly string[], number])[] =>
    time === undefined ? [] : [[[], time / 1000]];
  register(
    'meshtrust_rotation_state',
    'Rotations of CA certificates: 1 for the state of the rotation, and 0 for the other states.',
    ['state'],
    ({ state }) => rotationStates.map((one) => [[one], one === state ? 1 : 0]),
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
