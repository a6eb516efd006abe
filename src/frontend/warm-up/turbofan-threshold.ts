import { setFlagsFromString } from 'node:v8';

/**
 * V8 compiles a function with Maglev after 400 calls, and with TurboFan, its slowest compiler with the fastest code,
 * after this number. `usual` is the default of V8. V8 multiplies the number by the bytes of a function's bytecode, in
 * 32 bits: `late` is right for functions of up to 10,000 bytes. The longest that a server runs has 6,000. Measured in
 * docs/adr/0030-own-transport.md.
 */
const calls = { soon: 1_000, usual: 3_000, late: 200_000 } as const;

/** When V8 compiles functions with TurboFan. */
export type TurboFanThreshold = keyof typeof calls;

/**
 * Sets when V8 compiles functions with TurboFan, in all threads of the process. Applies to functions that V8 compiles
 * with Maglev after this call. Earlier ones keep their count.
 */
export function setTurboFanThreshold(threshold: TurboFanThreshold): void {
  setFlagsFromString(`--invocation-count-for-turbofan=${calls[threshold]}`);
}
