import { asMapping } from '../../text/json.ts';
import { annotationsPath } from '../model/read-rotation.ts';
import { readYaml } from '../model/read-yaml.ts';
import type { Path } from '../model/read-yaml.ts';
import { splitDocuments } from '../model/split-documents.ts';
import { rotationKeyNames } from '../rotation-keys.ts';

type Mapping = Readonly<Record<string, unknown>>;

/**
 * Returns the values of all documents of a text as one string, without what edits of a rotation change in one resource:
 * its list of CA certificates and its annotations of a rotation. An alias may have the same value in another place,
 * where it is not left out. Returns `undefined` if the text cannot be read.
 */
export function restOfText(
  text: string,
  { document, path }: { readonly document: number; readonly path: Path },
): string | undefined {
  const values: unknown[] = [];
  for (const part of splitDocuments(text, text.length)) {
    const reading = readYaml(part.text, part.line);
    if (reading.kind === 'failed') return undefined;
    values.push(...reading.documents.map(({ value }) => value));
  }
  const rest = values.map((value, index) =>
    index === document ? changed(value, path, restOfResource) : value,
  );
  return JSON.stringify(rest, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

function restOfResource(value: unknown): unknown {
  const form = asMapping(value)?.['kind'] === undefined ? 'universal' : 'kubernetes';
  const withoutList = changed(value, ['spec'], (spec) => omit(spec, ['caBundles']));
  return changed(withoutList, annotationsPath(form).slice(0, -1), (holder) => {
    const annotations = omit(asMapping(holder)?.['annotations'], rotationKeyNames);
    const isEmpty = annotations == null || Object.keys(annotations).length === 0;
    return isEmpty ? omit(holder, ['annotations']) : { ...asMapping(holder), annotations };
  });
}

/** Returns a value with another one at a path. Values on the way are copied, since aliases may share them. */
function changed(value: unknown, [part, ...rest]: Path, change: (value: unknown) => unknown): unknown {
  if (part === undefined) return change(value);
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (index === part ? changed(item, rest, change) : item));
  const mapping = asMapping(value);
  return mapping?.[part] === undefined ? value : { ...mapping, [part]: changed(mapping[part], rest, change) };
}

function omit(value: unknown, keys: readonly string[]): unknown {
  const mapping: Mapping | undefined = asMapping(value);
  return mapping && Object.fromEntries(Object.entries(mapping).filter(([key]) => !keys.includes(key)));
}
