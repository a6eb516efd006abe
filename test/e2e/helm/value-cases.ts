import { makeCa } from '../../kit/certificates.ts';
import type { ChartValues } from '../../kit/helm.ts';

const everybody = [{ namespaceSelector: { matchLabels: { 'kuma.io/sidecar-injection': 'enabled' } } }];

/** Valid values, by their purpose. Each renders objects that an API server accepts. */
export const valueCases: Readonly<Record<string, ChartValues>> = {
  defaults: {},
  'all namespaces': { kubernetes: { allNamespaces: true } },
  'MeshTrusts in another namespace': { kubernetes: { namespace: 'meshtrust-system' } },
  'no status': { kubernetes: { status: false } },
  'all namespaces, no status': { kubernetes: { allNamespaces: true, status: false } },
  'directories only': {
    kubernetes: { enabled: false },
    directories: ['/trust', '/more'],
    extraVolumes: [
      { name: 'trust', configMap: { name: 'trust' } },
      { name: 'more', configMap: { name: 'more' } },
    ],
    extraVolumeMounts: [
      { name: 'trust', mountPath: '/trust', readOnly: true },
      { name: 'more', mountPath: '/more', readOnly: true },
    ],
  },
  'directories and the cluster': {
    directories: ['/trust'],
    extraVolumes: [{ name: 'trust', configMap: { name: 'trust' } }],
    extraVolumeMounts: [{ name: 'trust', mountPath: '/trust', readOnly: true }],
  },
  'TLS with client certificates': {
    xds: { tls: { secretName: 'meshtrust-tls', requireClientCertificate: true } },
  },
  'TLS without client certificates': { xds: { tls: { secretName: 'meshtrust-tls' } } },
  'TLS with certificates of a mesh, and rules': {
    xds: {
      tls: { secretName: 'meshtrust-tls', clientTrust: 'default' },
      auth: 'mtls,token',
      access: [
        { from: { spiffeId: 'spiffe://{mesh}.*.mesh.local/ns/*/sa/*' }, mesh: '{mesh}' },
        {
          from: { namespace: 'edge', serviceAccount: 'envoy' },
          mesh: ['default'],
          node: '{pod}.{namespace}',
        },
      ],
    },
  },
  'tokens, without the Kubernetes source': {
    kubernetes: { enabled: false },
    directories: ['/trust'],
    extraVolumes: [{ name: 'trust', configMap: { name: 'trust' } }],
    extraVolumeMounts: [{ name: 'trust', mountPath: '/trust', readOnly: true }],
    xds: { tls: { secretName: 'meshtrust-tls' }, auth: 'token' },
  },
  'admin API with a token or a client certificate': {
    admin: {
      enabled: true,
      tls: { secretName: 'admin-tls', clientCertificates: true },
      tokenSecretName: 'admin-tokens',
    },
    networkPolicy: { adminFrom: everybody },
  },
  'admin API with a client certificate': {
    admin: { enabled: true, tls: { secretName: 'admin-tls', clientCertificates: true } },
  },
  'webhook that issues its certificate': { webhook: { enabled: true } },
  'webhook for all namespaces, with a certificate of cert-manager': {
    kubernetes: { allNamespaces: true },
    webhook: {
      enabled: true,
      failurePolicy: 'Fail',
      timeoutSeconds: 10,
      certificate: { secretName: 'webhook-tls' },
      annotations: { 'cert-manager.io/inject-ca-from': 'meshtrust-system/webhook' },
    },
  },
  'webhook with certificate files': {
    webhook: {
      enabled: true,
      certificate: {
        secretName: 'webhook-tls',
        caBundle: Buffer.from(makeCa({ commonName: 'Webhook CA' }).certPem).toString('base64'),
      },
    },
  },
  'bundle endpoint': {
    bundleEndpoint: {
      enabled: true,
      profile: 'spiffe',
      tls: { secretName: 'bundle-tls' },
      serve: ['default/*', 'edge/edge.example'],
      refreshHint: '1h',
      rate: 10,
      service: { type: 'LoadBalancer', port: 8444, annotations: { 'example.com/internal': 'true' } },
    },
    networkPolicy: { bundleFrom: everybody },
  },
  'state directory': {
    replicaCount: 1,
    stateDir: { enabled: true, volume: { persistentVolumeClaim: { claimName: 'state' } } },
  },
  'every flag': {
    trust: {
      defaultMesh: 'mesh-1',
      rootTrustDomain: 'root.test',
      refuseIntermediates: true,
      distrust: ['a'.repeat(64), 'b'.repeat(64)],
      guardHold: 0,
      maxDocumentBytes: 2_097_152,
      maxCertificates: 500,
      cacheBytes: 134_217_728,
    },
    xds: {
      tokenAudience: 'trust.test',
      tokenIssuer: 'https://issuer.test',
      tokenCache: '10s',
      maxStreamAge: '30m',
      workers: 64,
      maxNames: 10,
      maxStreams: 50_000_000,
      openRate: 999_999_999_999,
      openBurst: 1,
      maxConnectionStreams: 100,
      maxRequestBytes: 1_048_576,
      requestTimeout: '20s',
      slowTimeout: '500ms',
      keepalive: '1h',
      keepaliveTimeout: '2m',
      lostWindow: '20m',
      maxConnectionAge: '0',
      accessLogs: true,
      transport: 'grpc-js',
    },
    identities: {
      enabled: true,
      zone: 'east',
      zones: ['east', 'west'],
      linger: '1h',
      secrets: ['identity-root-ca'],
      root: '/ca',
    },
    federation: {
      enabled: true,
      className: 'spire',
      classless: false,
      webCaConfigMap: 'web-ca',
      denyPrivate: true,
      minInterval: '1m',
      maxInterval: '1h',
      maxAge: '72h',
    },
    imports: {
      kubeconfigSecretName: 'global',
      context: 'global',
      namespace: 'kuma-global',
      trustDomains: ['west=west.test', 'west=other.test'],
    },
    stateDir: { enabled: true },
    log: { level: 'debug', format: 'pretty' },
    drainGrace: '10s',
    metrics: { authorities: false },
    extraArgs: ['--admin-listen=127.0.0.1:9000'],
  },
  'imports without MeshIdentities of the cluster': {
    identities: { zone: 'east' },
    imports: { kubeconfigSecretName: 'global' },
  },
  'imports from a REST API': {
    identities: { zone: 'east' },
    imports: { url: 'https://global.test:5682', urlSecretName: 'global', trustDomains: ['west=west.test'] },
  },
  'settings of a platform': {
    fullnameOverride: 'trust',
    commonLabels: { 'example.com/team': 'mesh' },
    replicaCount: 3,
    image: { repository: 'registry.example/mesh/meshtrust', digest: `sha256:${'0'.repeat(64)}` },
    imagePullSecrets: [{ name: 'registry' }],
    serviceAccount: { create: false, name: 'existing', annotations: {} },
    rbac: { create: false },
    service: { type: 'LoadBalancer', port: 443, annotations: { 'example.com/internal': 'true' } },
    podAnnotations: { 'example.com/seen': '1' },
    podLabels: { 'example.com/tier': 'control' },
    priorityClassName: 'system-cluster-critical',
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    tolerations: [{ key: 'control', operator: 'Exists', effect: 'NoSchedule' }],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator: 'Exists' }] }],
        },
      },
    },
    extraEnv: [{ name: 'MESHTRUST_MAX_NAMES', value: '20' }],
    podDisruptionBudget: { minAvailable: '50%' },
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule' },
      { maxSkew: 2, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' },
    ],
  },
  monitoring: {
    metrics: {
      serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
      prometheusRule: {
        enabled: true,
        labels: { release: 'prometheus' },
        additionalRules: [{ alert: 'Mine', expr: 'meshtrust_ready == 0', labels: { severity: 'none' } }],
      },
    },
    networkPolicy: { xdsFrom: everybody, metricsFrom: everybody },
  },
  minimum: {
    crds: { enabled: false },
    replicaCount: 1,
    networkPolicy: { enabled: false },
    podDisruptionBudget: { enabled: false },
    topologySpreadConstraints: [],
    resources: {},
  },
};

