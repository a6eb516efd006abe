import type { RefusalMemory } from './refusal-memory.ts';

/**
 * What is known about a node and some bytes: `clear`: nothing; `remembered`: this node refused them on
 * another stream; `refused`: on this one; `tried`: remembered, and sent on this stream all the same, to a
 * proxy that had nothing; `tolerated`: tried, and acknowledged, which proves nothing.
 */
export type Verdict = 'clear' | 'remembered' | 'refused' | 'tried' | 'tolerated';

/** One stream's view of what its node refused. */
export interface Refusals {
  verdict(typeUrl: string, name: string, version: string, now: number): Verdict;
  note(
    verdict: 'refused' | 'tried' | 'tolerated',
    typeUrl: string,
    name: string,
    version: string,
    now: number,
  ): void;
}

/** Refusals that one stream keeps beyond the time and the size of the memory that the streams share. */
const refusalsPerStream = 1_000;

/** Joins the refusals of one stream with those that its node left in the memory. */
export function createRefusals(memory: RefusalMemory, nodeId: string): Refusals {
  let onStream: Map<string, Verdict> | undefined;
  const keyOf = (...parts: readonly string[]): string => JSON.stringify(parts);
  return {
    verdict(typeUrl, name, version, now) {
      const own = onStream?.get(keyOf(typeUrl, name, version));
      if (own !== undefined) return own;
      return memory.has(nodeId, typeUrl, name, version, now) ? 'remembered' : 'clear';
    },
    note(verdict, typeUrl, name, version, now) {
      onStream ??= new Map();
      onStream.set(keyOf(typeUrl, name, version), verdict);
      if (onStream.size > refusalsPerStream) onStream.delete(onStream.keys().next().value ?? '');
      if (verdict === 'refused') memory.remember(nodeId, typeUrl, name, version, now);
    },
  };
}
