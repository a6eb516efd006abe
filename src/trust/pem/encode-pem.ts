const columns = 64;

/** Encodes a certificate as canonical PEM (RFC 7468, `stricttextualmsg`): 64 columns, LF, a line feed at the end. */
export function encodePem(der: Uint8Array): string {
  const text = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  let lines = '';
  for (let at = 0; at < text.length; at += columns) lines += `${text.slice(at, at + columns)}\n`;
  return `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`;
}