/** Values that the schema rejects, with its message. */
export const refusedValues: Readonly<Record<string, readonly [values: ChartValues, sentence: RegExp]>> = {
  'unknown value': [{ replicaCounts: 3 }, /additional properties 'replicaCounts' not allowed/],
  'misspelt nested value': [{ kubernetes: { allNamespace: true } }, /'allNamespace' not allowed/],
  'replicas as a text': [{ replicaCount: '2' }, /\/replicaCount.*got string, want integer/],
  'duration without a unit': [{ trust: { guardHold: '30' } }, /\/trust\/guardHold/],
  'duration as a number': [{ xds: { slowTimeout: 60 } }, /\/xds\/slowTimeout/],
  'time-out of zero': [{ xds: { keepaliveTimeout: '0s' } }, /\/xds\/keepaliveTimeout/],
  'count of zero': [{ xds: { maxStreams: 0 } }, /\/xds\/maxStreams/],
  'too many workers': [{ xds: { workers: 65 } }, /\/xds\/workers/],
  'published trust domain without a mesh': [
    { bundleEndpoint: { serve: ['a.test'] } },
    /\/bundleEndpoint\/serve\/0/,
  ],
  'incomplete hash': [{ trust: { distrust: ['abc'] } }, /\/trust\/distrust\/0/],
  'trust domain in upper case': [{ trust: { rootTrustDomain: 'A.test' } }, /\/trust\/rootTrustDomain/],
  'unknown log level': [{ log: { level: 'trace' } }, /\/log\/level/],
  'relative directory': [{ directories: ['trust'] }, /\/directories\/0/],
  "a label of the chart's own, on all": [
    { commonLabels: { 'app.kubernetes.io/name': 'x' } },
    /\/commonLabels\/app\.kubernetes\.io~1name/,
  ],
  'label of the selector of the Deployment': [
    { podLabels: { 'app.kubernetes.io/instance': 'x' } },
    /\/podLabels\/app\.kubernetes\.io~1instance/,
  ],
  'unknown failure policy': [{ webhook: { failurePolicy: 'Retry' } }, /\/webhook\/failurePolicy/],
  'digest without an algorithm': [{ image: { digest: 'abc' } }, /\/image\/digest/],
  'grant without a zone': [{ imports: { trustDomains: ['west.test'] } }, /\/imports\/trustDomains\/0/],
  'argument that is not a flag': [{ extraArgs: ['serve'] }, /\/extraArgs\/0/],
  'invalid namespace': [{ kubernetes: { namespace: 'Kuma System' } }, /\/kubernetes\/namespace/],
};

