/** Tests of numbered statements: one for each version that has the statement, with its number in the name. */
import test, { type TestContext } from 'node:test'
import type { Version } from '../broker/raw-client.ts'

/** So that a server that never answers is a test that fails, on the slowest machine too. */
const TIMEOUT_MS = 120_000

const versionNames: Readonly<Record<Version, string>> = { 3: '3.1', 4: '3.1.1', 5: '5.0' }

/**
 * @param name says what holds, in a sentence; the tables of statements list the test under it
 * @param statements by protocol level the numbers of what this shows, such as `3.1.0-1 3.1.0-2`; empty for what has no number
 */
export function holds(
  name: string,
  statements: Readonly<Partial<Record<Version, string>>>,
  body: (t: TestContext, version: Version) => Promise<void>,
): void {
  for (const version of [3, 4, 5] as const) {
    const numbers = statements[version]
    if (numbers === undefined) continue
    const tags = numbers === '' ? [] : numbers.split(' ').map((number) => `[MQTT-${number}]`)
    const whole = [`MQTT ${versionNames[version]}: ${name}`, ...tags].join(' ')
    void test(whole, { timeout: TIMEOUT_MS }, (t) => body(t, version))
  }
}
