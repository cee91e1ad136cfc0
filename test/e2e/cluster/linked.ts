/** Two clusters of several nodes each, linked both ways, and what a test asks of both ends of such a link. */
import assert from 'node:assert/strict'
import { connect as dial, createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { parser as createParser } from 'mqtt-packet'
import type { LinkFile } from '../../../src/cli/demo/node-process.ts'
import { listenOnFreePort } from '../../../src/cli/demo/relay.ts'
import type { TestNats } from '../../cluster/nats-server.ts'
import { eventually, type MemberOptions, seesAll, TestMember } from './members.ts'

export type Half = {
  readonly cluster: string
  readonly size: number
  /** What it wants of the other. */
  readonly topics: readonly string[]
  /** How it reaches the other half, through these doors: the same for all members, who share their links. All in a row, if left out. */
  readonly server?: (doors: readonly Door[]) => Promise<string> | string
  /** Of the member with this number, from 0. */
  readonly more?: (index: number) => Partial<MemberOptions>
  readonly link?: Partial<LinkFile>
}

/** Where a member listens, which is another place after each start; `undefined` before the first. */
export type Door = { port: number | undefined }

/** Starts both at once over one NATS; resolves when members see each other and every link runs on every member. */
export async function startLinked(t: TestContext, nats: TestNats, halves: readonly [Half, Half]) {
  const doors = halves.map(({ size }) => Array.from({ length: size }, (): Door => ({ port: undefined })))
  const servers = await Promise.all(halves.map(async ({ server = nodesBehind(t) }, at) => server(doors[1 - at]!)))
  const [one, other] = await Promise.all(
    halves.map((half, at) =>
      startHalf(t, nats, half, doors[at]!, { name: halves[1 - at]!.cluster, server: servers[at]! }),
    ),
  )
  assert(one !== undefined && other !== undefined)
  await Promise.all([linkRuns(one, halves[1].cluster), linkRuns(other, halves[0].cluster)])
  return [one, other] as const
}

async function startHalf(
  t: TestContext,
  nats: TestNats,
  { cluster, topics, more, link }: Half,
  doors: readonly Door[],
  peer: Pick<LinkFile, 'name' | 'server'>,
): Promise<TestMember[]> {
  const names = doors.map((_, index) => `${cluster}${index + 1}@127.0.0.1`)
  const links = [{ ...peer, topics, pool_size: 2, ...link }]
  const members = await Promise.all(
    doors.map((door, index) =>
      TestMember.start(t, {
        cluster,
        nats: [nats.url],
        links,
        name: names[index]!,
        port: 0,
        listening: (port) => (door.port = port),
        ...more?.(index),
      }),
    ),
  )
  await Promise.all(members.map((member) => seesAll(member, names)))
  return members
}

/** An address for each door, one after the other, as somebody would write them into a file. */
const nodesBehind =
  (t: TestContext) =>
  async (doors: readonly Door[]): Promise<string> => {
    const single = await Promise.all(doors.map((door) => Balancer.start(t, [door])))
    return single.map(({ address }) => address).join(',')
  }

export type LinkSeen = {
  readonly state: string
  readonly reasons: readonly string[]
  readonly speaker: string | undefined
  readonly routes: { readonly ours: number; readonly peers: number }
}

/** A link as the member tells of it. */
export async function linkOf(member: TestMember, link: string): Promise<LinkSeen> {
  const { links } = await member.call('links.list')
  assert(Array.isArray(links))
  const row = links.find(({ name }) => name === link)
  assert(row !== undefined, `${member.name} has no link ${link}`)
  return row
}

/** Resolves when the link runs on all of them. */
export async function linkRuns(members: readonly TestMember[], link: string): Promise<void> {
  await Promise.all(
    members.map((member) =>
      eventually(`${link} runs on ${member.name}`, async () => {
        const { state, reasons } = await linkOf(member, link)
        assert.equal(state, 'running', reasons.join('; '))
      }),
    ),
  )
}

/** Who has the right to speak to the peer, as this member sees it. */
export async function leaseOf(member: TestMember, link: string) {
  const { leases } = await member.call('leases.list')
  assert(Array.isArray(leases))
  const lease = leases.find(({ name }) => name === link)
  assert(lease !== undefined, `${member.name} contests nothing for ${link}`)
  const { state, holder, renewedMsAgo } = lease
  return {
    state: String(state),
    holder: holder === undefined ? undefined : String(holder),
    renewedMsAgo: Number(renewedMsAgo),
  }
}

/** Resolves with the member that all of them hold for the speaker, and that holds itself for it. */
export async function speakerAmong(members: readonly TestMember[], link: string): Promise<TestMember> {
  return eventually(`one of ${members.map(({ name }) => name).join(', ')} speaks to ${link}`, async () => {
    const leases = await Promise.all(members.map((member) => leaseOf(member, link)))
    const [name] = new Set(leases.map(({ holder }) => holder))
    assert.deepEqual(new Set(leases.map(({ holder }) => holder)).size, 1, JSON.stringify(leases))
    const at = members.findIndex((member) => member.name === name)
    assert(at >= 0, JSON.stringify(leases))
    assert.deepEqual(
      leases.map(({ state }) => state),
      members.map((_, index) => (index === at ? 'holder' : 'follower')),
    )
    return members[at]!
  })
}

/** An actor of a peer that was let in. */
export type Landing = {
  readonly on: string
  readonly actor: string
  readonly incarnation: number
  readonly clientId: string
  readonly atMs: number
}

/** Every time that an actor of the peer was let in on one of these members, in the order of time. */
export function landings(members: readonly TestMember[], peer: string): Landing[] {
  return members
    .flatMap(({ name, process }) =>
      process.log
        .filter(({ msg, link }) => msg === 'cluster_link_actor_init' && link === peer)
        .map((event) => ({
          on: name,
          actor: String(event['actor']),
          incarnation: Number(event['incarnation']),
          clientId: String(event['clientid']),
          atMs: Date.parse(String(event['time'])),
        })),
    )
    .toSorted((one, other) => one.atMs - other.atMs)
}

/** The number from which the member's ClientIDs are made, as soon as it has one. */
export async function slotOf(member: TestMember): Promise<number> {
  return eventually(`${member.name} has a slot`, async () => {
    const { members } = await member.call('members.list')
    assert(Array.isArray(members))
    const slot: unknown = members.find(({ isSelf }) => isSelf)?.slot
    assert(typeof slot === 'number')
    return slot
  })
}

/** Whether messages under the topic go over the link, as far as the member knows. */
export async function isWanted(member: TestMember, topic: string, link: string): Promise<boolean> {
  const { destinations } = await member.call('routes.match', { topic })
  assert(Array.isArray(destinations))
  return destinations.some((row) => row.type === 'link' && row.link === link)
}

/** Resolves when the topic is wanted, or is not, on all of them. */
export async function wantedOn(members: readonly TestMember[], topic: string, link: string, wanted = true) {
  await Promise.all(
    members.map((member) =>
      eventually(`${topic} ${wanted ? 'goes' : 'does not go'} over ${link} on ${member.name}`, async () =>
        assert.equal(await isWanted(member, topic, link), wanted),
      ),
    ),
  )
}

export type Arrival = {
  /** As its CONNECT says. */
  readonly clientId: string
  readonly door: Door
  isOpen: boolean
}

/** Gives each connection to the door that has the fewest, and to another one if nobody is there. */
export class Balancer {
  /** All that were ever let through. */
  readonly arrivals: Arrival[] = []
  /** ClientIDs that came while a connection had them. */
  readonly doubled: string[] = []
  readonly #doors: readonly Door[]
  readonly #sockets = new Set<Socket>()
  readonly #closers = new Map<Arrival, () => void>()
  /** For each connection that is on its way to a door. */
  #dialled: readonly Door[] = []
  readonly #server: Server
  readonly #random: (() => number) | undefined
  #severed: string | undefined
  #port = 0

  private constructor(doors: readonly Door[], random: (() => number) | undefined) {
    this.#doors = doors
    this.#random = random
    this.#server = createServer((near) => {
      this.#keep(near)
      near.once('data', (connect: Buffer) => this.#receive(near, connect))
    })
  }

  /** @param random numbers from 0 to below 1, if chance is to give the doors */
  static async start(t: TestContext, doors: readonly Door[], random?: () => number): Promise<Balancer> {
    const balancer = new Balancer(doors, random)
    balancer.#port = await listenOnFreePort(balancer.#server)
    t.after(() => balancer.#close())
    return balancer
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  /** The connections that are open now. */
  get open(): Arrival[] {
    return this.arrivals.filter(({ isOpen }) => isOpen)
  }

  /** How many connections each door has now. */
  get counts(): number[] {
    return this.#doors.map((door) => this.#countOf(door))
  }

  #countOf(door: Door): number {
    return this.open.filter((arrival) => arrival.door === door).length
  }

  /** Ends all connections: those that come instead are spread over all that listen now. */
  cutAll(): void {
    for (const close of this.#closers.values()) close()
  }

  /** Cuts the clients whose ClientIDs begin so; who connects anew is not answered. */
  sever(clientIdPrefix: string): void {
    this.#severed = clientIdPrefix
    for (const [arrival, close] of this.#closers) if (arrival.clientId.startsWith(clientIdPrefix)) close()
  }

  /** Everybody is let through again. */
  mend(): void {
    this.#severed = undefined
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#sockets.delete(socket))
  }

  /** What comes first is CONNECT, and fits into one segment. */
  #receive(near: Socket, connect: Buffer): void {
    const clientId = clientIdIn(connect)
    if (this.#severed !== undefined && clientId.startsWith(this.#severed)) return
    near.pause()
    this.#place(near, connect, clientId, this.#doors)
  }

  #place(near: Socket, connect: Buffer, clientId: string, doors: readonly Door[]): void {
    const door = this.#choose(doors)
    if (door === undefined) return void near.destroy()
    const arrived = (): void => {
      const at = this.#dialled.indexOf(door)
      this.#dialled = this.#dialled.filter((_, index) => index !== at)
    }
    const refused = (): void => {
      arrived()
      const others = doors.filter((one) => one !== door)
      this.#place(near, connect, clientId, others)
    }
    this.#dialled = [...this.#dialled, door]
    if (door.port === undefined) return refused()
    const far = dial(door.port, '127.0.0.1')
    far.once('error', refused)
    far.once('connect', () => {
      far.off('error', refused)
      arrived()
      this.#join(near, far, { clientId, door, isOpen: true })
      far.write(connect)
    })
  }

  #choose(doors: readonly Door[]): Door | undefined {
    if (this.#random !== undefined) return doors[Math.floor(this.#random() * doors.length)]
    const load = (door: Door) => this.#countOf(door) + this.#dialled.filter((one) => one === door).length
    const fewest = Math.min(...doors.map(load))
    return doors.find((one) => load(one) === fewest)
  }

  #join(near: Socket, far: Socket, arrival: Arrival): void {
    this.#keep(far)
    if (this.open.some(({ clientId }) => clientId === arrival.clientId)) this.doubled.push(arrival.clientId)
    this.arrivals.push(arrival)
    this.#closers.set(arrival, () => {
      arrival.isOpen = false
      near.destroy()
    })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('close', () => {
        arrival.isOpen = false
        this.#closers.delete(arrival)
        to.destroy()
      })
      from.pipe(to)
    }
  }

  async #close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** Of the bytes of a CONNECT. */
function clientIdIn(connect: Buffer): string {
  const parser = createParser({ protocolVersion: 5 })
  let clientId = ''
  parser.on('packet', (packet) => {
    if (packet.cmd === 'connect') clientId = packet.clientId
  })
  parser.parse(connect)
  return clientId
}
