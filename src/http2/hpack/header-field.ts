/** Size of a field in addition to its name and value, in octets (RFC 7541, section 4.1). */
const fieldOverhead = 32;

/** Connection-specific fields, which HTTP/2 does not allow (RFC 9113, section 8.2.2). */
export const connectionSpecific: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** A header field. It is immutable, so that connections can share it. Text is Latin-1: one character per octet. */
export class HeaderField {
  readonly name: string;
  readonly value: string;
  /** Size in a header list or a dynamic table (RFC 7541, section 4.1). */
  readonly size: number;
  readonly isPseudo: boolean;
  /**
   * True if RFC 9113 allows the field in a request. The name has lower-case token characters. The value has no NUL, CR
   * or LF, and no white space at its ends (8.2.1). The field is not connection-specific; `te` is `trailers` (8.2.2).
   */
  readonly isValid: boolean;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.size = name.length + value.length + fieldOverhead;
    this.isPseudo = name.startsWith(':');
    this.isValid = isValidName(this.isPseudo ? name.slice(1) : name) && isValidValue(name, value);
  }
}

function isValidName(name: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name) && !connectionSpecific.has(name);
}

function isValidValue(name: string, value: string): boolean {
  if (name === 'te' && value !== 'trailers') return false;
  return !/[\0\r\n]|^[ \t]|[ \t]$/.test(value);
}
