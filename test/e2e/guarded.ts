/** Clusters whose nodes ask who somebody is, and what they may. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type LinkFile, type NodeFile, type NodeProcess, startNodeProcess } from '../../src/cli/demo/node-process.ts'
import { type Cluster, nodeFile, temporaryDirectory } from './clusters.ts'

export type Guard = {
  /** Passwords by user name; `undefined`: nobody is asked. */
  readonly users?: Readonly<Record<string, string>>
  /** The text of `acl.conf`; `undefined`: there are no rules. */
  readonly rules?: string
  /** Beside `sources` under `authorization`. */
  readonly authorization?: object
}

export type GuardedNode = NodeProcess & {
  /** Writes other rules into the file; SIGHUP is the caller's to send. */
  writeRules(text: string): void
}

/** Resolves when the node serves clients. It is killed when the test ends, should it still live. */
export async function startGuarded(
  t: TestContext,
  cluster: Cluster,
  links: readonly LinkFile[],
  guard: Guard,
): Promise<GuardedNode> {
  const directory = temporaryDirectory()
  const writeRules = (text: string): void => writeFileSync(join(directory, 'acl.conf'), text)
  const node = await startNodeProcess(
    guardedFile(nodeFile(cluster, links, join(directory, 'data')), directory, guard),
    directory,
  )
  t.after(() => node.kill())
  return Object.assign(node, { writeRules })
}

/** The node's file with its guard, and the files that it names. */
export function guardedFile(file: NodeFile, directory: string, { users, rules, authorization }: Guard): NodeFile {
  if (users !== undefined) {
    const lines = Object.entries(users).map(([name, password]) => `${name},${password},false\n`)
    writeFileSync(join(directory, 'users.csv'), `user_id,password,is_superuser\n${lines.join('')}`)
  }
  if (rules !== undefined) writeFileSync(join(directory, 'acl.conf'), rules)
  const sources = rules === undefined ? [] : [{ type: 'file', path: 'acl.conf' }]
  const authentication = [
    { mechanism: 'password_based', backend: 'built_in_database', bootstrap_file: 'users.csv', bootstrap_type: 'plain' },
  ]
  return {
    ...file,
    ...(users === undefined ? {} : { authentication }),
    ...(rules === undefined && authorization === undefined ? {} : { authorization: { ...authorization, sources } }),
  }
}
