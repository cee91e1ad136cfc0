/** `isthmus links ...` as a person and a script use it, against nodes that run. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { type NodeProcess, startNodeProcess } from '../../../src/cli/demo/node-process.ts'
import { type How, run } from '../../cli/terminal.ts'
import { linkTo, nodeFile, reserve, startCluster, temporaryDirectory } from '../clusters.ts'
import { isthmus, MAIN } from '../isthmus.ts'

type Cli = (line: readonly string[], how?: How) => Promise<string>

/** A node with an API, a peer that has a link to it, and the command line with the node's own configuration. */
async function stage(t: TestContext): Promise<{ node: NodeProcess; cli: Cli; server: string }> {
  const directory = temporaryDirectory()
  const [us, eu] = await Promise.all([reserve('cl-us'), reserve('cl-eu')])
  const file = {
    ...nodeFile(us, [], join(directory, 'data')),
    dashboard: { listeners: { http: { bind: '127.0.0.1:0' } } },
  }
  const [node] = await Promise.all([
    startNodeProcess(file, directory),
    startCluster(t, eu, [linkTo(us, ['t/#'], { pool_size: 1 })]),
  ])
  t.after(() => node.kill())
  const cli: Cli = async (line, how) => {
    const { code, out, complaints } = await run([...line, '--config', node.configFile], how)
    assert.equal(code, 0, complaints)
    return out
  }
  return { node, cli, server: `127.0.0.1:${eu.port}` }
}

