import type { Finding } from '../trust/findings/finding.ts';
import { nextExpiryChange } from '../trust/snapshot/expiry.ts';
import type { BundlePolicy } from '../trust/bundle/trust-bundle.ts';
import type { EventsBySource, IdentityStage, IdentityView } from '../trust/identity/identity-stage.ts';
import { createPublicationCheck } from '../trust/identity/publication-check.ts';
import { supersededSource } from '../trust/identity/superseded.ts';
import type { ImportStage } from '../trust/imports/import-stage.ts';
import type { Grant } from '../trust/ledger/entry.ts';
import type { HoldSelection, Ledger, LedgerEvent, LedgerView } from '../trust/ledger/ledger.ts';
import { ReadinessState } from '../trust/ledger/readiness.ts';
import type { Identity } from '../trust/model/mesh-trust.ts';
import type { ParseOptions } from '../trust/model/parse-file.ts';
import { diffMeshes } from '../trust/snapshot/diff.ts';
import type { MeshBuilder, MeshStates } from '../trust/snapshot/mesh-builder.ts';
import type { SourceEvent } from '../trust/source.ts';
import type { StateEvent, StateView } from './state-view.ts';
import { createBuildTimer } from './build-timer.ts';
import type { DueTimes } from './build-timer.ts';
import { createChangeAccount } from './change-account.ts';
import type { Clock } from './clock.ts';
import { createCurrentFindings } from './finding-changes.ts';
import { createForcedSteps } from './forced-steps.ts';
import { createParseQueue } from './parse-queue.ts';
import { createTrustStages } from './trust-stages.ts';
import { mayWithdraw } from './withdrawals.ts';

/** The events of the pipeline. */
export type PipelineEvent = StateEvent;

type PipelineObserver = (event: PipelineEvent) => void;

export interface PipelineView extends StateView {
  readonly ledger: LedgerView;
}

export interface PipelineOptions {
  readonly ledger: Ledger;
  readonly builder: MeshBuilder;
  readonly parse: ParseOptions | ((source: string) => ParseOptions);
  /** Called with each text on which the parser throws an error. That is a defect. */
  readonly parseFailed?: ((source: string, path: string, error: unknown) => void) | undefined;
  /** Derives MeshTrusts of MeshIdentities; `undefined` if these are not read. */
  readonly identities?: IdentityStage | undefined;
  /** Decides about MeshTrusts of the Global control plane; `undefined` if these are not read. */
  readonly imports?: ImportStage | undefined;
  /** The names of sources that readiness does not wait for once they have failed. */
  readonly optional?: ReadonlySet<string> | undefined;
  readonly guardHoldMs: number;
  readonly clock: Clock;
}

/** Receives the parsed events of a source, after the stages before the ledger and before the ledger. */
type InputObserver = (source: string, events: readonly LedgerEvent[]) => void;

export interface Pipeline {
  /** Calls the observer with the events of all sources from now on. */
  observeInput(observer: InputObserver): void;
  /** Calls the observer with each event from now on, after the observers that subscribed before it. */
  subscribe(observer: PipelineObserver): void;
  /** Accepts a batch of a source's events. Batches within the pace of building are one step. */
  deliver(source: string, events: readonly SourceEvent[]): void;
  /** Accepts resources that an earlier run kept, before their source is read. */
  restore(source: string, events: readonly Extract<LedgerEvent, { kind: 'restored' }>[]): void;
  /** Applies another policy. */
  setPolicy(policy: BundlePolicy): void;
  /** Replaces the findings about a subject that is no source. `findingsOf` is called at each build. */
  setFindings(subject: string, findingsOf: (meshes: MeshStates) => readonly Finding[]): void;
  /** Ends the selected holds of the mass-loss guard, by default all, and returns the trust domains that were held. */
  releaseGuard(selection?: HoldSelection): LedgerView['held'];
  /** Returns the MeshIdentities with what follows from them; `undefined` if they are not read. */
  identities(): readonly IdentityView[] | undefined;
  /**
   * Withdraws the CA certificates that a MeshIdentity, by default any, no longer has. Returns how many there were;
   * `undefined` if MeshIdentities are not read.
   */
  releaseSuperseded(identity?: Identity): number | undefined;
  /** Returns the current holds, after all delivered batches. The view has those of the last build. */
  held(): LedgerView['held'];
  view(): PipelineView;
  /** Returns true if the view includes all delivered batches. */
  isCurrent(): boolean;
  /** Returns what a path gives now, to be kept as its last good state. */
  grantsOf(source: string, path: string): readonly Grant[];
  close(): void;
}

