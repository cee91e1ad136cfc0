/** Where the pages of clients are. */
import { hashOf } from '../shell/route.ts'

export const clientHash = (clientId: string): string => hashOf('clients', clientId)