test('a link from its making to its end', async (t) => {
  const { node, cli, server } = await stage(t)
  const failed = async (...line: readonly string[]): Promise<string> => {
    const { code, out, complaints } = await run([...line, '--config', node.configFile])
    assert.deepEqual({ code, out }, { code: 1, out: '' })
    return complaints
  }

  await t.test('what is wrong with it is told for each field, by --check without making it', async () => {
    const wrong = ['links', 'create', 'cl-eu', '--server', 'h:0', '--topics', 'a/#/b']
    for (const line of [wrong, [...wrong, '--check']]) {
      const said = await failed(...line)
      assert.match(said, /server: .*port/)
      assert.match(said, /topics: "a\/#\/b" has a `#` that is not its last level/)
    }
    assert.match(
      await failed('links', 'create', 'cl-eu', '--server', server, '--set', 'topcis=[]'),
      /did you mean "topics"\?/,
    )
    assert.equal(await cli(['links', 'create', 'cl-eu', '--server', server, '--topics', 'u/#', '--check']), 'good\n')
    assert.equal(await cli(['links', 'list']), '')
    assert.match(await cli(['links', 'list'], { isTTY: true }), /^there are no links; `isthmus links create --help`/)
  })

  await t.test('it is made, and runs before --wait is over', async () => {
    const made = [
      'links',
      'create',
      'cl-eu',
      '--server',
      server,
      '--topics',
      'u/#,v/+',
      '--pool-size',
      '1',
      '--wait',
      '60',
    ]
    assert.equal(await cli(made), 'link cl-eu created: running\n')
    assert.match(await failed('links', 'create', 'cl-eu', '--server', server, '--topics', 't'), /already exists/i)
  })

  await t.test('it is listed: for people, for programs, and as the API has it', async () => {
    assert.match(
      await cli(['links', 'list'], { isTTY: true }),
      /^NAME +ENABLED +STATUS .*\ncl-eu +yes +running +127\.0\.0\.1:\d+ +u\/#, v\/\+\n$/,
    )
    assert.equal(await cli(['links', 'list']), `cl-eu\tyes\trunning\t${server}\tu/#, v/+\t\n`)
    const [link] = JSON.parse(await cli(['links', 'list', '--json'])) as [Record<string, unknown>]
    assert.deepEqual([link['name'], link['status'], link['topics']], ['cl-eu', 'running', ['u/#', 'v/+']])
    assert.match(
      await cli(['links', 'show', 'cl-eu'], { isTTY: true }),
      /status +running\n[\s\S]*pool_size +1\n[\s\S]*NODE +STATUS .*\ncl-us@127\.0\.0\.1 +running/,
    )
  })

  await t.test('what there is to see of it', async () => {
    assert.match(
      await cli(['links', 'stats', 'cl-eu'], { isTTY: true }),
      /routes +0 of ours, 0 of the peer\n[\s\S]*acknowledged in +none yet\n[\s\S]*what we send[\s\S]*matched +0\n[\s\S]*NODE +MATCHED/,
    )
    assert.match(await cli(['links', 'stats']), /^cl-eu\trunning\t0\t0\t/)
    const metrics = JSON.parse(await cli(['links', 'stats', 'cl-eu', '--json'])) as Record<
      string,
      Record<string, unknown>
    >
    assert.ok(metrics['metrics']?.['ledger'])
    assert.equal(await cli(['links', 'routes', 'cl-eu'], { isTTY: true }), 'the peer wants nothing of us\n')
    assert.equal(await cli(['links', 'outbox', 'cl-eu']), '')
    assert.match(await cli(['links', 'drift', 'cl-eu']), /^our cluster’s name\tcl-us\tcl-us\tyes\t/)
    assert.match(await cli(['links', 'progress', 'cl-eu'], { isTTY: true }), /nothing is under way/)
    assert.equal(
      await cli(['links', 'dry-run', 'cl-eu', '--topics', 'x/#', '--seconds', '1']),
      'x/#\t0\t0 B\nin all\t0\t0 B\n',
    )
  })

  await t.test('it is changed in what is given alone', async () => {
    const said = await cli([
      'links',
      'update',
      'cl-eu',
      '--topics',
      'u/#',
      '--set',
      'resource_opts.request_ttl=1h',
      '--wait',
      '60',
    ])
    assert.equal(said, 'link cl-eu updated: running\n')
    const shown = await cli(['links', 'show', 'cl-eu'])
    for (const fact of ['topics\t["u/#"]', 'pool_size\t1', 'resource_opts.request_ttl\t1h', `server\t${server}`])
      assert.ok(shown.includes(`${fact}\n`), `${fact} in ${shown}`)
    await cli(['links', 'update', 'cl-eu', '--unset', 'resource_opts.request_ttl'])
    assert.ok((await cli(['links', 'show', 'cl-eu'])).includes('resource_opts.request_ttl\tinfinity\n'))
    const nothing = await run(['links', 'update', 'cl-eu', '--config', node.configFile])
    assert.equal(nothing.code, 2)
    assert.match(nothing.complaints, /what is to change\?/)
  })

  await t.test('a password is read from a file or asked for, never shown; in the open it is warned of', async () => {
    const secret = join(temporaryDirectory(), 'secret.txt')
    writeFileSync(secret, 'hush\n')
    await cli(['links', 'update', 'cl-eu', '--username', 'us', '--password-file', secret])
    assert.ok((await cli(['links', 'show', 'cl-eu'])).includes('password\t******\n'))
    const asked = await run(['links', 'update', 'cl-eu', '--ask-password', '--config', node.configFile], {
      isTTY: true,
      answers: ['hush'],
    })
    assert.deepEqual([asked.code, asked.complaints], [0, 'password at the peer: \n'])
    const open = await run(['links', 'update', 'cl-eu', '--password', 'hush', '--config', node.configFile])
    assert.equal(open.code, 0)
    assert.match(open.complaints, /--password: everybody on this machine can see it/)
    await cli(['links', 'update', 'cl-eu', '--unset', 'username', '--unset', 'password'])
    assert.doesNotMatch(await cli(['links', 'show', 'cl-eu']), /password|username/)
  })

  await t.test('what holds back, and what begins anew', async () => {
    assert.equal(await cli(['links', 'pause', 'cl-eu']), 'link cl-eu: what is for it waits\n')
    assert.match(await cli(['links', 'show', 'cl-eu', '--json']), /"paused":true/)
    assert.equal(await cli(['links', 'resume', 'cl-eu']), 'link cl-eu: what is for it goes on\n')
    assert.equal(await cli(['links', 'reset', 'cl-eu']), 'link cl-eu: all counts begin anew\n')
    assert.equal(await cli(['links', 'purge', 'cl-eu', '--reason', 'a test']), 'link cl-eu: 0 messages given up\n')
  })

  await t.test('disabled, and enabled again', async () => {
    assert.equal(await cli(['links', 'disable', 'cl-eu']), 'link cl-eu disabled\n')
    assert.match(await cli(['links', 'list']), /^cl-eu\tno\tstopped\t/)
    assert.equal(await cli(['links', 'enable', 'cl-eu', '--wait', '60']), 'link cl-eu enabled: running\n')
  })

  await t.test('what it is written as makes another one', async () => {
    const written = await cli(['links', 'show', 'cl-eu', '--json'])
    const made = ['links', 'create', 'cl-copy', '--file', '-', '--no-enable']
    assert.equal(await cli(made, { input: written }), 'link cl-copy created: stopped; the link is disabled\n')
    const file = join(temporaryDirectory(), 'link.conf')
    writeFileSync(file, 'server = "h:1", topics = ["a"]\nenable = false // for now\n')
    assert.match(await cli(['links', 'create', 'cl-file', '--file', file]), /^link cl-file created: stopped/)
    writeFileSync(file, 'cluster.links = []')
    const whole = await run(['links', 'create', 'x', '--file', file, '--config', node.configFile])
    assert.equal(whole.code, 2)
    assert.match(whole.complaints, /this is a whole configuration/)
  })

  await t.test('a person is asked before it is deleted, a script is not', async () => {
    const line = ['links', 'delete', 'cl-eu', '--config', node.configFile]
    const no = await run(line, { isTTY: true, answers: ['n'] })
    assert.equal(no.code, 1)
    assert.match(
      no.complaints,
      /delete the link cl-eu to 127\.0\.0\.1:\d+, and give up what waits to cross it\? \[y\/N\] [\s\S]*nothing was changed/,
    )
    assert.equal((await run(line, { isTTY: true, answers: ['y'] })).code, 0)
    assert.equal(await cli(['links', 'delete', 'cl-copy']), 'link cl-copy deleted\n')
    assert.equal(await cli(['links', 'delete', 'cl-file', '--yes'], { isTTY: true }), 'link cl-file deleted\n')
    for (const act of ['show', 'delete', 'disable', 'stats', 'pause', 'reset', 'drift'])
      assert.equal(await failed('links', act, 'cl-eu'), `isthmus links ${act}: Cluster link not found\n`)
  })

  await t.test('--watch goes on until it is told to end', async () => {
    const args = [MAIN, 'links', 'list', '--watch', '--json', '--config', node.configFile]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => child.kill('SIGKILL'))
    const ended = once(child, 'close')
    const lines: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line)
      if (lines.length === 2) child.kill('SIGINT')
    }
    assert.deepEqual(lines.slice(0, 2), ['[]', '[]'])
    assert.equal((await ended)[0], 0)
  })

  await t.test('the real command says the same, with the same exit codes', async () => {
    const gone = await isthmus('links', 'show', 'cl-eu', '--config', node.configFile)
    assert.deepEqual(gone, { code: 1, stdout: '', stderr: 'isthmus links show: Cluster link not found\n' })
    assert.equal((await isthmus('links', 'show')).code, 2)
  })

  await t.test('a node that has ended leaves nothing; one that was killed is told apart', async () => {
    assert.equal(await node.stop(), 0)
    assert.match(await failed('links', 'list'), /api\.json is not there: does the node run/)
  })
})
