/** What a node asks of its cluster. Alone it answers itself (`solo/`); several nodes are to answer each other over NATS. */
export interface ClusterPort {
  /**
   * A number for a new life of a route source: higher than every one that this cluster has given before, however the
   * wall clock moves. It is on record before it is returned, so that a crash can't make it come again.
   */
  nextIncarnation(): number
}
