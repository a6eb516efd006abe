import assert from 'node:assert/strict';
import { useOf } from '../../kit/process-cost.ts';

/** CPU time during an attack, in ms, and the bytes that the server read. */
export interface AttackCpu {
  /** CPU time of the server, without that of the honest work. */
  readonly serverMs: number;
  /** CPU time of the same honest work without an attack. */
  readonly honestMs: number;
  /** How many times slower the machine is than usual; at least 1. */
  readonly slowness: number;
  readonly attackerMs: number;
  readonly readMb: number;
}

interface Process {
  readonly pid: number;
}

/**
 * The server may use this multiple of the CPU time of the attacker, which uses little: most attacks repeat prepared
 * bytes. With all limits, the multiple of these is 2.5 at most; without the limit on a flood, it is 6 to 7. Tests of
 * other attacks name another multiple.
 */
const mostRatio = 4;
/**
 * CPU time in addition to that, in ms: code that V8 compiles because of the attack, garbage collection, and the steps
 * of 10 ms in which the kernel counts. A slow machine has proportionally more.
 */
const slackMs = 200;
/** CPU time of a change and a new proxy on a machine that is not slow, in ms. */
const usualRoundMs = 10;

/** Returns how many times slower the machine is than usual, from the CPU time of a change and a new proxy in ms. */
export function slownessOf(roundMs: number): number {
  return Math.max(1, roundMs / usualRoundMs);
}

/** Returns the CPU time of the server during `work`, in ms. */
export async function cpuOf(server: Process, work: () => Promise<unknown>): Promise<number> {
  const before = await useOf(server);
  await work();
  return (await useOf(server)).cpuMs - before.cpuMs;
}

/**
 * Begins to measure. `end` is called before the attacker ends, with the CPU time of the honest work meanwhile, in ms.
 */
export async function startCost(
  server: Process,
  attacker: Process,
): Promise<{ end(honestMs: number, slowness?: number): Promise<AttackCpu> }> {
  const [serverBefore, attackerBefore] = await Promise.all([useOf(server), useOf(attacker)]);
  return {
    async end(honestMs, slowness = 1) {
      const [serverAfter, attackerAfter] = await Promise.all([useOf(server), useOf(attacker)]);
      return {
        serverMs: Math.max(0, Math.round(serverAfter.cpuMs - serverBefore.cpuMs - honestMs)),
        honestMs: Math.round(honestMs),
        slowness,
        attackerMs: attackerAfter.cpuMs - attackerBefore.cpuMs,
        readMb: (serverAfter.readBytes - serverBefore.readBytes) / 1e6,
      };
    },
  };
}

/** Returns the figures for a report. */
export function describeCpu({ serverMs, honestMs, attackerMs, readMb }: AttackCpu): string {
  return (
    `CPU of the server ${serverMs} ms and ${honestMs} ms of honest work, ` +
    `of the attacker ${attackerMs} ms, read ${readMb.toFixed(1)} MB`
  );
}

/** Asserts that the attack costs the server no more than a multiple of the CPU time that it costs the attacker. */
export function assertBoundedCpu(cpu: AttackCpu, ratio: number = mostRatio): void {
  assert.ok(
    cpu.serverMs <= ratio * cpu.attackerMs + cpu.slowness * slackMs,
    `more than ${ratio} times that of the attacker: ${describeCpu(cpu)}`,
  );
}
