import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadConfigFile } from '../../src/config/parse-config.ts'

const DEPLOY = new URL('../../../scripts/deploy/', import.meta.url)
const compose = readFileSync(new URL('docker-compose.yml', DEPLOY), 'utf8')

for (const { cluster, peer } of [
  { cluster: 'us-east', peer: 'eu-west' },
  { cluster: 'eu-west', peer: 'us-east' },
])
  test(`the configuration of ${cluster} in containers is good, and names what docker-compose.yml has`, async () => {
    const file = fileURLToPath(new URL(`${cluster}.conf`, DEPLOY))
    const loaded = await loadConfigFile(file, { ISTHMUS_NODE: `isthmus@${cluster}-1` })
    assert.equal(loaded.type, 'ok', JSON.stringify(loaded))
    if (loaded.type !== 'ok') return
    const { node, cluster: section, listeners } = loaded.config
    assert.equal(node.name, `isthmus@${cluster}-1`)
    assert.deepEqual(section.nats?.servers, [`nats://nats-${cluster}:4222`])
    assert.match(compose, new RegExp(`^ {2}nats-${cluster}:`, 'm'))
    assert.deepEqual(
      section.links.map(({ name, server }) => ({ name, server })),
      [{ name: peer, server: `${peer}:1883` }],
    )
    assert.match(compose, new RegExp(`aliases: \\[${peer}\\]`))
    assert.equal(listeners.tcp['default']?.port, 1883)
  })