/** Connects the stages from source events to served meshes, and decides when they run. */
export function createPipeline(options: PipelineOptions): Pipeline {
  const { ledger, builder, parse, identities, imports, optional, guardHoldMs, clock } = options;
  const stages = createTrustStages(identities, imports);
  const publication = identities && createPublicationCheck();
  const observers: PipelineObserver[] = [];
  const inputObservers: InputObserver[] = [];
  const queued = new Map<string, LedgerEvent[]>();
  const account = createChangeAccount(clock);
  const timer = createBuildTimer(clock, run);
  const findings = createCurrentFindings();
  const readiness = new ReadinessState({ optional, holdMs: guardHoldMs });
  const forcedSteps = createForcedSteps();
  let ledgerView = ledger.view();
  let meshes: MeshStates = new Map();
  let hasServed = false;
  /** True if resources have changed since the last event `served` or `updated`. */
  let isUpdated = false;

  const observe = (event: PipelineEvent): void => {
    if (event.kind === 'granted') isUpdated = true;
    if (event.kind === 'served' || event.kind === 'updated') isUpdated = false;
    for (const observer of observers) observer(event);
  };

  const parsing = createParseQueue({
    parse,
    clock,
    failed: options.parseFailed,
    withdraws: (source, events) =>
      mayWithdraw(events, queued.get(source) ?? [], (path) => ledger.entryOf(source, path)),
    parsed(source, events, paths, startedAt) {
      const queue = queued.get(source) ?? [];
      queued.set(source, queue);
      for (const event of events) queue.push(event);
      account.parsed(paths, startedAt);
      timer.request();
    },
  });

  const applyAll = (all: EventsBySource): void => {
    for (const [source, events] of all) {
      const paths = ledger.apply(source, events, clock.monotonic());
      if (paths.length > 0) observe({ kind: 'granted', source, paths });
    }
  };

  /** The cost of a step grows with the number of files, so a burst of events must be one step. */
  const takeQueued = (): void => {
    for (const [source, events] of queued) {
      queued.delete(source);
      const staged = stages.apply(source, events, clock.wall());
      for (const observer of inputObservers) observer(source, events);
      applyAll(staged);
    }
    applyAll(stages.tick(clock.wall()));
  };

  function run(): void {
    const { startedAt, since } = timer.begin();
    takeQueued();
    if (ledgerView.deadline !== undefined && ledgerView.deadline <= startedAt) ledger.tick(startedAt);
    ledgerView = ledger.view();
    publication?.update(identities?.view() ?? [], ledgerView.holdings, clock.wall());
    if (readiness.update(ledgerView.sources, clock.monotonic()))
      observe({ kind: 'readiness', readiness: readiness.current });
    if (readiness.current.kind === 'ready') {
      const before = meshes;
      meshes = builder.build(ledgerView.holdings, clock.wall());
      const changes = diffMeshes(before, meshes);
      const work = account.built(startedAt);
      if (changes.length > 0 || !hasServed) observe({ kind: 'served', states: meshes, changes, since, work });
      hasServed = true;
    }
    if (isUpdated) observe({ kind: 'updated', states: meshes });
    const rotations = forcedSteps.update(ledgerView.rotating);
    if (rotations.length > 0) observe({ kind: 'forced', rotations });
    const { appeared, resolved } = findings.update(ledgerView.findings, meshes, clock.wall());
    if (appeared.length + resolved.length > 0) observe({ kind: 'findings', appeared, resolved });
    timer.sleep(dueTimes());
  }

  const dueTimes = (): DueTimes => {
    const wall = clock.wall();
    const { current } = readiness;
    const domains = [...meshes.values()].flatMap(({ bundle }) => bundle.bundles);
    return {
      deadlines: [ledgerView.deadline, current.kind === 'doubtful' ? current.until : undefined],
      dates: [
        builder.nextChange(),
        stages.nextEnd(),
        publication?.nextDue(),
        ...domains.map((domain) => nextExpiryChange(domain, wall)),
      ],
    };
  };

  if (publication !== undefined) findings.set('publication', () => publication.findings());
  if (imports !== undefined) findings.set('imports', (states) => imports.findings(states));
  // Superseded CA certificates come from no input, so there is nothing to wait for.
  if (identities !== undefined) queued.set(supersededSource, [{ kind: 'synced' }]);

  // One object, which always shows the current state.
  const view: PipelineView = {
    get readiness() {
      return readiness.current;
    },
    get ledger() {
      return ledgerView;
    },
    get meshes() {
      return meshes;
    },
    get findings() {
      return findings.sorted();
    },
  };

  return {
    subscribe: (observer) => void observers.push(observer),
    observeInput: (observer) => void inputObservers.push(observer),
    deliver: (source, events) => parsing.add(source, events),
    restore(source, events) {
      const staged = stages.apply(source, events, clock.wall());
      for (const observer of inputObservers) observer(source, events);
      for (const [to, ofSource] of staged) ledger.apply(to, ofSource, clock.monotonic());
      timer.request();
    },
    setPolicy(policy) {
      builder.setPolicy(policy);
      timer.request();
    },
    setFindings(subject, findingsOf) {
      findings.set(subject, findingsOf);
      timer.request();
    },
    releaseGuard(selection) {
      takeQueued();
      const held = ledger.release(selection);
      timer.request();
      return held;
    },
    identities: () => identities?.view(),
    releaseSuperseded(identity) {
      if (identities === undefined) return undefined;
      takeQueued();
      const { events, released } = identities.release(identity);
      applyAll(events);
      timer.request();
      return released;
    },
    held: () => {
      takeQueued();
      return ledger.held();
    },
    view: () => view,
    isCurrent: () => !timer.isRequested && !parsing.isBusy,
    grantsOf: (source, path) => ledger.grantsOf(source, path),
    close() {
      parsing.close();
      timer.close();
    },
  };
}
