/**
 * What a run of test files says where nobody watches: a line for each file as soon as it ends; when all have ended, the slowest ones,
 * what the processes wrote that failed, each failure in full, and the sum. So the tail of a log tells what is wrong.
 */
import { join, relative } from 'node:path'
import type { EventData, run } from 'node:test'
import { inspect } from 'node:util'

const SLOWEST = 15
/** Of what a process wrote, the last of it; of an error, the first. */
const CHARACTERS_MAX = 4_000
/** What `node:test` counts itself. */
const isSum = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /

export class TestReport {
  readonly #startedMs = performance.now()
  readonly #files: ReadonlySet<string>
  readonly #write: (text: string) => void
  readonly #ended: { readonly file: string; readonly ms: number; readonly passed: boolean }[] = []
  readonly #failures: string[] = []
  readonly #output = new Map<string, string>()
  /** Of something that went on after its test had ended, say. */
  readonly #strays: string[] = []
  /** Titles of the test that is told of, and of those around it. */
  readonly #path: string[] = []
  /** Tests that began and have not ended: files are told of one after the other. */
  readonly #underWay = new Set<string>()
  #passed = 0

  /**
   * @param files as `run` was given them
   * @param write takes whole lines
   */
  constructor(stream: ReturnType<typeof run>, files: readonly string[], write: (text: string) => void) {
    this.#files = new Set(files)
    this.#write = write
    stream.on('test:stdout', (event) => this.#keep(event))
    stream.on('test:stderr', (event) => this.#keep(event))
    stream.on('test:diagnostic', ({ file, message }) => {
      // By the source of the test; what belongs to none is of the last file's end, or a sum.
      if (file !== undefined) this.#keep({ file: compiled(file), message: `# ${message}\n` })
      else if (!isSum.test(message)) this.#strays.push(message)
    })
    stream.on('test:dequeue', (event) => {
      if (!this.#isFile(event)) this.#underWay.add(keyOf(event))
    })
    stream.on('test:complete', (event) => {
      if (this.#isFile(event)) this.#end(event)
      else this.#underWay.delete(keyOf(event))
    })
    stream.on('test:start', ({ name, nesting }) => {
      this.#path[nesting] = name
    })
    stream.on('test:pass', (event) => {
      if (event.details.type !== 'suite' && !this.#isFile(event)) this.#passed += 1
    })
    stream.on('test:fail', (event) => this.#fail(event))
    stream.once('end', () => this.#sum())
    stream.resume()
  }

  /** When all have ended: whether all is well. */
  get isGood(): boolean {
    return this.#failures.length === 0 && this.#ended.every(({ passed }) => passed)
  }

  /** A process reports itself as a test by the name of its file. */
  #isFile({ name, nesting }: { readonly name: string; readonly nesting: number }): boolean {
    return nesting === 0 && this.#files.has(name)
  }

  #keep({ file, message }: EventData.TestStdout): void {
    const name = relative('.', file)
    this.#output.set(name, ((this.#output.get(name) ?? '') + message).slice(-CHARACTERS_MAX))
  }

  #end({ name: file, details: { duration_ms: ms, passed } }: EventData.TestComplete): void {
    this.#ended.push({ file, ms, passed })
    this.#write(`${seconds(ms)}  ${file}${passed ? '' : '  FAILED'}\n`)
  }

  #fail(event: EventData.TestFail): void {
    const { name, nesting, file, line, details, todo } = event
    const error = causeOf(details.error)
    // Those around a test that failed are told of with it.
    if ((todo !== undefined && todo !== false) || codeOf(details.error) === 'subtestsFailed') return
    const titles = [...this.#path.slice(0, nesting), name]
    const place = file === undefined || this.#isFile(event) ? '' : ` (${relative('.', file)}:${line ?? 0})`
    const text = (typeof error === 'string' ? error : inspect(error)).slice(0, CHARACTERS_MAX)
    const open = this.#isFile(event) ? [...this.#underWay].map((test) => `\nunder way: ${test}`).join('') : ''
    if (this.#isFile(event)) this.#underWay.clear()
    this.#failures.push(`FAILED: ${titles.join(' > ')}${place}\n${text}${open}\n`)
  }

  #sum(): void {
    const slowest = this.#ended.toSorted((a, b) => b.ms - a.ms).slice(0, SLOWEST)
    const failed = this.#ended.filter(({ passed }) => !passed)
    this.#write(`\nThe slowest:\n${slowest.map(({ file, ms }) => `${seconds(ms)}  ${file}\n`).join('')}`)
    for (const { file } of failed) {
      const output = this.#output.get(file)
      if (output !== undefined) this.#write(`\nThe last that ${file} wrote:\n${output}`)
    }
    for (const stray of this.#strays) this.#write(`\n${stray}\n`)
    for (const failure of this.#failures) this.#write(`\n${failure}`)
    const took = ((performance.now() - this.#startedMs) / 1_000).toFixed(0)
    const sum = `${this.#ended.length} processes, ${this.#passed} tests passed, ${this.#failures.length} failed, ${took} s`
    this.#write(
      `\n${this.isGood ? 'Good' : 'Not good'}: ${sum}\n${failed.map(({ file }) => `FAILED  ${file}\n`).join('')}`,
    )
  }
}

/** Where the output of a source stands. */
function compiled(file: string): string {
  return file.endsWith('.ts') ? join('dist', relative('.', file).replace(/\.ts$/, '.js')) : file
}

function keyOf({ name, nesting }: { readonly name: string; readonly nesting: number }): string {
  return `${'  '.repeat(nesting)}${name}`
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1).padStart(6)} s`
}

/** `node:test` wraps what a test has thrown. */
function causeOf(error: Error): unknown {
  return error.cause ?? error
}

function codeOf(error: Error): unknown {
  return 'failureType' in error ? error.failureType : undefined
}
