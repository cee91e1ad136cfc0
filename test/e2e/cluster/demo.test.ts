/** `isthmus demo --cluster` as a user runs it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { visitDashboards } from '../demo-dashboards.ts'
import { isthmus, MAIN } from '../isthmus.ts'

type Account = {
  readonly published: number
  readonly arrived: number
  readonly lost: number
  readonly subscribers: readonly { readonly node: string; readonly arrived: number; readonly lost: number }[]
  readonly kills: readonly { readonly node: string; readonly held: readonly string[] }[]
}

test('isthmus demo --cluster --once --json: two nodes are killed, and nothing that was acknowledged is lost', async () => {
  const { code, stdout, stderr } = await isthmus('demo', '--cluster', '--once', '--json')
  assert.equal(code, 0, stdout + stderr)
  assert.equal(stderr, '')
  const account = JSON.parse(stdout) as Account
  assert.ok(account.published > 500, stdout)
  assert.equal(account.lost, 0)
  assert.deepEqual(
    account.subscribers.map(({ node }) => node),
    ['us-east-1', 'us-east-2', 'us-east-3', 'eu-west-1', 'eu-west-2'],
  )
  // What arrived and was never acknowledged may be more.
  for (const { arrived } of account.subscribers) assert.ok(arrived >= account.published, stdout)
  const [first, second, ...more] = account.kills
  assert.deepEqual(more, [])
  assert.ok(first !== undefined && second !== undefined && first.node !== second.node, stdout)
  assert.ok(first.held.length > 0, `a node that spoke for its cluster was killed: ${stdout}`)
})

test('isthmus demo --cluster says where a node of each cluster serves a dashboard, and who may log in', async (t) => {
  const args = ['--enable-source-maps', MAIN, 'demo', '--cluster']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
  const closed = new Promise((resolve) => child.once('close', resolve))
  const isShown = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (/^ {2}dashboard of eu-west.*\n/m.test(output)) resolve()
    })
  })
  await Promise.race([isShown, closed])
  assert.deepEqual(await visitDashboards(output), [
    { name: 'us-east-1', link: 'eu-west' },
    { name: 'eu-west-1', link: 'us-east' },
  ])
  child.kill('SIGINT')
  assert.equal(await closed, 0, output)
})
