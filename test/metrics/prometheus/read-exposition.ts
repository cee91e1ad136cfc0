/** Reads what a node serves to Prometheus, strictly: for tests. */
import assert from 'node:assert/strict'

export type Sample = {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}
export type Served = { readonly type: string; readonly help: string; readonly samples: Sample[] }

/** By the name of the family. Fails on a line that it does not understand, and on series that stand apart from their family. */
export function readExposition(text: string): ReadonlyMap<string, Served> {
  const families = new Map<string, Served>()
  let current: { name: string; help: string; served: Served | undefined } | undefined
  for (const line of text.split('\n')) {
    if (line === '' || line === '# EOF') continue
    const [, word, about = '', rest = ''] = /^# (HELP|TYPE) (\w+) (.*)$/.exec(line) ?? []
    if (word === 'HELP') {
      current = { name: about, help: rest, served: undefined }
    } else if (word === 'TYPE') {
      assert.equal(current?.name, about)
      assert.ok(!families.has(about), `${about} comes twice`)
      const served = { type: rest, help: current?.help ?? '', samples: [] }
      families.set(about, served)
      current = { name: about, help: served.help, served }
    } else {
      const sample = readSample(line)
      assert.ok(sample.name.startsWith(current?.name ?? ' '), `${line} stands apart from its family`)
      current?.served?.samples.push(sample)
    }
  }
  return families
}

function readSample(line: string): Sample {
  const [, name = '', inner = '', value = ''] = /^(\w+)\{(.*)\} (\S+)$/.exec(line) ?? assert.fail(line)
  const labels = [...inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"(?:,|$)/g)].map(([, key = '', text = '']) => {
    return [key, text.replaceAll(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char))] as const
  })
  return { name, labels: Object.fromEntries(labels), value: value === '+Inf' ? Infinity : Number(value) }
}

/** The value of the one series of a family with these labels among its own. */
export function valueOf(
  families: ReadonlyMap<string, Served>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const found = [...families.values()]
    .flatMap(({ samples }) => samples)
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
  assert.ok(found.length <= 1, `${name} with ${JSON.stringify(labels)} is ${found.length} series`)
  return found[0]?.value
}
