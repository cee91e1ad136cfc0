/**
 * The configuration from text to what the node runs with, or to words about it. The input is the file; after a line `--- NAME` another
 * file begins, which the first one can include.
 */
import assert from 'node:assert/strict'
import { parseConfig } from '../../../src/config/parse-config.ts'
import type { Random } from '../random.ts'
import { byteMutation, type FuzzTarget, tokens } from '../target.ts'

const BYTES_MAX = 16_384
const limits = { bufferBytesMax: 1_048_576, buffersBytesMax: 4 * 1_048_576, heapBytesMax: 64 * 2 ** 20 }
const secret = 'hunter2hunter2'
const env = { LEVEL: 'warn', PORT: '1883', EMPTY: '', DEEP: '${LEVEL}' }

const dictionary = [
  ...tokens(
    '{ } [ ] = : , += . ${ ${? } ${a} ${?b.c} ${LEVEL} " """ \\ \\u0000 # // $ | ` ^ include required file( url( "more.conf" null',
  ),
  ...tokens('true false 1e+5 -0 0x10 1e999 infinity 15s 256MB 10d __proto__ constructor prototype toString a.b.c'),
  ...tokens(
    'cluster links name server topics listeners tcp default bind mqtt max_packet_size log level node data_dir ssl',
  ),
  ...['\n', '\r\n', '\uFEFF', '\u2028', '\ud800', ' ', '\t', '\0', '\n--- more.conf\n', 'include "more.conf"\n'].map(
    (text) => Buffer.from(text),
  ),
]

const sample = `node { name = "a1@127.0.0.1", data_dir = "data/a1" }
cluster {
  name = "us-east"
  links = [{
    name = "eu-west", server = "127.0.0.1:2883", clientid = "link-us-east"
    topics = ["global/#", "cluster/+/status"], username = u, password = "${secret}"
    ssl { enable = false, verify = verify_peer }, resource_opts { max_buffer_bytes = 1GB, request_ttl = infinity }
  }]
}
listeners.tcp.default.bind = "127.0.0.1:1883"
mqtt { max_packet_size = 2MB, max_inflight = 16, idle_timeout = \${?T} }
log.level = \${LEVEL}
include "more.conf"
--- more.conf
mqtt.server_keepalive = 60
`

export const hoconTarget: FuzzTarget = {
  name: 'hocon',
  seeds: () => [
    Buffer.from(sample),
    Buffer.from('a { x = 1 }\nb = ${a} { y = 2 }\nc = [1, 2] ${?d} [3]\nc += 4\n"k.l"."m" = """x\ny""" z\n'),
  ],
  generate: (random) => Buffer.from(new TextMaker(random).text()),
  mutate: byteMutation({ dictionary, bytesMax: BYTES_MAX }),
  async run(input, meter) {
    const [text = '', ...others] = input.toString('utf8').split(/^--- /m)
    const files = new Map(others.map((file) => [file.split('\n', 1)[0] ?? '', file.slice(file.indexOf('\n') + 1)]))
    const readFile = (path: string): string => {
      const file = files.get(path.replace('/conf/', ''))
      if (file === undefined) throw Object.assign(new Error('no file'), { code: 'ENOENT' })
      return file
    }
    const result = await meter.turn(limits, () => parseConfig(text, { file: 'f', env, baseDir: '/conf', readFile }))
    // Where a key says that it is one, and nowhere else.
    const isSecret =
      input
        .toString('latin1')
        .replaceAll(/^.*password = "hunter2hunter2"$/gm, '')
        .search(/hunter|2hu/) < 0
    const said = result.type === 'ok' ? result.warnings : result.errors
    if (result.type === 'invalid') assert.ok(said.length > 0, 'refused without a word')
    for (const one of said) {
      assert.notEqual(one.message, '')
      if (isSecret) assert.ok(!JSON.stringify(one).includes(secret), `the password is told: ${JSON.stringify(one)}`)
      assert.ok(one.line === undefined || one.line >= 1)
    }
    assert.deepEqual(Object.keys(Object.prototype), [])
  },
}

/** Text that the grammar allows, most of the time. */
class TextMaker {
  readonly #random: Random
  #left: number

  constructor(random: Random) {
    this.#random = random
    this.#left = random.size(400)
  }

  text(): string {
    const random = this.#random
    const kind = random.fraction()
    if (kind < 0.05) return this.#nest()
    if (kind < 0.051) return this.#grow()
    if (kind < 0.11) return this.#many()
    const files = random.chance(0.2) ? `\n--- more.conf\n${this.#fields(1)}` : ''
    return `${this.#fields(0)}${files}`
  }

