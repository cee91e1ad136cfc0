/** Isthmus as a library: a node in this process, as many as one likes. */
export { ConfigurationError, createNode, type Node, type NodeLink, type NodeOptions, type NodeStatus } from './node.ts'
export type { ConfigInput } from './config/config-schema.ts'
export type { LinkStatus, LinkState } from './link/status.ts'
export type {
  ChangedMessage,
  HookClient,
  HookFunctions,
  HookMessage,
  HookName,
  Hooks,
  PublishVerdict,
  SentMessage,
} from './broker/hooks/hook.ts'
