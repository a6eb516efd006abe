import { readRegularFile } from '../net/read-regular-file.ts';

const podNamespaceFile = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/** Where this program keeps its own objects: where it was told to, else in the namespace of its pod, else in another. */
export async function ownNamespace(told: string | undefined, otherwise: string): Promise<string> {
  if (told !== undefined) return told;
  const text = (await readRegularFile(podNamespaceFile).catch(() => '')).toString();
  return text.trim() === '' ? otherwise : text.trim();
}
