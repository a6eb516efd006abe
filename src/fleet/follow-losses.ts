import { assessGone, heldVersion } from './assess.ts';
import type { FleetLook } from './fleet.ts';
import type { GoneRecord } from './records.ts';
import type { ServedHistory } from './served-history.ts';

/** Lost proxies of a mesh. Each is reported once as `lost`, and once as `expired` if the server gives it up. */
export interface Loss {
  readonly mesh: string;
  readonly kind: 'lost' | 'expired';
  readonly proxies: readonly LostProxy[];
  /**
   * The number of further lost proxies that are not kept by name. They may be of any mesh, may have been reported by
   * name before, and may have returned. If it is above 0, `proxies` is empty.
   */
  readonly unlisted: number;
}

interface LostProxy {
  readonly record: GoneRecord;
  /** The newest version of the mesh that the proxy has; `undefined` if the history does not contain it. */
  readonly version: string | undefined;
}

/** Tracks the lost proxies of the roll-outs in progress. */
export interface LossFollower {
  /** Compares the proxies with those of the previous call, and reports changes. `now`: epoch milliseconds. */
  see(
    mesh: string,
    look: Pick<FleetLook, 'connected' | 'gone' | 'complete' | 'forgotten'>,
    now: number,
  ): void;
  /** Ends a roll-out. Returns the number of proxies that it gave up. */
  end(mesh: string): number;
}

interface MeshLosses {
  /** By `keyOf`. */
  readonly lost: Map<string, LostProxy>;
  /** The number of reported proxies without names that are not given up. */
  unlisted: number;
  gaveUp: number;
}

/** Creates a tracker without lost proxies. It keeps at most the proxies of the last look. */
export function followLosses(history: ServedHistory, onLoss: (loss: Loss) => void): LossFollower {
  const meshes = new Map<string, MeshLosses>();

  function lossesOf(mesh: string): MeshLosses {
    let losses = meshes.get(mesh);
    if (losses === undefined) meshes.set(mesh, (losses = { lost: new Map(), unlisted: 0, gaveUp: 0 }));
    return losses;
  }

  /** A number falls once the proxies are given up. Not in an incomplete look, which lacks those of a worker. */
  function countUnlisted(mesh: string, losses: MeshLosses, forgotten: number, complete: boolean): void {
    const change = forgotten - losses.unlisted;
    if (change === 0 || (change < 0 && !complete)) return;
    losses.unlisted = forgotten;
    if (change < 0) losses.gaveUp -= change;
    onLoss({ mesh, kind: change > 0 ? 'lost' : 'expired', proxies: [], unlisted: Math.abs(change) });
  }

  return {
    see(mesh, { connected, gone, complete, forgotten }, now) {
      const losses = lossesOf(mesh);
      countUnlisted(mesh, losses, forgotten, complete);
      const fresh: LostProxy[] = [];
      const seen = new Set<string>();
      for (const record of gone) {
        if (record.mesh !== mesh || assessGone(record, history, now)?.state !== 'lost') continue;
        const key = keyOf(record);
        seen.add(key);
        if (losses.lost.has(key)) continue;
        const proxy = { record, version: heldVersion(record, history)?.version };
        losses.lost.set(key, proxy);
        fresh.push(proxy);
      }
      if (fresh.length > 0) onLoss({ mesh, kind: 'lost', proxies: fresh, unlisted: 0 });
      if (losses.lost.size === 0) return;
      const connectedNodes = new Set<string>();
      for (const { node, mesh: other } of connected) if (other === mesh) connectedNodes.add(node);
      const expired: LostProxy[] = [];
      for (const [key, proxy] of losses.lost) {
        if (seen.has(key)) continue;
        const { node } = proxy.record;
        // The return of a proxy without a node id cannot be recognised.
        const isBack = node !== '' && connectedNodes.has(node);
        const isOver = now >= proxy.record.countedUntil;
        if (!isBack && isOver) expired.push(proxy);
        // A proxy is also no longer lost if another server has it, or if its version is served again. If a look is
        // incomplete, a worker did not answer, so nothing is known about its proxies.
        if (isBack || isOver || complete) losses.lost.delete(key);
      }
      losses.gaveUp += expired.length;
      if (expired.length > 0) onLoss({ mesh, kind: 'expired', proxies: expired, unlisted: 0 });
    },
    end(mesh) {
      const gaveUp = meshes.get(mesh)?.gaveUp ?? 0;
      meshes.delete(mesh);
      return gaveUp;
    },
  };
}

/** Returns a key of a loss. A proxy without a node id is a single stream: several may be lost in one moment. */
function keyOf({ node, goneAt, address, streams }: GoneRecord): string {
  if (node !== '') return JSON.stringify([node, goneAt]);
  const [stream] = streams;
  return JSON.stringify(['', goneAt, address, stream?.info.id]);
}
