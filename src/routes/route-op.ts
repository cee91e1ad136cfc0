/**
 * One change to the routes of an actor, from the source of the routes to its replica. A route is the pair of filter and id:
 * one filter may stand under several ids (the subscribers' own filters, shared groups), and a delete takes away its pair alone.
 */
export type RouteOp = { readonly type: 'add' | 'delete'; readonly topicFilter: string; readonly id: string }
