import { setFlagsFromString } from 'node:v8';

/**
 * The number of calls after which V8 compiles a function with TurboFan, its slowest compiler with the fastest code. Before,
 * a function has the code of Maglev, after 400 calls. `usual` is the default of V8. Measured in docs/adr/0030-own-transport.md.
 */
const callsUntilTurboFan = { soon: 1_000, usual: 3_000, late: 1_000_000 } as const;

/** A time at which V8 optimizes. */
export type Optimization = keyof typeof callsUntilTurboFan;

/**
 * Decides when V8 optimizes functions from now on: those that it compiles with Maglev later, because it counts down from the
 * number of calls that was in force at that time. Applies to all threads of the process.
 */
export function optimize(when: Optimization): void {
  setFlagsFromString(`--invocation-count-for-turbofan=${callsUntilTurboFan[when]}`);
}
