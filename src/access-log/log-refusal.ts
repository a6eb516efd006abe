/** Why a stream of an access log is ended, or not begun. The metric `meshtrust_access_log_refusals_total` has these. */
export const logRefusals = ['too-many', 'malformed', 'too-long', 'no-identifier', 'denied'] as const;

export type LogRefusal = (typeof logRefusals)[number];
