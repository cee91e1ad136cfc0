/** Users, rights, clients, keys and alarms on the command line, against a node that runs. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startNodeProcess } from '../../../src/cli/demo/node-process.ts'
import { type How, run } from '../../cli/terminal.ts'
import { connectClient } from '../clients.ts'
import { nodeFile, reserve, temporaryDirectory } from '../clusters.ts'

const rules = '{allow, {user, "devices"}, publish, ["d/#"]}.\n{allow, all, subscribe, ["d/#"]}.\n{deny, all}.'

test('a node is operated from the command line', async (t) => {
  const directory = temporaryDirectory()
  const cluster = await reserve('cl-us')
  const acl = join(directory, 'acl.conf')
  writeFileSync(acl, rules)
  const file = {
    ...nodeFile(cluster, [], join(directory, 'data')),
    dashboard: { listeners: { http: { bind: '127.0.0.1:0' } } },
    authentication: [{ mechanism: 'password_based', backend: 'built_in_database' }],
    authorization: { no_match: 'deny', sources: [{ type: 'file', path: acl }] },
  }
  const node = await startNodeProcess(file, directory)
  t.after(() => node.kill())
  const dataDir = file.node.data_dir
  const cli = async (line: readonly string[], how?: How): Promise<string> => {
    const { code, out, complaints } = await run([...line, '--data-dir', dataDir], how)
    assert.equal(code, 0, complaints)
    return out
  }
  const failed = async (...line: readonly string[]): Promise<string> => {
    const { code, complaints } = await run([...line, '--data-dir', dataDir])
    assert.equal(code, 1)
    return complaints
  }

  await t.test('MQTT users: added with a password from a pipe, or asked for twice', async () => {
    assert.equal(
      await cli(['users', 'add', 'devices', '--password-file', '-'], { input: 'hush\n' }),
      'user devices added\n',
    )
    assert.match(await failed('users', 'add', 'devices', '--password', 'x'), /User already exists: devices/)
    const asked = await run(['users', 'add', 'root', '--superuser', '--data-dir', dataDir], {
      isTTY: true,
      answers: ['pw', 'pw'],
    })
    assert.deepEqual([asked.code, asked.complaints], [0, 'password of root: \nonce more: \n'])
    const slip = await run(['users', 'passwd', 'root', '--data-dir', dataDir], { isTTY: true, answers: ['pw', 'wp'] })
    assert.equal(slip.code, 2)
    assert.match(slip.complaints, /these are two passwords/)
    const nobody = await run(['users', 'passwd', 'root', '--data-dir', dataDir])
    assert.equal(nobody.code, 2)
    assert.match(nobody.complaints, /the password is missing: --password-file FILE/)
    assert.equal(await cli(['users', 'list', '--search', 'o']), 'root\tyes\n')
    assert.match(await cli(['users', 'list'], { isTTY: true }), /^USER +SUPERUSER\ndevices +no\nroot +yes\n$/)
    assert.equal(
      await cli(['users', 'passwd', 'root', '--password-file', '-'], { input: 'other' }),
      'user root has a new password\n',
    )
    assert.equal(await cli(['users', 'delete', 'root']), 'user root deleted\n')
    assert.match(await failed('users', 'delete', 'root'), /User not found: root/)
  })

  await t.test('rights: the verdict, the rule, and the exit code', async () => {
    const may = ['acl', 'test', 'publish', 'd/1', '--clientid', 'c', '--username', 'devices']
    assert.match(await cli(may), /^allow: by this rule\n {2}\{allow, .*"devices".*\n {2}.*acl\.conf:1\n$/)
    assert.equal(
      await cli(['acl', 'test', 'publish', 'x', '--clientid', 'c', '--superuser']),
      'allow: it is a superuser, for whom no rule holds\n',
    )
    const mayNot = await run(['acl', 'test', 'publish', 'e/1', '--clientid', 'c', '--data-dir', dataDir])
    assert.equal(mayNot.code, 1)
    assert.match(mayNot.out, /^deny: by this rule\n {2}\{deny, all.*\n {2}.*acl\.conf:3\n$/)
    assert.match(await failed('acl', 'test', 'publish', 'a/#', '--clientid', 'c'), /topic: /)
    const told = JSON.parse(await cli([...may, '--json'])) as Record<string, unknown>
    assert.deepEqual([told['result'], told['by']], ['allow', 'rule'])
  })

  await t.test('clients: listed, shown, kicked', async (t) => {
    const client = await connectClient(t, node.mqttPort, {
      clientId: 'sensor-7',
      username: 'devices',
      password: 'hush',
      reconnectPeriod: 0,
    })
    await client.subscribeAsync('d/+', { qos: 1 })
    assert.match(
      await cli(['clients', 'list', '--search', 'sensor']),
      /^sensor-7\tdevices\tconnected\t127\.0\.0\.1\tcl-us@127\.0\.0\.1\t1\t/,
    )
    assert.equal(await cli(['clients', 'list', '--no-connected']), '')
    assert.match(await cli(['clients', 'show', 'sensor-7']), /^node\tcl-us@127\.0\.0\.1\nclientid\tsensor-7\n/)
    assert.equal(await cli(['clients', 'subscriptions', 'sensor-7']), 'sensor-7\t1\tcl-us@127.0.0.1\td/+\n')
    assert.equal(await cli(['clients', 'subscriptions', '--topic', 'd/x']), 'sensor-7\t1\tcl-us@127.0.0.1\td/+\n')
    const gone = new Promise<void>((resolve) => void client.once('close', () => resolve()))
    const kicked = await run(['clients', 'kick', 'nobody', 'sensor-7', '--data-dir', dataDir])
    assert.deepEqual(kicked, {
      code: 1,
      out: 'client sensor-7 kicked\n',
      complaints: 'isthmus: Client ID not found: nobody\n',
    })
    await gone
    assert.match(await failed('clients', 'show', 'sensor-7'), /isthmus clients show: Client ID not found: sensor-7/)
  })

  await t.test('users of the dashboard', async () => {
    assert.match(await failed('admins', 'add', 'anna', '--password', 'short'), /password: expected 8 to 64 characters/)
    assert.equal(
      await cli(['admins', 'add', 'anna', '--password-file', '-'], { input: 'abcd-1234' }),
      'user anna of the dashboard added, as viewer\n',
    )
    assert.match(await cli(['admins', 'list']), /^admin\tadministrator\t.*\nanna\tviewer\t\n$/)
    assert.equal(
      await cli(['admins', 'passwd', 'anna', '--password-file', '-'], { input: 'abcd-12345' }),
      'user anna of the dashboard has a new password\n',
    )
    assert.equal(await cli(['admins', 'delete', 'anna']), 'user anna of the dashboard deleted\n')
    assert.match(await failed('admins', 'delete', 'admin'), /this is the last administrator/)
  })

  await t.test(
    'API keys: with one the same is asked from elsewhere; a wrong or a weak one is told as that',
    async () => {
      const made = await cli(['api-keys', 'add', 'look', '--role', 'viewer'])
      const env = Object.fromEntries(
        made
          .trim()
          .split('\n')
          .map((line) => line.split('\t') as [string, string]),
      )
      assert.deepEqual(Object.keys(env), ['ISTHMUS_API_KEY', 'ISTHMUS_API_SECRET'])
      const { url } = JSON.parse(readFileSync(join(dataDir, 'api.json'), 'utf8')) as { url: string }
      const remote = (line: readonly string[], more: Record<string, string> = {}): ReturnType<typeof run> =>
        run(line, { env: { ISTHMUS_URL: url, ...env, ...more } })
      assert.match((await remote(['nodes', 'list'])).out, /^cl-us@127\.0\.0\.1\trunning\t/)
      const weak = await remote(['links', 'create', 'x', '--server', 'h:1', '--topics', 't'])
      assert.equal(weak.code, 1)
      assert.match(weak.complaints, /a viewer may look, not change: .*\(the API key \w+ is a viewer’s\)/)
      assert.match(
        (await remote(['api-keys', 'list'])).complaints,
        /no API key may do this: .*on the node’s own machine/,
      )
      const wrong = await remote(['nodes', 'list'], { ISTHMUS_API_SECRET: 'wrong' })
      assert.deepEqual([wrong.code, wrong.out], [1, ''])
      assert.match(wrong.complaints, /Check api_key\/api_secret: http:.* does not know the API key/)
      assert.match(await cli(['api-keys', 'list']), /^look\t\w+\tviewer\tenabled\tnever\t\n$/)
      assert.equal(await cli(['api-keys', 'delete', 'look']), 'API key look deleted\n')
      assert.match((await remote(['nodes', 'list'])).complaints, /Check api_key\/api_secret/)
    },
  )

  await t.test('alarms, and the nodes', async () => {
    assert.equal(await cli(['alarms', 'list', '--past'], { isTTY: true }), 'there are no alarms\n')
    assert.equal(await cli(['alarms', 'clear']), 'the alarms that are over are forgotten\n')
    assert.match(await cli(['nodes', 'list'], { isTTY: true }), /^NODE +STATUS .*\ncl-us@127\.0\.0\.1 +running/)
  })

  await t.test('the configuration that runs, with links as they were made over the API', async () => {
    await cli([
      'links',
      'create',
      'cl-eu',
      '--server',
      'h:1',
      '--topics',
      't',
      '--no-enable',
      '--username',
      'u',
      '--password',
      'hush',
    ])
    const { code, out } = await run(['conf', 'show', node.configFile])
    assert.equal(code, 0)
    assert.match(out, /^# cluster\.links: the links of cl-us as they run\n/)
    assert.match(out, /name = "cl-eu"[\s\S]*password = "\*{6}"/)
    assert.doesNotMatch(out, /hush/)
    assert.doesNotMatch((await run(['conf', 'show', node.configFile, '--file-only'])).out, /cl-eu/)
    const json = JSON.parse((await run(['conf', 'show', node.configFile, '--json'])).out) as {
      mqtt: { max_packet_size: string }
    }
    assert.equal(json.mqtt.max_packet_size, '1MB')
    assert.match((await run(['conf', 'show', '--keys'])).out, /^cluster\.links\[\]\.server$/m)
    assert.equal((await run(['conf', 'show'])).code, 2)
  })

  await t.test('a node that was killed has left a token that is of no use any more', async () => {
    await node.kill()
    assert.match(
      await failed('clients', 'list'),
      /nobody listens there\. .*api\.json was left by a node that is gone: start it again/,
    )
  })
})
