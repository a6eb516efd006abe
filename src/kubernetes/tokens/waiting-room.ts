/** The most tokens that may wait, and their length, in characters: of all addresses, and of one. */
export interface WaitingLimits {
  readonly tokens: number;
  readonly tokensOfAddress: number;
  readonly characters: number;
  readonly charactersOfAddress: number;
}

/** Bounds the memory of waiting tokens. A client may leave long before its token has been reviewed. */
export interface WaitingRoom {
  /** Counts a token and returns true, or returns false if there is no room for it. */
  enter(address: string, characters: number): boolean;
  /** The token waits no longer. */
  leave(address: string, characters: number): void;
}

interface Count {
  tokens: number;
  characters: number;
}

/** Creates an empty room. One address cannot fill it, so that others have room beside a flood. */
export function createWaitingRoom(limits: WaitingLimits): WaitingRoom {
  const all: Count = { tokens: 0, characters: 0 };
  const addresses = new Map<string, Count>();

  function add(count: Count, tokens: number, characters: number): void {
    count.tokens += tokens;
    count.characters += characters;
  }

  return {
    enter(address, characters) {
      const own = addresses.get(address) ?? { tokens: 0, characters: 0 };
      if (all.tokens >= limits.tokens || own.tokens >= limits.tokensOfAddress) return false;
      if (all.characters + characters > limits.characters) return false;
      if (own.characters + characters > limits.charactersOfAddress) return false;
      addresses.set(address, own);
      for (const count of [all, own]) add(count, 1, characters);
      return true;
    },
    leave(address, characters) {
      const own = addresses.get(address);
      if (own === undefined) return;
      for (const count of [all, own]) add(count, -1, -characters);
      if (own.tokens === 0) addresses.delete(address);
    },
  };
}