/** Values that contradict each other, with the message that contains the cause and the missing value. */
export const contradictions: Readonly<Record<string, readonly [values: ChartValues, sentence: string]>> = {
  'no image': [{ image: { repository: '' } }, 'image.repository is not set: no image is published yet'],
  'earlier name of replicaCount': [{ replicas: 3 }, 'replicas: the value is called replicaCount'],
  'no source': [{ kubernetes: { enabled: false } }, 'kubernetes.enabled=false needs directories'],
  'client certificates without TLS': [
    { xds: { tls: { requireClientCertificate: true } } },
    'xds.tls.requireClientCertificate=true needs xds.tls.secretName: a Secret with tls.crt, tls.key',
  ],
  'tokens without TLS': [{ xds: { auth: 'token' } }, 'xds.auth=token needs xds.tls.secretName'],
  'tokens or none without TLS': [
    { xds: { auth: 'token,none' } },
    'xds.auth=token,none needs xds.tls.secretName',
  ],
  'mtls without a CA': [
    { xds: { auth: 'mtls', tls: { secretName: 'x' } } },
    'xds.auth=mtls needs xds.tls.requireClientCertificate=true or xds.tls.clientTrust',
  ],
  'client certificates that do not count': [
    { xds: { auth: 'token', tls: { secretName: 'x', clientTrust: 'default' } } },
    'xds.tls.requireClientCertificate and xds.tls.clientTrust need mtls in xds.auth',
  ],
  'two ways to verify certificates': [
    { xds: { tls: { secretName: 'x', clientTrust: 'default', requireClientCertificate: true } } },
    'give either xds.tls.requireClientCertificate or xds.tls.clientTrust',
  ],
  'rules without authentication': [
    { xds: { access: [{ from: { spiffeId: 'spiffe://a.test/*' }, mesh: '*' }] } },
    'xds.access needs xds.auth=mtls or token',
  ],
  'admin API without TLS': [
    { admin: { enabled: true, tokenSecretName: 'admin-tokens' } },
    'admin.enabled=true needs admin.tls.secretName',
  ],
  'admin API without authentication': [
    { admin: { enabled: true, tls: { secretName: 'admin-tls' } } },
    'admin.enabled=true needs admin.tokenSecretName or admin.tls.clientCertificates=true',
  ],
  'CA for a certificate that replicas issue': [
    { webhook: { enabled: true, certificate: { caBundle: 'QUJD' } } },
    'webhook.certificate.caBundle needs webhook.certificate.secretName',
  ],
  'webhook without the Kubernetes source': [
    { kubernetes: { enabled: false }, directories: ['/trust'], webhook: { enabled: true } },
    'webhook.enabled=true needs kubernetes.enabled=true',
  ],
  'bundle endpoint without a certificate': [
    { bundleEndpoint: { enabled: true, serve: ['default/*'] } },
    'bundleEndpoint.enabled=true needs bundleEndpoint.tls.secretName',
  ],
  'bundle endpoint that publishes nothing': [
    { bundleEndpoint: { enabled: true, tls: { secretName: 'bundle-tls' } } },
    'bundleEndpoint.enabled=true needs bundleEndpoint.serve',
  ],
  'Secrets without the Kubernetes source': [
    {
      kubernetes: { enabled: false },
      directories: ['/trust'],
      identities: { enabled: true, secrets: ['identity-root-ca'] },
    },
    'identities.secrets needs kubernetes.enabled=true',
  ],
  'imports without a zone': [
    { imports: { kubeconfigSecretName: 'global' } },
    'imports.kubeconfigSecretName and imports.url need identities.zone',
  ],
  'imports from a REST API without a token': [
    { identities: { zone: 'east' }, imports: { url: 'https://global.test' } },
    'imports.url needs imports.urlSecretName',
  ],
  'disruption budget of zero': [
    { podDisruptionBudget: { maxUnavailable: null } },
    'podDisruptionBudget.enabled=true needs podDisruptionBudget.minAvailable or',
  ],
};
