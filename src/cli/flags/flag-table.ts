/** The forms, descriptions and defaults of all flags: the commands, the environment and docs/flags.md use them. */
type Flags = Readonly<Record<string, readonly [flag: string, description: string, fallback?: string]>>;

/**
 * Flags of `serve`, and those by which commands reach a server. `MESHTRUST_<FLAG>` sets what the command line omits.
 */
export const flagsWithVariable = {
  dir: ['--dir <path...>', 'directories or files of MeshTrusts (YAML or JSON) to watch'],
  kubernetes: ['--kubernetes', 'read the resources of a Kubernetes cluster'],
  kubeNamespace: ['--kube-namespace <name>', 'namespace to read', 'kuma-system'],
  kubeAllNamespaces: ['--kube-all-namespaces', 'read all namespaces'],
  kubeconfig: [
    '--kubeconfig <file>',
    'kubeconfig of the cluster; default: KUBECONFIG, the service account of the pod, or ~/.kube/config',
  ],
  kubeStatus: ['--no-kube-status', 'do not write status, Events or Leases to the cluster'],
  kubeLease: [
    '--kube-lease <name>',
    'Lease by which replicas elect the one that writes status and Events',
    'meshtrust',
  ],
  kubeLeaseNamespace: [
    '--kube-lease-namespace <name>',
    'namespace of the Lease; default: the namespace of the pod, or --kube-namespace',
  ],
  webhookListen: [
    '--webhook-listen <address>',
    'address of the admission webhook (HTTPS): HOST:PORT, such as 0.0.0.0:8443; no webhook by default',
  ],
  webhookCert: ['--webhook-cert <file>', 'certificate chain of the webhook (PEM)'],
  webhookKey: ['--webhook-key <file>', 'private key of the webhook (PEM)'],
  webhookSecret: [
    '--webhook-secret <name>',
    'Secret in which replicas keep a webhook certificate that they issue themselves, instead of files; it must exist, in the namespace of the Lease',
  ],
  webhookConfiguration: [
    '--webhook-configuration <name>',
    'ValidatingWebhookConfiguration into which replicas write the CA of --webhook-secret',
    'meshtrust',
  ],
  bundleListen: [
    '--bundle-listen <address>',
    'address of the SPIFFE bundle endpoint (HTTPS): HOST:PORT, such as 0.0.0.0:8444; no endpoint by default',
  ],
  bundleProfile: [
    '--bundle-profile <profile>',
    'SPIFFE profile of the endpoint: web (a certificate with a host name) or spiffe (an X509-SVID)',
    'web',
  ],
  bundleCert: ['--bundle-cert <file>', 'certificate chain of the bundle endpoint (PEM)'],
  bundleKey: ['--bundle-key <file>', 'private key of the bundle endpoint (PEM)'],
  bundleServe: [
    '--bundle-serve <names>',
    'what the endpoint publishes: MESH/TRUST-DOMAIN, or MESH/* for all that MeshTrusts and MeshIdentities of this server list; repeat it for more',
  ],
  bundleRefreshHint: [
    '--bundle-refresh-hint <duration>',
    'time after which consumers should fetch a bundle again, from 60s to 24h',
    '5m',
  ],
  bundleRate: [
    '--bundle-rate <number>',
    'responses of the endpoint per second; beyond it, an address has one per second, and other requests get status 429',
    '50',
  ],
  xdsListen: ['--xds-listen <address>', 'address for proxies: HOST:PORT or unix:PATH', '127.0.0.1:5678'],
  accessLogListen: [
    '--access-log-listen <address>',
    'address for the access logs of Envoys (gRPC), as evidence for rotations: HOST:PORT or unix:PATH; none by default',
  ],
  adminListen: [
    '--admin-listen <address>',
    'address for health, metrics, the admin API and the page: HOST:PORT or unix:PATH',
    '127.0.0.1:5680',
  ],
  adminCert: [
    '--admin-cert <file>',
    'certificate chain of the admin API (PEM); required unless it listens on loopback',
  ],
  adminKey: ['--admin-key <file>', 'private key of the admin API (PEM)'],
  adminClientCa: [
    '--admin-client-ca <file>',
    'CA certificates (PEM); clients with a certificate from one of them may use the admin API',
  ],
  adminTokenFile: [
    '--admin-token-file <file>',
    'file of tokens, one per line; clients that send one may use the admin API',
  ],
  probeListen: [
    '--probe-listen <address>',
    'another address that serves only /healthz, /readyz and /metrics',
  ],
  defaultMesh: ['--default-mesh <name>', 'mesh of resources and proxies that do not name one', 'default'],
  identities: [
    '--identities',
    'also trust the CA certificates of MeshIdentities, as Kuma does, without their MeshTrusts',
  ],
  zone: ['--zone <name>', 'the zone of this server: of MeshIdentities without the label kuma.io/zone'],
  zones: [
    '--zones <names>',
    'zones, separated by commas, in which a MeshIdentity without that label has a trust domain each',
  ],
  identityLinger: [
    '--identity-linger <time>',
    'how long a CA that a MeshIdentity no longer has stays trusted: auto (while leaves of it can be valid), forever, or a duration',
    'auto',
  ],
  federation: [
    '--federation',
    'also trust the bundles that ClusterFederatedTrustDomains name, fetched from their endpoints',
  ],
  federationClass: ['--federation-class <name>', 'read the ClusterFederatedTrustDomains of this class'],
  federationClassless: [
    '--no-federation-classless',
    'do not read the ClusterFederatedTrustDomains without a class',
  ],
  federationWebCa: [
    '--federation-web-ca <file>',
    'CA certificates (PEM) that endpoints with the profile https_web may have, beside those that Node.js trusts',
  ],
  federationDenyPrivate: [
    '--federation-deny-private',
    'do not connect to endpoints with loopback, link-local or private addresses',
  ],
  federationMinInterval: [
    '--federation-min-interval <duration>',
    'shortest time between two fetches of a bundle',
    '30s',
  ],
  federationMaxInterval: [
    '--federation-max-interval <duration>',
    'longest time between two fetches of a bundle',
    '15m',
  ],
  federationMaxAge: [
    '--federation-max-age <duration>',
    'withdraw a bundle whose last successful fetch is older, such as 72h; 0 for never',
    '0',
  ],
  identityRoot: [
    '--identity-root <path>',
    'folder below which MeshIdentities may name files with CA certificates; without it, no such file is read',
  ],
  identitySecret: [
    '--identity-secret <namespace/name>',
    'Secret of the cluster with the CA certificate of a MeshIdentity; repeat it, or separate them with commas',
  ],
  importKubeconfig: [
    '--import-kubeconfig <file>',
    "kubeconfig of the Global control plane's cluster, to import the MeshTrusts of all zones; needs --zone",
  ],
  importContext: ['--import-context <name>', 'context of --import-kubeconfig; default: its current context'],
  importNamespace: ['--import-namespace <name>', 'namespace of the Global control plane', 'kuma-system'],
  importUrl: [
    '--import-url <url>',
    'REST API of the Global control plane, instead of --import-kubeconfig, such as https://global.example:5682; needs --zone',
  ],
  importTokenFile: ['--import-token-file <file>', 'file with a user token for --import-url'],
  importCa: ['--import-ca <file>', 'CA certificates that verify the certificate of --import-url (PEM)'],
  importTrustDomain: [
    '--import-trust-domain <zone=name>',
    'trust domain for which a zone may vouch, besides those that the MeshIdentities of the Global control plane give it; repeat it, or separate them with commas',
  ],
  rootTrustDomain: ['--root-trust-domain <name>', 'trust domain of the secret ROOTCA'],
  refuseIntermediates: [
    '--refuse-intermediates',
    'refuse an intermediate whose issuer is not listed, instead of serving it as a trust anchor',
  ],
  distrust: [
    '--distrust <file>',
    'file of SHA-256 hashes of certificates or public keys that are never served',
  ],
  stateDir: [
    '--state-dir <path>',
    'directory that keeps the last good resources, which a restarted server serves until its sources are read',
  ],
  guardHold: [
    '--guard-hold <duration>',
    'time for which a mass loss of trust is held back; 0 disables the guard',
    '30s',
  ],
  drainGrace: ['--drain-grace <duration>', 'time for which streams continue after SIGTERM', '5s'],
  tlsCert: ['--tls-cert <file>', 'certificate chain of the xDS listener (PEM)'],
  tlsKey: ['--tls-key <file>', 'private key of the xDS listener (PEM)'],
  tlsClientCa: [
    '--tls-client-ca <file>',
    'CA certificates (PEM) that verify the client certificates of proxies',
  ],
  tlsClientTrust: [
    '--tls-client-trust <mesh>',
    'mesh whose served trust verifies the certificates of proxies, instead of --tls-client-ca',
  ],
  xdsAuth: [
    '--xds-auth <methods>',
    'how proxies authenticate: mtls, token or none, or several separated by commas, of which any suffices; required unless --xds-listen is loopback. Default: mtls with --tls-client-ca or --tls-client-trust, else none',
  ],
  xdsTokenAudience: [
    '--xds-token-audience <name>',
    'audience of the service account tokens of proxies, for --xds-auth token',
    'meshtrust',
  ],
  xdsTokenIssuer: [
    '--xds-token-issuer <issuer>',
    'issuer of tokens that the API server accepts although none of its published keys has signed them, such as https://issuer.test; their reviews have a budget. None by default',
  ],
  xdsTokenCache: [
    '--xds-token-cache <duration>',
    'time for which the API server is not asked again about an accepted token',
    '60s',
  ],
  xdsAccess: [
    '--xds-access <file>',
    'file of rules (YAML): which mesh and node id an authenticated proxy may have. Any by default',
  ],
  maxDocumentBytes: ['--max-document-bytes <number>', 'maximum length of a document, in bytes', '1048576'],
  maxCertificates: ['--max-certificates <number>', 'maximum number of certificates in one resource', '1000'],
  maxNames: ['--max-names <number>', 'maximum number of names to which one stream may subscribe', '1000'],
  maxStreams: [
    '--max-streams <number>',
    'maximum number of open streams; more are refused. No limit by default',
  ],
  openRate: [
    '--open-rate <number>',
    'new streams per second after --open-burst is used up; more wait',
    '1000',
  ],
  openBurst: ['--open-burst <number>', 'new streams that are accepted at once, at any rate', '10000'],
  maxConnectionStreams: [
    '--max-connection-streams <number>',
    'maximum number of open streams on one connection',
    '256',
  ],
  maxRequestBytes: [
    '--max-request-bytes <number>',
    'maximum length of a request of a proxy, in bytes',
    '524288',
  ],
  requestTimeout: [
    '--request-timeout <duration>',
    'time-out of the TLS handshake of a client, of its first request, and of the rest of a request',
    '10s',
  ],
  slowTimeout: [
    '--slow-timeout <duration>',
    'time in which a proxy must read a response, else its connection is closed',
    '60s',
  ],
  keepalive: [
    '--keepalive <duration>',
    'interval of the pings on idle connections of proxies; 0 for none',
    '45s',
  ],
  keepaliveTimeout: ['--keepalive-timeout <duration>', 'time-out of a ping', '10s'],
  lostWindow: [
    '--lost-window <duration>',
    'time for which a roll-out waits for a proxy whose connection broke before it acknowledged; 0 to not wait',
    '10m',
  ],
  xdsTransport: [
    '--xds-transport <name>',
    'implementation of HTTP/2 and gRPC for proxies: own, or grpc-js (the default of earlier versions, with the same limits)',
    'own',
  ],
  maxConnectionAge: [
    '--max-connection-age <duration>',
    'age (plus or minus a tenth) at which connections are closed gracefully, so that proxies spread over replicas; at most 480h, 0 for no limit',
    '0',
  ],
  xdsMaxStreamAge: [
    '--xds-max-stream-age <duration>',
    'age (plus or minus a tenth) at which the client of an open stream is checked again by its credentials and the rules, 0 for never',
    '0',
  ],
  workers: ['--workers <number>', 'number of processes that serve proxies on the same port, at most 64', '1'],
  cacheBytes: ['--cache-bytes <number>', 'maximum size of the certificate cache, in bytes', '67108864'],
  caMetrics: ['--no-ca-metrics', 'do not export metrics for each CA certificate'],
  server: [
    '--server <url>',
    'admin API of a running server: http://…, https://… or unix:PATH; repeat it for each replica',
    'http://127.0.0.1:5680',
  ],
  tokenFile: [
    '--token-file <file>',
    'file with a token for the server, which has it in its --admin-token-file',
  ],
  ca: ['--ca <file>', 'CA certificates that verify the certificate of the server (PEM)'],
  clientCert: ['--client-cert <file>', 'client certificate for the server, with its chain (PEM)'],
  clientKey: ['--client-key <file>', 'private key of --client-cert (PEM)'],
  logLevel: ['--log-level <level>', 'lowest level that is logged: debug, info, warn or error', 'info'],
  logFormat: [
    '--log-format <format>',
    'log format: json, pretty, or auto (pretty on a terminal, else json)',
    'auto',
  ],
} as const satisfies Flags;

