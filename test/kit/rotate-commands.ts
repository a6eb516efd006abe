import assert from 'node:assert/strict';
import type { RotationDetail } from '../../src/api/rotation-api-types.ts';
import { run } from '../cli/run.ts';
import type { Outcome } from '../cli/run.ts';
import { makeCa } from './certificates.ts';
import type { Certificate } from './certificates.ts';
import { poll } from './poll.ts';

const day = 86_400_000;

/** Leaves that expire at once: the old CA can be removed a moment after the switch. */
export const shortLeaves = '--leaf-ttl=1s';

/** The end of a CA that is replaced: the one that replaces it must not end before. */
export const endOfOld: Date = new Date(Date.now() + 100 * day);

export function makeOldCa(commonName = 'Old'): Certificate {
  return makeCa({ commonName, notAfter: endOfOld });
}

/** Returns the result of a command line, and asserts its exit code. */
export async function expectCode(code: number, outcome: Promise<Outcome>): Promise<Outcome> {
  const found = await outcome;
  assert.equal(found.code, code, found.stderr + found.stdout);
  return found;
}

/** Runs `meshtrust rotate COMMAND`. */
export type Rotate = (command: string, ...args: readonly string[]) => Promise<Outcome>;

/**
 * Returns a function that runs `meshtrust rotate` with these servers, which have just started, and these options. All
 * clocks are the same.
 */
export function rotateWith(
  servers: readonly { readonly adminPort: number }[],
  ...options: readonly string[]
): Rotate {
  const urls = servers.map(({ adminPort }) => `--server=http://127.0.0.1:${adminPort}`);
  return (command, ...args) =>
    run(['rotate', command, ...urls, '--disconnect-window=0', '--clock-skew=0', ...options, ...args]);
}

/** Returns the state of the rotation, as soon as a server has read it. */
export function rotationOf(rotate: Rotate): Promise<RotationDetail> {
  return poll('a server that knows the rotation', async () => {
    const { code, stdout, stderr } = await rotate('status', '-o', 'json');
    if (code === 1 && stderr.startsWith('error: no rotation is in progress')) return undefined;
    assert.equal(code, 0, stderr + stdout);
    return JSON.parse(stdout) as RotationDetail;
  });
}

/** Returns the ids of the gates that are shut for the next step. */
export async function shutGates(rotate: Rotate): Promise<readonly string[]> {
  const { gates } = await rotationOf(rotate);
  return gates.filter(({ open }) => !open).map(({ id }) => id);
}

/** Waits until a rotation is in a state. */
export async function untilRotation(rotate: Rotate, state: string): Promise<void> {
  await expectCode(0, rotate('wait', `--for=${state}`, '--timeout=30s'));
}
