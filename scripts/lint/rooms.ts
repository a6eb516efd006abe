/**
 * The rooms of `src` and what each may import. This file is the only place that says it: the lint rules
 * `meshtrust/rooms` and `meshtrust/pure` enforce it, ARCHITECTURE.md draws it, and `test/lint/rooms.test.ts` tests it.
 * A room is a folder with its subfolders, except for subfolders that are listed here themselves.
 */

/** Imports that are allowed for every stage of trust, and for rooms that use trust. */
const basics = ['text', 'trust/findings', 'trust/pem', 'trust/x509'];
/** The path of trust, from the text of a resource to the secrets of a mesh. */
const stages = [
  'trust',
  'trust/model',
  'trust/ledger',
  'trust/identity',
  'trust/bundle',
  'trust/secret',
  'trust/snapshot',
];
const stagesBefore = (stage: string): readonly string[] => [
  ...basics,
  ...stages.slice(0, stages.indexOf(stage)),
];
const trust = [...basics, ...stages];

/** `xds` stands for the entry of the library, `xds/index.ts`. */
export const rooms: Readonly<Record<string, readonly string[]>> = {
  // Leaves
  text: [],
  async: [],
  'xds/timers': [],
  net: ['text', 'xds/timers'],
  issue: [],

  // HTTP/2 and the xDS library: nothing else of the program is imported here.
  http2: [],
  'xds/wire': [],
  'xds/rate': [],
  'xds/small': [],
  'xds/core': ['xds/small', 'xds/wire'],
  'xds/server': ['xds/core', 'xds/rate', 'xds/small', 'xds/timers', 'xds/wire'],
  xds: ['xds/core', 'xds/rate', 'xds/server'],
  transport: ['http2', 'net', 'xds/timers', 'xds/wire'],

  // Trust: pure
  'trust/findings': ['text'],
  'trust/pem': ['trust/findings'],
  'trust/x509': ['trust/findings', 'trust/pem'],
  trust: ['text', 'trust/findings'],
  'trust/model': stagesBefore('trust/model'),
  'trust/ledger': stagesBefore('trust/ledger'),
  'trust/identity': stagesBefore('trust/identity'),
  'trust/bundle': stagesBefore('trust/bundle'),
  'trust/secret': [...stagesBefore('trust/secret'), 'xds/wire'],
  'trust/snapshot': [...stagesBefore('trust/snapshot'), 'xds'],
  'trust/imports': ['trust/findings', 'trust/identity', 'trust/ledger', 'trust/model', 'trust/snapshot'],
  'trust/policy': ['trust/findings', 'trust/snapshot', 'trust/x509'],
  'trust/verify': ['text', 'trust/bundle', 'trust/x509'],
  'trust/federation': [...trust, 'trust/verify'],
  'trust/rotation': ['text', 'trust', 'trust/findings', 'trust/model', 'trust/pem', 'trust/x509'],

  // The issuers of clients in access logs: pure
  'access-log': ['xds/wire'],

  // Who may use the xDS port: pure
  access: ['text', 'trust/model', 'trust/snapshot', 'trust/verify'],

  // The cluster, and the inputs: where the texts come from
  'kubernetes/client': ['text', 'net', 'trust', 'xds/timers'],
  'kubernetes/status/core': [...trust, 'kubernetes/client'],
  'kubernetes/status': ['text', 'kubernetes/client', 'kubernetes/status/core', 'xds/rate', 'xds/timers'],
  'kubernetes/webhook/core': [...trust, 'trust/federation', 'kubernetes/client'],
  'kubernetes/webhook': [
    'text',
    'issue',
    'kubernetes/client',
    'kubernetes/webhook/core',
    'net',
    'text',
    'trust/model',
    'xds/rate',
    'xds/timers',
  ],
  'kubernetes/tokens': ['access', 'kubernetes/client', 'text', 'xds/rate', 'xds/timers'],
  'inputs/directory': ['text', 'async', 'trust', 'xds/timers'],
  'inputs/federation': ['text', 'trust', 'trust/federation', 'trust/model', 'trust/pem', 'xds/timers'],
  'inputs/identity-files': ['text', 'net', 'trust', 'trust/identity', 'xds/timers'],
  'inputs/universal': ['text', 'net', 'trust', 'xds/timers'],
  'inputs/kubernetes': ['text', 'kubernetes/client', 'trust', 'xds/timers'],

  // When the stages run, what is kept on disk, and which proxy has what
  runtime: [...trust, 'trust/federation', 'trust/imports', 'xds/timers'],
  'runtime/state': [
    ...trust,
    'access',
    'async',
    'trust/federation',
    'trust/imports',
    'trust/policy',
    'net',
    'observe/log',
    'runtime',
    'text',
    'xds/timers',
  ],
  fleet: [...trust, 'runtime', 'xds'],

  // The SPIFFE bundle endpoint
  'bundle-endpoint/core': [...trust, 'api', 'trust/federation', 'trust/verify'],
  'bundle-endpoint': ['bundle-endpoint/core', 'net', 'xds/rate', 'xds/timers'],

  // What is reported: log, metrics, audit, traces
  'observe/log': [...trust, 'net', 'runtime', 'xds'],
  'observe/metrics': [
    ...trust,
    'access',
    'access-log',
    'trust/federation',
    'trust/rotation',
    'fleet',
    'runtime',
    'xds',
    'xds/small',
  ],
  'observe/audit': [...trust, 'fleet', 'observe/log', 'runtime'],
  'observe/tracing': ['fleet', 'observe/log', 'runtime', 'text', 'xds/timers'],

  // The servers: xDS (in this process or in workers), and the admin API with its page
  grpc: ['net', 'observe/log', 'text', 'xds/timers'],
  frontend: [
    ...trust,
    'access',
    'access-log',
    'fleet',
    'frontend/warm-up',
    'grpc',
    'net',
    'observe/log',
    'runtime',
    'transport',
    'xds',
    'xds/rate',
    'xds/timers',
  ],
  'frontend/warm-up': ['fleet', 'http2', 'transport', 'xds', 'xds/wire'],
  'frontend/workers': [
    ...trust,
    'access',
    'fleet',
    'frontend',
    'observe/log',
    'observe/metrics',
    'runtime',
    'xds',
    'xds/timers',
  ],
  api: [...trust, 'access-log', 'trust/federation', 'trust/rotation', 'fleet', 'runtime', 'xds'],
  admin: [
    'api',
    'fleet',
    'net',
    'observe/log',
    'observe/metrics',
    'runtime',
    ...trust,
    'trust/federation',
    'trust/imports',
    'trust/policy',
    'trust/rotation',
    'xds/timers',
  ],
  page: ['api', 'trust/findings'],

  // Composition
  app: [
    ...trust,
    'trust/federation',
    'trust/imports',
    'trust/policy',
    'trust/rotation',
    'trust/verify',
    'access',
    'access-log',
    'kubernetes/tokens',
    'admin',
    'api',
    'bundle-endpoint',
    'bundle-endpoint/core',
    'fleet',
    'frontend',
    'frontend/workers',
    'inputs/directory',
    'inputs/federation',
    'inputs/kubernetes',
    'inputs/identity-files',
    'inputs/universal',
    'kubernetes/client',
    'kubernetes/status',
    'kubernetes/status/core',
    'kubernetes/webhook',
    'kubernetes/webhook/core',
    'net',
    'observe/audit',
    'observe/log',
    'observe/metrics',
    'observe/tracing',
    'runtime',
    'runtime/state',
    'xds/timers',
  ],

  // The command line
  'cli/terminal': ['async', 'net', 'text', 'trust/findings'],
  'cli/bootstrap': ['net'],
  'cli/demo': ['text', 'cli/bootstrap', 'cli/terminal', 'issue', 'net', 'xds/timers'],
  'cli/flags': [
    'api',
    'cli/bootstrap',
    'cli/terminal',
    'net',
    'runtime',
    'text',
    'trust',
    'trust/federation',
    'trust/model',
    'trust/rotation',
    'xds/timers',
  ],
  'cli/completion': [],
  'cli/kubectl': ['cli/completion', 'cli/terminal', 'text'],
  'cli/ask': [
    'api',
    'trust/rotation',
    'cli/flags',
    'cli/terminal',
    'net',
    'text',
    'trust/findings',
    'trust/policy',
    'xds/timers',
  ],
  'cli/offline': [
    ...trust,
    'trust/policy',
    'trust/rotation',
    'trust/verify',
    'api',
    'cli/ask',
    'cli/flags',
    'cli/terminal',
    'inputs/directory',
    'inputs/identity-files',
    'net',
    'runtime/state',
  ],
  'cli/cluster': ['cli/terminal', 'kubernetes/client', 'text', 'trust/model', 'trust/rotation'],
  'cli/tables': ['api', 'cli/ask', 'cli/offline', 'cli/terminal', 'text', 'trust/rotation'],
  'cli/commands': [
    ...trust,
    'trust/policy',
    'trust/rotation',
    'trust/verify',
    'api',
    'app',
    'xds/timers',
    'cli/ask',
    'cli/bootstrap',
    'cli/cluster',
    'cli/completion',
    'cli/demo',
    'cli/flags',
    'cli/kubectl',
    'cli/offline',
    'cli/tables',
    'cli/terminal',
    'frontend/workers',
    'inputs/federation',
    'net',
    'runtime',
  ],
  cli: ['cli/commands', 'cli/flags', 'cli/kubectl', 'cli/terminal'],
  // `src/main.ts`
  '': ['cli', 'cli/terminal', 'text'],
};

/** Rooms without I/O, clock, timers, randomness or logger: input and time are arguments. */
export const pureRooms: readonly string[] = [
  'http2',
  'xds/wire',
  'xds/rate',
  'xds/core',
  ...trust,
  'trust/policy',
  'trust/rotation',
  'trust/verify',
  'trust/federation',
  'bundle-endpoint/core',
  'access',
  'access-log',
  'kubernetes/status/core',
  'kubernetes/webhook/core',
];

/** What a pure room may import from outside of the program. */
export const pureModules: readonly string[] = ['node:crypto', 'js-yaml', 'lru-cache', 'node-forge'];