  /** Deeper than anything means something. */
  #nest(): string {
    const random = this.#random
    const levels = random.size(3000)
    const [open, close] = random.pick([
      ['a{', '}'],
      ['a=[', ']'],
      ['[', ']'],
      ['{', '}'],
      ['a.', 'b=1'],
      ['${', '}'],
      ['a{b=[{', '}]}'],
    ] as const)
    return `${random.pick(['', 'x=', 'cluster.links='])}${open.repeat(levels)}${random.pick(['', '1', 'x=1'])}${close.repeat(random.chance(0.7) ? levels : random.size(levels))}`
  }

  /** Each value several times the one before. */
  #grow(): string {
    const random = this.#random
    const fold = random.between(2, 10)
    const join = random.pick([',', '', ' '])
    const [open, close] = random.pick([
      ['[', ']'],
      ['', ''],
      ['{ x = ', '}'],
    ] as const)
    const lines = random
      .list(random.size(30), () => '')
      .map((_, at) => `a${at + 1} = ${open}${Array(fold).fill(`\${a${at}}`).join(join)}${close}`)
    return [
      `a0 = ${random.pick(['[1,2,3,4]', 'xxxxxxxxxx', '{ y = 1, z = 2 }', '1'])}`,
      ...(random.chance(0.2) ? lines.toReversed() : lines),
    ].join('\n')
  }

  /** A great many of the same. */
  #many(): string {
    const random = this.#random
    const unit = random.pick([
      'k$=1\n',
      'a=${?x}\n',
      'a=${x$}\n',
      '[1],',
      'a+=1\n',
      'cluster.links += { name = l$, server = "h:1", topics = [] }\n',
      '"x"',
      'listeners.tcp.l$.bind = "0.0.0.0:$"\n',
      'mqtt.max_inflght$=1\n',
      'include "more.conf"\n',
      '#x\n',
      '\n',
      ',',
      'a b ',
      '\\',
      '"""',
      'é',
    ])
    const prefix = random.pick(['', '', 'a=', 'a=[', 'a="', 'cluster.links=['])
    return (
      prefix +
      Array.from({ length: random.size(Math.floor(BYTES_MAX / unit.length)) }, (_, at) =>
        unit.replaceAll('$', String(at)),
      ).join('')
    )
  }

  #fields(depth: number): string {
    const random = this.#random
    return random.list(1 + random.below(6), () => this.#field(depth)).join(random.pick(['\n', '\n', ', ']))
  }

  #field(depth: number): string {
    const random = this.#random
    this.#left--
    if (random.chance(0.03))
      return random.pick([
        'include "more.conf"',
        'include required(file("more.conf"))',
        'include "none.conf"',
        'include url("x")',
      ])
    if (random.chance(0.05)) return random.pick(['# note', '// note'])
    return `${this.#key()}${random.pick([' = ', '=', ': ', ' += ', ' '])}${this.#value(depth)}`
  }

  #key(): string {
    const random = this.#random
    const names =
      'a b c cluster links name server topics mqtt max_packet_size max_inflight log level node data_dir listeners tcp default bind enable "a b" "x.y" retry_interval __proto__'
    return random
      .list(1 + random.below(random.chance(0.9) ? 3 : 12), () => random.pick(names.split(/ (?=\w|"a|"x)/)))
      .join('.')
  }

  #value(depth: number): string {
    const random = this.#random
    if (depth < 8 && this.#left > 0 && random.chance(0.3)) {
      if (random.chance(0.5)) return `{ ${this.#fields(depth + 1)} }`
      return `[${random.list(random.below(5), () => this.#value(depth + 1)).join(random.pick([', ', '\n', ',']))}]`
    }
    return random.list(random.chance(0.8) ? 1 : random.below(4), () => this.#plain()).join(random.pick(['', ' ']))
  }

  #plain(): string {
    const random = this.#random
    return random.pick([
      '1',
      '-1',
      '1.5',
      '1e3',
      'true',
      'off',
      'null',
      '"x"',
      '"a/#"',
      '"""y"""',
      '${a}',
      '${?b}',
      '${LEVEL}',
      '${?a.b.c}',
      '${DEEP}',
      'x y',
      '15s',
      '2MB',
      'infinity',
      '"127.0.0.1:1883"',
      '"\\u00e9"',
      `"${secret}"`,
      '"${a}"',
    ])
  }
}
