import type { SharedData } from './shared-data.ts';

/** Memory of a waiting write, and of a reference to shared data, besides the bytes. */
export const holdOverhead = 256;

/** The budget closes connections until it has this part of the limit free. */
const freedPart = 1 / 8;

/** The connection of an account. */
interface AccountOwner {
  /** The connection holds the most, and the budget is used up. Must be destroyed: its client takes nothing. */
  outputExceeded(): void;
}

/**
 * The memory for output that clients have not taken, of all connections of a server. It counts what is held: shared
 * data once, however many connections wait with it. Above the limit, the connections that hold the most are closed.
 */
export class OutputBudget {
  readonly #limit: number;
  readonly #defer: (work: () => void) => void;
  readonly #accounts = new Set<OutputAccount>();
  /** Number of references to the data that waits somewhere. */
  readonly #references = new Map<SharedData, number>();
  #isScheduled = false;
  /** Bytes that are held. */
  used = 0;
  /**
   * True if more than half of the limit is used. Connections then write in a way that holds less and costs more: so the
   * output of many honest clients, which a slow network delays, does not use up the other half.
   */
  isTight = false;

  constructor(limit: number, defer: (work: () => void) => void) {
    this.#limit = limit;
    this.#defer = defer;
  }

  /** Returns the account of a new connection. */
  open(owner: AccountOwner): OutputAccount {
    const account = new OutputAccount(this, owner);
    this.#accounts.add(account);
    return account;
  }

  // Called by accounts

  add(bytes: number): void {
    this.used += bytes;
    this.isTight = this.used * 2 > this.#limit;
    if (this.used <= this.#limit || this.#isScheduled) return;
    this.#isScheduled = true;
    // Later, because the caller is writing.
    this.#defer(() => this.#shed());
  }

  /** Adds references to data, or removes them if `count` is negative. */
  refer(data: SharedData, count: number): void {
    const before = this.#references.get(data) ?? 0;
    const now = before + count;
    if (now > 0) this.#references.set(data, now);
    else this.#references.delete(data);
    if (before === 0) this.add(data.framesLength);
    else if (now <= 0) this.add(-data.framesLength);
  }

  referencesTo(data: SharedData): number {
    return this.#references.get(data) ?? 0;
  }

  remove(account: OutputAccount): void {
    this.#accounts.delete(account);
  }

  #shed(): void {
    this.#isScheduled = false;
    // The clients may have taken it meanwhile.
    if (this.used <= this.#limit) return;
    const shares = [...this.#accounts]
      .map((account) => ({ account, share: account.share }))
      .sort((a, b) => b.share - a.share);
    for (const { account } of shares) {
      if (this.used <= this.#limit * (1 - freedPart)) return;
      account.exceeded();
    }
  }
}

/** The part of the budget that one connection uses. */
export class OutputAccount {
  readonly #budget: OutputBudget;
  readonly #owner: AccountOwner;
  /** Bytes that only this connection holds. */
  #own = 0;
  /** Number of references to shared data. */
  #shared: Map<SharedData, number> | undefined;
  #closed = false;

  constructor(budget: OutputBudget, owner: AccountOwner) {
    this.#budget = budget;
    this.#owner = owner;
  }

  /** True if connections should write in a way that holds less. */
  get isTight(): boolean {
    return this.#budget.isTight;
  }

  /** The bytes of the connection, with its part of shared data. */
  get share(): number {
    let bytes = this.#own;
    for (const [data, count] of this.#shared ?? [])
      bytes += (data.framesLength * count) / this.#budget.referencesTo(data);
    return bytes;
  }

  /** Adds bytes that only this connection holds; negative to release them. */
  holdBytes(bytes: number): void {
    if (this.#closed) return;
    this.#own += bytes;
    this.#budget.add(bytes);
  }

  /** Adds a reference to shared data. */
  hold(data: SharedData): void {
    if (this.#closed) return;
    this.holdBytes(holdOverhead);
    this.#shared ??= new Map();
    this.#shared.set(data, (this.#shared.get(data) ?? 0) + 1);
    this.#budget.refer(data, 1);
  }

  /** Releases a reference to shared data. */
  release(data: SharedData): void {
    const count = this.#shared?.get(data);
    if (count === undefined) return;
    this.holdBytes(-holdOverhead);
    if (count > 1) this.#shared?.set(data, count - 1);
    else this.#shared?.delete(data);
    this.#budget.refer(data, -1);
  }

  /** Closes the account, and its connection: it holds the most. */
  exceeded(): void {
    this.close();
    this.#owner.outputExceeded();
  }

  /** Releases everything. Later calls have no effect. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#budget.remove(this);
    for (const [data, count] of this.#shared ?? []) this.#budget.refer(data, -count);
    this.#shared = undefined;
    this.#budget.add(-this.#own);
    this.#own = 0;
  }
}
