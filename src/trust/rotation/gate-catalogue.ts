/** The steps of a rotation that have gates. `settle` is the end: all proxies have acknowledged the removal. */
export type RotationStep = 'start' | 'switch' | 'finish' | 'abort' | 'settle';

/**
 * Every gate, by its stable id and code. Scripts and docs/rotation.md refer to both, so neither is reused or changed.
 */
export const gateCatalogue = {
  R01: 'server-unreachable',
  R02: 'not-ready',
  R03: 'replicas-differ',
  R10: 'old-not-listed',
  R11: 'new-already-listed',
  R12: 'same-key',
  R13: 'new-not-usable',
  R14: 'new-not-yet-valid',
  R15: 'new-expires-first',
  R16: 'needs-issuer',
  R17: 'rotation-in-progress',
  R18: 'ca-names-over-limit',
  R20: 'proxies-behind',
  R21: 'proxies-refused',
  R22: 'fleet-incomplete',
  R23: 'too-few-proxies',
  R24: 'recently-disconnected',
  R25: 'acks-unauthenticated',
  R30: 'consumers-behind',
  R40: 'not-switched',
  R41: 'leaves-may-live',
  R42: 'old-issuer-seen',
  R43: 'no-leaf-ttl',
  R44: 'switch-too-early',
  R45: 'leaf-ttl-shorter',
  R50: 'guard-hold',
  R51: 'would-empty-domain',
  R52: 'promotes-intermediate',
  R53: 'listed-elsewhere',
  R54: 'owned-by',
  R55: 'conflict',
  R60: 'already-switched',
  R61: 'new-leaves-may-live',
} as const;

export type GateId = keyof typeof gateCatalogue;
export type GateCode = (typeof gateCatalogue)[GateId];

/** One condition of a step. `detail` says what was found, whether the gate is open or not. */
export interface Gate {
  readonly id: GateId;
  readonly code: GateCode;
  readonly open: boolean;
  readonly detail: string;
}

/** Returns the id of a gate from its id or code; `undefined` for another text. */
export function parseGate(text: string): GateId | undefined {
  const found = Object.entries(gateCatalogue).find(([id, code]) => id === text || code === text);
  return found?.[0] as GateId | undefined;
}

/**
 * Gates that cannot be forced: without the old CA, or with a new CA that is unusable or is listed already, the step has
 * nothing to change, and a conflict means that the change was made for another version of the resource.
 */
export const neverForced: ReadonlySet<GateId> = new Set(['R10', 'R11', 'R13', 'R17', 'R55', 'R60']);

/** Returns a gate. */
export function gate(id: GateId, open: boolean, detail: string): Gate {
  return { id, code: gateCatalogue[id], open, detail };
}
