/** What a node answers to the other members of its cluster, and to whoever asks its API, if it has one. */
import type { MemberAnswers } from './answer-members.ts'
import type { NodeForApi } from './node-for-api.ts'
import type { OpenApi } from './open-api.ts'

export type ServedApi = {
  /** Where the API really listens, if there is one. */
  readonly address: string | undefined
  close(): Promise<void>
}

/** Links are to wait for it: the other members may hold them back. Rejects if the API can't listen. */
export async function serveApi(node: NodeForApi): Promise<ServedApi> {
  // Loaded when asked for, as the API itself is: a node that is alone may need neither.
  const { answerMembers } = await import('./answer-members.ts')
  const answers = answerMembers(node)
  let api: OpenApi | undefined
  const close = async (): Promise<void> => {
    await api?.close()
    await answers.stop()
  }
  try {
    const followed = answers.followPauses()
    api = await openIfAny(node, answers)
    await followed
    return { address: api?.address, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function openIfAny(node: NodeForApi, answers: MemberAnswers): Promise<OpenApi | undefined> {
  const { dashboard } = node.config()
  if (dashboard === undefined) return undefined
  const { openApi } = await import('./open-api.ts')
  const api = await openApi(dashboard.listeners.http.bind, node, answers)
  node.log.info({ address: api.address }, 'api_opened')
  return api
}
