/**
 * Runs the compiled tests: `node dist/scripts/run-tests.js [WORD...]`, where a word selects the files whose path holds it.
 * The list is made from test/, not from dist/, so that a deleted test's old output is not run.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, sep } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { TestReport } from './test-report.ts'

/** For each process as a whole. */
const TIMEOUT_MS = 780_000
/**
 * Folders of small tests: all files of one share a process, because to load a test takes longer than most of them. Not those that measure
 * what their process needs.
 */
const SHARING = [
  'actors',
  'api',
  'cluster',
  'config',
  'conformance',
  'debug',
  'lanes',
  'packets',
  'routes',
  'topics',
].map((folder) => join('test', folder) + sep)
const ALONE = ['outbox-memory', 'topic-cache', 'topics-bench']
/** Where the files stand that import those of one folder. */
const TOGETHER = join('dist', 'test', 'together')

const words = process.argv.slice(2)
const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .map((file) => join('test', file.replace(/\.ts$/, '.js')))
  .sort()
if (files.length === 0) {
  process.stderr.write(`no test file matches ${words.join(' ')}\n`)
  process.exit(2)
}

/** Tests of whole clusters wait much of the time, for a node to be missed, say: others compute meanwhile. */
const isWaiting = (file: string): boolean => file.includes(join('e2e', 'cluster'))
/** Take minutes, one of which hardly computes: they begin first, and have places of their own. */
const LONG = [join('test', 'soak', 'soak.test.js'), join('test', 'sim', 'seeds.test.js')]
const isLong = (file: string): boolean => LONG.includes(file)
const isTogether = (file: string): boolean =>
  SHARING.some((folder) => file.startsWith(folder)) && !ALONE.some((name) => file.includes(name))

// The files' processes take it from ours.
process.execArgv.push('--enable-source-maps')
const long = files.filter(isLong).map(compiled)
const processes = [
  ...long,
  ...mixed(files.filter(isWaiting).map(compiled), [
    ...files.filter((file) => !isLong(file) && !isWaiting(file) && !isTogether(file)).map(compiled),
    ...together(files.filter(isTogether)),
  ]),
]
// One more than can compute, for those that wait.
const concurrency = availableParallelism() + 1 + long.length
const stream = run({ files: processes, concurrency, timeout: TIMEOUT_MS })
const isWatched = process.stdout.isTTY
const report = new TestReport(stream, processes, (text) => isWatched || process.stdout.write(text))
const shown = isWatched ? stream.compose(new spec()) : stream
if (isWatched) shown.pipe(process.stdout)
// A process that outlives its time limit, whatever it is told, must not keep us as well.
shown.once('end', () => setImmediate(() => process.exit(report.isGood ? 0 : 1)))

function compiled(file: string): string {
  return join('dist', file)
}

/** Writes, for each folder, a file that imports all its tests; returns those files. */
function together(those: readonly string[]): string[] {
  rmSync(TOGETHER, { recursive: true, force: true })
  mkdirSync(TOGETHER, { recursive: true })
  const folders = new Map<string, string[]>()
  for (const file of those) {
    const [, folder = ''] = dirname(file).split(sep)
    folders.set(folder, [...(folders.get(folder) ?? []), file])
  }
  return Array.from(folders, ([folder, ofFolder]) => {
    const imports = ofFolder.map((file) => `import ${JSON.stringify(`../../${file.split(sep).join('/')}`)}\n`)
    const name = join(TOGETHER, `${folder}.test.js`)
    writeFileSync(name, imports.join(''))
    return name
  })
}

/** Both in their order, and evenly one among the other. */
function mixed(some: readonly string[], others: readonly string[]): string[] {
  const placed = [some, others].flatMap((list) =>
    list.map((file, index) => ({ file, place: (index + 0.5) / list.length })),
  )
  return placed.sort((a, b) => a.place - b.place).map(({ file }) => file)
}
