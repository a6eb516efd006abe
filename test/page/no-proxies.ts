import type { RolloutDetail } from '../../src/api/fleet-api-types.ts';

/** The proxies of a roll-out without any. Tests set the counts that they are about. */
export const noProxies: RolloutDetail['proxies'] = {
  connected: 0,
  synced: 0,
  pending: 0,
  stale: 0,
  refused: 0,
  reconnecting: 0,
  lost: 0,
  forgotten: 0,
};
