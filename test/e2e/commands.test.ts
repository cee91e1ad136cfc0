/** The command as a user runs it: exit codes, and the demo's verdict. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { linkTo, nodeFile, reserve, temporaryDirectory } from './clusters.ts'
import { visitDashboards } from './demo-dashboards.ts'
import { isthmus, MAIN } from './isthmus.ts'

test('isthmus --help and --version', async () => {
  const help = await isthmus('--help')
  assert.equal(help.code, 0)
  assert.match(help.stdout, /isthmus start --config FILE/)
  const version = await isthmus('--version')
  assert.equal(version.code, 0)
  assert.match(version.stdout, /^isthmus \d+\.\d+\.\d+\n$/)
})

test('isthmus without a command, or with an unknown one, is a usage error', async () => {
  for (const args of [[], ['strat'], ['start'], ['demo', '--json']]) {
    const { code, stdout, stderr } = await isthmus(...args)
    assert.equal(code, 2)
    assert.equal(stdout, '')
    assert.match(stderr, /--help` says how it is used|--json goes with --once/)
  }
})

test('isthmus conf check', async (t) => {
  const directory = temporaryDirectory()
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const good = nodeFile(clusterA, [linkTo(clusterB, ['t/#'])], join(directory, 'data'))
  const check = (name: string, text: string): ReturnType<typeof isthmus> => {
    writeFileSync(join(directory, name), text)
    return isthmus('conf', 'check', join(directory, name))
  }

  await t.test('of a good file is 0', async () => {
    const { code, stderr } = await check('good.conf', JSON.stringify(good))
    assert.equal(code, 0, stderr)
  })

  await t.test('of a bad file is 2, with all errors at once and the nearest known key', async () => {
    const bad = { ...good, clutser: {}, cluster: { name: 'cl-a', links: [linkTo(clusterA, ['$LINK/#'])] } }
    const { code, stdout, stderr } = await check('bad.conf', JSON.stringify(bad, undefined, 2))
    assert.equal(code, 2)
    const said = stdout + stderr
    assert.match(said, /bad\.conf/)
    assert.match(said, /clutser[\s\S]*cluster/)
    assert.match(said, /topic_not_allowed/)
    assert.match(said, /cl-a/)
  })

  await t.test('of a file that is not there, or no HOCON, is 2', async () => {
    assert.equal((await isthmus('conf', 'check', join(directory, 'none.conf'))).code, 2)
    assert.equal((await check('broken.conf', 'cluster { name = ')).code, 2)
  })

  await t.test('isthmus start refuses the same files with 2', async () => {
    assert.equal((await isthmus('start', '--config', join(directory, 'bad.conf'))).code, 2)
    assert.equal((await isthmus('start', '--config', join(directory, 'none.conf'))).code, 2)
  })
})

test('isthmus demo --once --json: exactly what is subscribed crosses, each once', async () => {
  const { code, stdout, stderr } = await isthmus('demo', '--once', '--json')
  assert.equal(code, 0, stdout + stderr)
  const outcome: unknown = JSON.parse(stdout)
  assert.ok(typeof outcome === 'object' && outcome !== null)
  const field = (name: string): number => Number(Object.entries(outcome).find(([key]) => key === name)?.[1])
  assert.ok(field('published') > 1000, stdout)
  assert.ok(field('expected') > 0, stdout)
  assert.equal(field('crossed'), field('expected'))
  assert.equal(field('lost'), 0)
  assert.equal(field('duplicated'), 0)
  assert.ok(field('bytes_saved_ratio') > 0.5 && field('bytes_saved_ratio') < 1, stdout)
  assert.match(stdout, /"latency_ms":\{"p50":[\d.]+,"p99":[\d.]+\}/)
})

test('isthmus demo runs until Ctrl-C, then ends its nodes and says what crossed', async () => {
  const child = spawn(process.execPath, ['--enable-source-maps', MAIN, 'demo'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const closed = new Promise((resolve) => child.once('close', resolve))
  const showsTraffic = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (/crossed [1-9]/.test(output)) resolve()
    })
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
  await Promise.race([showsTraffic, closed])
  const ports = [...output.matchAll(/^\S+ {2}127\.0\.0\.1:(\d+)/gm)].map(([, port]) => Number(port))
  assert.equal(ports.length, 2, output)
  assert.match(output, /mosquitto_sub -p \d+ .*\n.*mosquitto_pub -p \d+/)
  assert.deepEqual(await visitDashboards(output), [
    { name: 'us-east', link: 'eu-west' },
    { name: 'eu-west', link: 'us-east' },
  ])
  child.kill('SIGINT')
  assert.equal(await closed, 0, output)
  assert.match(output, /\d+ crossed: 0 lost, 0 doubled/)
  for (const port of ports) {
    const socket = connect(port, '127.0.0.1')
    const [error] = await once(socket, 'error')
    assert.match(String(error), /ECONNREFUSED/, 'the node is gone')
  }
})

test('who follows the demo’s invitation to the letter takes part', async (t) => {
  const child = spawn(process.execPath, ['--enable-source-maps', MAIN, 'demo'], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  const closed = new Promise((resolve) => child.once('close', resolve))
  let output = ''
  const running = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (/crossed [1-9]/.test(output)) resolve()
    })
  })
  child.stderr.resume()
  await Promise.race([running, closed])
  const [another = '', listen = '', say = ''] = [...output.matchAll(/^ {2}(mosquitto_.*)$/gm)].map(([, line]) => line)
  assert.match(another, /^mosquitto_sub .*devices\/0500\/reading/)
  const heard = [another, listen].map((line) => firstLineOf(t, line))
  // The first of these may come before the route.
  const saying = setInterval(() => spawn('sh', ['-c', say], { stdio: 'ignore' }), 300)
  t.after(() => clearInterval(saying))
  const [reading, hello] = await Promise.all(heard)
  assert.match(reading ?? '', /^devices\/0500\/reading /)
  assert.equal(hello, 'devices/hello hi')
  child.kill('SIGINT')
  assert.equal(await closed, 0, output)
})

/** Runs a line of shell until it prints a line, or the test ends. */
function firstLineOf(t: TestContext, line: string): Promise<string> {
  const child = spawn('sh', ['-c', `exec ${line}`], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill())
  return new Promise((resolve, reject) => {
    child.once('close', () => reject(new Error(`nothing came of ${line}`)))
    createInterface({ input: child.stdout }).once('line', resolve)
  })
}
