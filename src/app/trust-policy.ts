import type { BundlePolicy } from '../trust/bundle/trust-bundle.ts';
import { distrustedBy, distrustFindings } from '../trust/policy/distrust.ts';
import type { DistrustState } from '../trust/policy/distrust.ts';
import type { Logger } from '../observe/log/log.ts';
import type { Pipeline } from '../runtime/pipeline.ts';
import type { ServeOptions } from '../runtime/serve-options.ts';
import { followDistrustFile } from '../runtime/state/distrust-file.ts';

/** The policy for bundles: it changes with the distrust list. */
export interface TrustPolicy extends Disposable {
  readonly current: () => BundlePolicy;
  /** Reads the distrust list, if there is one, and gives each new state of it to the pipeline. */
  follow(pipeline: Pick<Pipeline, 'setPolicy' | 'setFindings'>, log: Logger): Promise<void>;
}

/** Creates the policy of the options, with nothing distrusted before `follow`. */
export function createTrustPolicy({
  refuseIntermediates = false,
  distrust: file,
}: Pick<ServeOptions, 'refuseIntermediates' | 'distrust'>): TrustPolicy {
  const policyOf = (hashes: ReadonlySet<string>): BundlePolicy => ({
    distrusted: distrustedBy(hashes),
    refuseIntermediates,
  });
  let policy = policyOf(new Set());
  const stack = new DisposableStack();
  return {
    current: () => policy,
    async follow(pipeline, log) {
      if (file === undefined) return;
      const apply = (list: DistrustState): void => {
        policy = policyOf(list.hashes);
        pipeline.setPolicy(policy);
        pipeline.setFindings('distrust', (meshes) => distrustFindings(file, list, meshes));
      };
      const list = await followDistrustFile(file, log, apply);
      stack.defer(() => list.close());
      apply(list.state);
    },
    [Symbol.dispose]: () => stack.dispose(),
  };
}
