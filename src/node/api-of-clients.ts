/** Ties what the API tells of nodes, clients and rights to the parts of a node. */
import type { ApiPart } from '../api/api-server.ts'
import { type AuthorizationPort, authorizationTestApi } from '../api/clients/authorization-test-api.ts'
import { clientsApi } from '../api/clients/clients-api.ts'
import type { ClientsPort } from '../api/clients/clients-port.ts'
import { retainedApi } from '../api/clients/retained-api.ts'
import { type UsersPort, usersApi } from '../api/clients/users-api.ts'
import { subscriptionsApi } from '../api/clients/subscriptions-api.ts'
import type { MemberCalls } from '../api/member-calls.ts'
import { nodesApi } from '../api/nodes/nodes-api.ts'
import type { Broker } from '../broker/broker.ts'
import { kickClient, knownClient } from '../broker/known-clients.ts'
import type { Config } from '../config/config.ts'
import { lineOfRule } from '../config/authorization/parse-acl.ts'
import { judgeLinkTopic } from '../link/inbound/judge-link-topic.ts'
import { NodeView } from './api-of-nodes.ts'
import type { LoopDelay } from './loop-delay.ts'
import type { NodeForApi } from './node-for-api.ts'

export function clientParts(node: NodeForApi, calls: MemberCalls, loop: LoopDelay): readonly ApiPart[] {
  const { broker, self, server, cluster, clock, config } = node
  const clients = clientsPort(broker)
  const { node: files, cluster: ours } = config()
  const [clusterName, dataDir] = [ours.name, files.data_dir]
  const view = new NodeView({ self, clusterName, dataDir, broker, server, cluster, clock, loop })
  return [
    nodesApi(calls, view),
    clientsApi(calls, clients),
    subscriptionsApi(calls, clients),
    retainedApi(broker),
    authorizationTestApi(authorizationPort(node)),
    usersApi(usersPort(node)),
  ]
}

function clientsPort(broker: Broker): ClientsPort {
  return {
    sessions: broker.sessions,
    get subscriptionCount() {
      return broker.counters.subscriptions.value
    },
    known: (session) => knownClient(session, broker),
    kick: (clientId) => kickClient(broker, clientId),
  }
}

function usersPort({ users, sharedUsers, authentication }: NodeForApi): UsersPort {
  return {
    table: users,
    get hash() {
      const { builtIn } = authentication
      return builtIn === undefined ? undefined : (password: Buffer) => builtIn.hash(password)
    },
    change: (userId, decide) => sharedUsers.change(userId, decide),
  }
}

function authorizationPort({ broker, authorizer, users, config }: NodeForApi): AuthorizationPort {
  return {
    explain: (identity, question) => authorizer.explain(identity, question),
    judgeLink: (identity, question) => {
      const { clientId, username, certificate } = identity
      const brokerIsOpen = broker.authenticator.isOpen && broker.authorizer.isOpen
      const speaker = { clientId, username, certificateCommonName: certificate?.commonName, brokerIsOpen }
      return judgeLinkTopic(speaker, question, (peer) => config().cluster.links.find(({ name }) => name === peer))
    },
    isSuperuser: ({ clientId, username }) => {
      const builtIn = builtInDatabase(config())
      const userId = builtIn?.user_id_type === 'clientid' ? clientId : username
      return builtIn !== undefined && userId !== undefined && users.get(userId)?.is_superuser === true
    },
    sourceOf: ({ sourceIndex, ruleIndex }) => {
      // As the file was last read: another comment in it moves the rules and changes nothing else.
      const source = config().authorization.sources[sourceIndex]
      const rule = source?.rules[ruleIndex]
      const line = rule === undefined ? undefined : lineOfRule(rule)
      return {
        ...(source?.path === undefined ? {} : { file: source.path }),
        ...(line === undefined ? {} : { line }),
      }
    },
  }
}

/** The authenticator of users of our own, if it is configured and enabled. */
function builtInDatabase({ authentication }: Config): BuiltIn | undefined {
  return authentication.find(
    (one): one is BuiltIn => 'backend' in one && one.backend === 'built_in_database' && one.enable,
  )
}

type BuiltIn = Extract<Config['authentication'][number], { readonly backend: 'built_in_database' }>