/**
 * Flags of commands. They have no variable, because `MESHTRUST_VERSION` or `MESHTRUST_OUTPUT` is set in many
 * environments for another purpose.
 */
export const flagsOfCommandLine = {
  envoy: ['--envoy <file>', 'Envoy executable for the demo; default: the first on the PATH'],
  once: ['--once', 'exit after the last step instead of waiting for Ctrl-C'],
  nodeId: [
    '--node-id <name>',
    'node id of the proxy, which meshtrust shows in its lists and logs, such as edge-7',
  ],
  nodeCluster: [
    '--node-cluster <name>',
    'service cluster of the proxy, which Envoy requires; default: its mesh',
  ],
  transport: [
    '--transport <transport>',
    'xDS variant by which the proxy subscribes: delta-ads, ads, delta-sds or sds',
    'delta-ads',
  ],
  part: [
    '--part <part>',
    'what to print: bootstrap (a whole one, with a listener), or to paste: listener or cluster (its TLS), control-plane; token-sds is the file of --sds-file',
    'bootstrap',
  ],
  secret: ['--secret <name>', 'secret by which the proxy verifies its peers', 'system_trust_bundle'],
  xdsAddress: [
    '--xds-address <address>',
    'address of the control plane: HOST:PORT or unix:PATH',
    '127.0.0.1:5678',
  ],
  xdsCa: [
    '--xds-ca <file>',
    'CA certificates that verify the certificate of the control plane (PEM); without it, the proxy uses no TLS',
  ],
  xdsName: [
    '--xds-name <name>',
    'DNS name or IP address in the certificate of the control plane; default: the host of --xds-address',
  ],
  xdsCert: [
    '--xds-cert <file>',
    'client certificate of the proxy for the control plane, with its chain (PEM)',
  ],
  xdsKey: ['--xds-key <file>', 'private key of --xds-cert (PEM)'],
  xdsTokenFile: [
    '--xds-token-file <file>',
    'file with a token that the proxy sends to the control plane, and reads again when its volume replaces it',
  ],
  sdsFile: [
    '--sds-file <file>',
    'file that --part token-sds prints, as Envoy opens it',
    '/etc/envoy/meshtrust-token.yaml',
  ],
  xdsSpireSocket: [
    '--xds-spire-socket <address>',
    'Unix socket (unix:PATH) of the SPIRE agent that gives the proxy its client certificate for the control plane',
  ],
  proxyListen: ['--proxy-listen <address>', 'address at which the proxy accepts clients', '127.0.0.1:8443'],
  proxyAdmin: ['--proxy-admin <address>', 'address of the admin interface of the proxy', '127.0.0.1:9901'],
  proxyCert: [
    '--proxy-cert <file>',
    'certificate chain of the proxy for its clients (PEM)',
    '/etc/envoy/tls/tls.crt',
  ],
  proxyKey: ['--proxy-key <file>', 'private key of --proxy-cert (PEM)', '/etc/envoy/tls/tls.key'],
  trustDomain: ['--trust-domain <name>', 'only this trust domain'],
  forZone: [
    '--for-zone <name>',
    'zone in which the MeshTrusts will be applied: they get the labels that a federated zone requires',
  ],
  universal: ['--universal', 'print the Universal form, without apiVersion and namespace'],
  format: [
    '--format <format>',
    'print certificates: pem, json, or spiffe (a SPIFFE bundle with --trust-domain, else a bundle map)',
  ],
  sequence: [
    '--sequence <number>',
    'spiffe_sequence of the bundle; default: the time in ms at which the server began to serve this version; none for files',
  ],
  refreshHint: ['--refresh-hint <duration>', 'spiffe_refresh_hint of the bundle', '5m'],
  mesh: ['--mesh <name>', 'name of the mesh'],
  leaf: ['--leaf <file>', 'certificate of the client (PEM or DER); its chain may follow in the same file'],
  chain: ['--chain <file>', 'intermediates that the client sends after its leaf (PEM or DER)'],
  add: [
    '--add',
    'apply the MeshTrusts of the path beside those of the server, as kubectl apply does, instead of in their place',
  ],
  state: [
    '--state <state>',
    'only proxies in this state: synced, pending, stale, refused, reconnecting, lost or disconnected',
  ],
  watch: ['-w, --watch', 'keep running, and print the list again when it changes'],
  version: ['--version <version>', 'version of the mesh to wait for; default: the served version'],
  proxies: [
    '--proxies <number>',
    'minimum number of connected proxies to wait for; 0 accepts a mesh without proxies',
    '1',
  ],
  dryRun: ['--dry-run', 'print what would be done, without doing it'],
  yes: ['-y, --yes', 'do not ask for confirmation'],
  wait: ['--no-wait', 'do not wait until the proxies have the change'],
  timeout: ['--timeout <duration>', 'maximum time to wait', '5m'],
  old: ['--old <certificate>', 'CA to replace: its SHA-256 (at least 16 hex digits), or a file with it'],
  new: ['--new <file>', 'CA certificate that replaces it (PEM or DER)'],
  leafTtl: ['--leaf-ttl <duration>', 'longest lifetime of a leaf, of either CA, such as 24h'],
  at: ['--at <time>', 'when the issuer began to sign with the new CA (RFC 3339); default: now'],
  for: ['--for <state>', 'state to wait for: introduced, removable or steady', 'removable'],
  force: [
    '--force <gate>',
    'pass one gate that is shut, by its code or id, such as R24; repeat it for another',
  ],
  disconnectWindow: [
    '--disconnect-window <duration>',
    'how long a proxy that left without the version of both CA certificates counts; at most 1h, 0 for not at all',
    '1h',
  ],
  consumerWindow: [
    '--consumer-window <duration>',
    'how long a changed bundle must be published for consumers that no server knows; default: three times the refresh hint, or the interval of the slowest known consumer',
  ],
  accessLog: [
    '--access-log <file>',
    'JSON access log of Envoy with the issuers of clients; - for standard input: finish is refused while the old one is seen',
  ],
  quiet: ['--quiet <duration>', 'how long access logs must not have the old issuer', '1h'],
  clockSkew: ['--clock-skew <duration>', 'how much clocks may differ: added to the lifetime of a leaf', '5m'],
  write: ['--write', 'replace the file instead of printing the new text'],
  apply: [
    '--apply',
    'change the MeshTrust in the cluster instead of a file, with the kubeconfig and namespace given',
  ],
  clean: [
    '--clean',
    'remove the annotations of the rotation, once all proxies have acknowledged the removal',
  ],
  strict: ['--strict', 'exit with 1 on warnings as well'],
  url: ['--url <url>', 'address of the bundle endpoint, such as https://spire.example:8443/'],
  endpointId: ['--endpoint-id <id>', 'SPIFFE ID of the server (https_spiffe); without it, https_web'],
  bundle: ['--bundle <file>', 'bundle of the trust domain of --endpoint-id: SPIFFE JSON or PEM'],
  as: ['--as <kind>', 'print a resource with the bundle: MeshTrust or ClusterFederatedTrustDomain'],
  output: ['-o, --output <format>', 'output format: table, wide, json or yaml', 'table'],
} as const satisfies Flags;
