import { readRegularFile } from '../net/read-regular-file.ts';

const podNamespaceFile = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/** Returns the namespace of this program's own objects: the given one, else that of its pod, else the fallback. */
export async function ownNamespace(told: string | undefined, otherwise: string): Promise<string> {
  if (told !== undefined) return told;
  const text = (await readRegularFile(podNamespaceFile).catch(() => '')).toString();
  return text.trim() === '' ? otherwise : text.trim();
}
