/** The fields of a link as people meet them: by what they are about, the rarely changed ones last. Names are the configuration's. */

export type FieldKind =
  | { readonly type: 'text'; readonly mono?: boolean }
  | { readonly type: 'number' }
  | { readonly type: 'secret' }
  | { readonly type: 'topics' }
  /** A PEM file on the node, or its text. */
  | { readonly type: 'pem'; readonly secret?: boolean }
  | { readonly type: 'switch' }
  | { readonly type: 'choice'; readonly options: readonly (readonly [value: string, words: string])[] }

export type Field = {
  /** Its path: `resource_opts.request_ttl` */
  readonly key: string
  readonly label: string
  readonly hint?: string
  readonly kind: FieldKind
  /** What the node takes when nothing is said; of choices and switches the one that is chosen at first. */
  readonly standard?: string | boolean
  readonly required?: boolean
  /** Shown only while that switch is on. */
  readonly under?: string
}

export type FieldGroup = {
  readonly title: string
  readonly hint?: string
  readonly folded?: boolean
  readonly fields: readonly Field[]
}

const text = { type: 'text' } as const
const mono = { type: 'text', mono: true } as const
const number = { type: 'number' } as const

export const FIELD_GROUPS: readonly FieldGroup[] = [
  {
    title: 'Peer',
    fields: [
      {
        key: 'name',
        label: 'Name',
        hint: 'The name of the peer’s cluster, as its own configuration has it.',
        kind: text,
        required: true,
      },
      {
        key: 'server',
        label: 'Server',
        hint: 'Where the peer listens for MQTT: host:1883. Several with commas.',
        kind: mono,
        required: true,
      },
      {
        key: 'topics',
        label: 'Topics we want from the peer',
        hint: 'One filter a line. None at all makes a link that only sends.',
        kind: { type: 'topics' },
      },
      { key: 'enable', label: 'Enabled', kind: { type: 'switch' }, standard: true },
    ],
  },
  {
    title: 'How we log in there',
    fields: [
      {
        key: 'clientid',
        label: 'ClientID prefix',
        hint: 'Different for each cluster that links to this peer; its ACL can go by it.',
        kind: mono,
      },
      { key: 'username', label: 'User name', kind: text },
      { key: 'password', label: 'Password', kind: { type: 'secret' } },
    ],
  },
  {
    title: 'TLS',
    fields: [
      { key: 'ssl.enable', label: 'Encrypt the connection', kind: { type: 'switch' }, standard: false },
      {
        key: 'ssl.verify',
        label: 'The peer’s certificate',
        kind: {
          type: 'choice',
          options: [
            ['verify_none', 'is not checked (verify_none)'],
            ['verify_peer', 'must be valid (verify_peer)'],
          ],
        },
        standard: 'verify_none',
        under: 'ssl.enable',
      },
      {
        key: 'ssl.cacertfile',
        label: 'CA certificates',
        hint: 'A file on the node, or the PEM text.',
        kind: { type: 'pem' },
        under: 'ssl.enable',
      },
      { key: 'ssl.certfile', label: 'Our certificate', kind: { type: 'pem' }, under: 'ssl.enable' },
      { key: 'ssl.keyfile', label: 'Our key', kind: { type: 'pem', secret: true }, under: 'ssl.enable' },
      {
        key: 'ssl.server_name_indication',
        label: 'Name to ask for',
        hint: 'Left out: the host of the server. `disable` turns the check of the name off.',
        kind: mono,
        under: 'ssl.enable',
      },
    ],
  },
  {
    title: 'What crosses, and what waits',
    fields: [
      {
        key: 'durable',
        label: 'Keep what waits on disk',
        hint: 'What waits outlives this process.',
        kind: { type: 'switch' },
        standard: false,
      },
      {
        key: 'overflow',
        label: 'When the outbox is full',
        kind: {
          type: 'choice',
          options: [
            ['drop_oldest', 'drop the oldest'],
            ['drop_newest', 'drop the newest'],
            ['backpressure', 'let publishers wait (backpressure)'],
          ],
        },
        standard: 'drop_oldest',
      },
      {
        key: 'retained',
        label: 'Retained messages',
        kind: {
          type: 'choice',
          options: [
            ['live', 'cross when published (live)'],
            ['sync', 'are brought over at first too (sync)'],
            ['off', 'lose their flag (off)'],
          ],
        },
        standard: 'live',
      },
      {
        key: 'compression',
        label: 'Compression',
        kind: {
          type: 'choice',
          options: [
            ['off', 'off'],
            ['auto', 'when it pays (auto)'],
          ],
        },
        standard: 'off',
      },
      {
        key: 'resource_opts.max_buffer_bytes',
        label: 'Outbox holds at most',
        hint: 'On each node: 256MB.',
        kind: mono,
        standard: '256MB',
      },
      { key: 'resource_opts.max_buffer_messages', label: 'Messages at most', kind: mono, standard: 'infinity' },
      {
        key: 'resource_opts.request_ttl',
        label: 'A message waits at most',
        hint: 'Then it is dropped: 1h, or infinity.',
        kind: mono,
        standard: 'infinity',
      },
    ],
  },
  {
    title: 'Who may speak for the peer',
    hint: 'What comes from the peer is taken only from a connection that fits all that is said here. Empty: the ACL decides.',
    folded: true,
    fields: [
      { key: 'accept.username', label: 'User name is', kind: text },
      { key: 'accept.clientid_prefix', label: 'ClientID begins with', kind: mono },
      { key: 'accept.cert_common_name', label: 'Certificate is made out to', kind: text },
    ],
  },
  {
    title: 'Advanced',
    folded: true,
    fields: [
      {
        key: 'dialect',
        label: 'Dialect',
        kind: {
          type: 'choice',
          options: [
            ['auto', 'found out (auto)'],
            ['native', 'native only'],
            ['emqx', 'EMQX’s only (emqx)'],
          ],
        },
        standard: 'auto',
      },
      { key: 'pool_size', label: 'Connections that carry messages', kind: number, standard: '8' },
      { key: 'max_inflight', label: 'In flight on a connection', kind: number, standard: '32' },
      { key: 'resource_opts.inflight_window', label: 'In flight of a worker', kind: number, standard: '100' },
      { key: 'resource_opts.worker_pool_size', label: 'Workers', kind: number, standard: '16' },
      { key: 'retry_interval', label: 'Sent again after', kind: mono, standard: '15s' },
      { key: 'resource_opts.health_check_interval', label: 'Health is checked every', kind: mono, standard: '15s' },
      { key: 'resource_opts.start_timeout', label: 'To connect takes at most', kind: mono, standard: '5s' },
      {
        key: 'actor_ttl',
        label: 'A silent peer’s routes turn stale after',
        hint: 'They still match, and messages wait.',
        kind: mono,
        standard: '30s',
      },
      { key: 'stale_ttl', label: 'Stale routes are dropped after', kind: mono, standard: '1d' },
      {
        key: 'tcp_opts.nodelay',
        label: 'Small packets at once (TCP_NODELAY)',
        kind: { type: 'switch' },
        standard: true,
      },
      { key: 'tcp_opts.keepalive', label: 'TCP keepalive', kind: { type: 'switch' }, standard: false },
    ],
  },
]

export const FIELDS: readonly Field[] = FIELD_GROUPS.flatMap(({ fields }) => fields)
