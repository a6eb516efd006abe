import type { Versioned } from './content-version.ts';
import type { Resource } from './resource.ts';

/**
 * Why a name is looked at: `change`: what it stands for may be another now; `restore`: its last response was
 * refused; `answer`: the client asked for it, which is answered whatever it holds.
 */
export type Due = 'nothing' | 'change' | 'restore' | 'answer';

/** What one stream knows of one name. */
export interface Item {
  due: Due;
  /** The version that the client said it holds, until that is compared. */
  quoted: string | undefined;
  /** What the client holds if it accepts what is in flight; an empty version: something, unknown what. */
  held: Versioned | undefined;
  /** The last resource that the client acknowledged, to go back to. */
  accepted: Resource | undefined;
  /** True if the acknowledgement of `accepted` proves nothing. */
  doubtful: boolean;
  /** Versions that the client refused since it last acknowledged a new one; `undefined` for none. */
  refused: Set<string> | undefined;
  /** Nonce of the last response with this name, while unanswered. */
  inFlight: string | undefined;
  /** When that went out, in ms. */
  sentAt: number;
}

/** Makes the state of a name of which nothing is known yet. */
export function newItem(): Item {
  return {
    due: 'nothing',
    quoted: undefined,
    held: undefined,
    accepted: undefined,
    doubtful: false,
    refused: undefined,
    inFlight: undefined,
    sentAt: 0,
  };
}

/** The client said that it holds a version. */
export function quoteItem(item: Item, name: string, version: string): void {
  item.quoted = version;
  item.held = { name, version };
}

/** Refused versions kept of a name; what is forgotten is sent once more at most. */
const mostRefused = 16;

/** The client refused a version. If that is what it was sent back to, there is nothing to go back to. */
export function noteRefused(item: Item, version: string): void {
  item.refused ??= new Set();
  item.refused.add(version);
  if (item.refused.size > mostRefused) item.refused.delete(item.refused.values().next().value ?? '');
  if (item.accepted?.version === version) item.accepted = undefined;
}
