/** Links over TLS with everything wrong that may be: certificates of either side, and who speaks TLS at all. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { TlsOptions } from 'node:tls'
import { Acceptor, type Answer } from '../../link/acceptor.ts'
import { assertBroken, examineUnsaved, type Side, startSide, stepOf, textOf } from './examined.ts'

// Tests run from the root of the package.
const file = (name: string) => resolve('test/fixtures/tls', name)
const read = (name: string) => readFileSync(file(name))
const trusted = { enable: true, verify: 'verify_peer', cacertfile: file('listeners/ca.pem') }
const own = (name: string) => ({ certfile: file(`listeners/${name}.pem`), keyfile: file(`listeners/${name}.key`) })

/** What comes after TLS is not looked at here. */
const takesNobodyFurther: Answer = ({ packet, peer }) => {
  if (packet.cmd === 'connect') peer.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false })
  if (packet.cmd === 'subscribe') peer.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: [0x87] })
}

/** A peer over TLS. */
async function startPeer(t: TestContext, options: TlsOptions): Promise<number> {
  const acceptor = new Acceptor(takesNobodyFurther, options)
  await acceptor.listen()
  t.after(() => acceptor.close())
  return acceptor.port
}

const good: TlsOptions = { cert: read('listeners/server.pem'), key: read('listeners/server.key') }
const asking: TlsOptions = { ...good, ca: read('listeners/ca.pem'), requestCert: true, rejectUnauthorized: true }

const examineAt = (side: Side, port: number, ssl: object, host = '127.0.0.1') =>
  examineUnsaved(side, { name: 'cl-b', server: `${host}:${port}`, topics: [], ssl })

test('certificates of the peer, and who is trusted', async (t) => {
  const [side, port] = await Promise.all([startSide(t, 'cl-a'), startPeer(t, good)])
  const well = await examineAt(side, port, trusted)
  assert.equal(stepOf(well, 'tls').status, 'ok', textOf(well))
  assert.match(
    stepOf(well, 'tls').detail,
    /TLSv1\.3 and shows a certificate of localhost, issued by Isthmus listener tests/,
  )
  assert.equal(stepOf(well, 'connect').status, 'ok')
  const unverified = stepOf(await examineAt(side, port, { enable: true, verify: 'verify_none' }), 'tls')
  assert.equal(unverified.status, 'ok')
  assert.match(unverified.detail, /is not verified/)
  assertBroken(
    await examineAt(side, port, { ...trusted, cacertfile: file('listeners/other-ca.pem') }),
    'tls',
    /issued by Isthmus listener tests\) is signed by nobody whom this side trusts/,
    /ssl\.cacertfile .* authority Isthmus listener tests/,
  )
  assertBroken(
    await examineAt(side, port, { ...trusted, server_name_indication: 'broker.test' }),
    'tls',
    /is for DNS:localhost, IP Address:127\.0\.0\.1, and the link asks for broker\.test/,
    /ssl\.server_name_indication/,
  )
})

test('a certificate that has expired is named with the day, and with what our clock says', async (t) => {
  const expired = { cert: read('expired/server.pem'), key: read('expired/server.key') }
  const [side, port] = await Promise.all([startSide(t, 'cl-a'), startPeer(t, expired)])
  assertBroken(
    await examineAt(side, port, { ...trusted, cacertfile: file('expired/ca.pem') }),
    'tls',
    /has expired on 2021-01-01T00:00:00Z; the clock of this node says 20/,
    /renew the certificate of the peer/,
  )
})

test('a peer that wants our certificate', async (t) => {
  const [side, port] = await Promise.all([startSide(t, 'cl-a'), startPeer(t, asking)])
  const well = await examineAt(side, port, { ...trusted, ...own('client') })
  assert.equal(stepOf(well, 'connect').status, 'ok', textOf(well))
  for (const { ssl, remedy } of [
    { ssl: trusted, remedy: /set ssl\.certfile and ssl\.keyfile of the link on this side/ },
    {
      ssl: { ...trusted, ...own('stranger') },
      remedy: /signed by an authority in cacertfile of the peer|look into the log of the peer/,
    },
  ]) {
    const report = await examineAt(side, port, ssl)
    const broken = report.steps.find(({ status }) => status === 'failed')
    // The system may lose what the peer says of it when it closes: then the step behind tells.
    assert.match(broken?.step ?? '', /^(tls|connect)$/, textOf(report))
    assert.match(broken?.remedy ?? '', remedy)
  }
  const expired = { certfile: file('expired/server.pem'), keyfile: file('expired/server.key') }
  assertBroken(
    await examineAt(side, port, { ...trusted, ...expired }),
    'tls',
    /our certificate .* has expired on 2021/,
    /renew ssl\.certfile/,
  )
})

test('one side speaks TLS, and the other does not', async (t) => {
  const [side, port] = await Promise.all([startSide(t, 'cl-a'), startPeer(t, good)])
  assertBroken(
    await examineAt(side, side.port, trusted),
    'tls',
    /does not answer as one who speaks TLS/,
    /ssl\.enable = false/,
  )
  assertBroken(
    await examineAt(side, port, { enable: false }),
    'connect',
    /before it answered our CONNECT|is no MQTT/,
    /ssl\.enable = true|MQTT over TCP/,
  )
})
