/** Where the pages of nodes are. */
import { hashOf } from '../shell/route.ts'

export const nodeHash = (node: string): string => hashOf('nodes', node)
