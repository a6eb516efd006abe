import { asMapping } from '../text/json.ts';

/** Returns a copy of the spec of a MeshIdentity in which texts that may be secret are replaced. */
export function withoutSecrets(spec: unknown): unknown {
  const provider = asMapping(asMapping(spec)?.['provider']);
  if (provider === undefined) return spec;
  const bundled = asMapping(provider['bundled']);
  const ca = asMapping(bundled?.['ca']);
  const key = asMapping(ca?.['privateKey']);
  const inline = asMapping(key?.['insecureInline']);
  const extension = asMapping(provider['extension']);
  return {
    ...asMapping(spec),
    provider: {
      ...provider,
      // The presence of a key is a finding.
      bundled:
        inline === undefined
          ? provider['bundled']
          : { ...bundled, ca: { ...ca, privateKey: { ...key, insecureInline: { value: 'omitted' } } } },
      extension: extension === undefined ? provider['extension'] : { name: extension['name'] },
    },
  };
}
