/** The error for an admin port that anyone could use. */
export const unprotected =
  'others could reach the admin API there: give it TLS (--admin-cert and --admin-key) and a token or client certificates (--admin-token-file, --admin-client-ca), or a loopback address; for probes and metrics alone there is --probe-listen';
