export type ClusterErrorCode =
  /** What the nodes coordinate through does not answer. */
  | 'COORDINATION_LOST'
  /** It answers, and refuses: credentials, rights, no JetStream. The message says which key of the configuration is concerned. */
  | 'COORDINATION_REFUSED'
  /** Another process of this node's name is a member. */
  | 'NODE_NAME_TAKEN'
  /** `node.data_dir` can't be read or written. */
  | 'DATA_DIR_UNUSABLE'
  /** Another node did not answer in time, or is gone. */
  | 'MEMBER_SILENT'
  /** What is shared has no room for more. */
  | 'DOCUMENT_FULL'
  /** Another node answered that it can't do what it was asked; the message is its own. */
  | 'MEMBER_REFUSED'

/** What went wrong between the nodes of a cluster, in words for the person who has to mend it. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError'
  readonly code: ClusterErrorCode
  constructor(code: ClusterErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
