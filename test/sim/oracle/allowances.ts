/**
 * What is allowed, and for how long, with the reason: the one table. `D` is DESIGN.md, `R` README.md of the project. What is not here
 * is not allowed.
 *
 *     what                                     when                                                             by
 *     ---------------------------------------  ---------------------------------------------------------------  ---------------------------
 *     a message is gone                        it stands in the ledger of the link under a reason               D9.2
 *                                              it waits in an outbox at the end, which is counted               D9.2
 *                                              its node was killed or stopped, the link is not durable: at      R "exactly once"
 *                                              most what was in the outbox, and what came since it was seen
 *                                              its link was deleted or purged: the same                          R "Operate"
 *                                              the receiving side counted it: not_in_topics, link_disabled,     D5
 *                                              malformed; never as duplicate
 *                                              the broker of the subscriber counted it: queue_full, expired     R "mqtt.max_mqueue_len"
 *                                              a node died while another one was away for which it kept         R "A node that is gone"
 *                                              messages: at most what waited in its lanes
 *     a message comes again to a session       its publisher sent it again (QoS 1), or anew (QoS 1, 2)          MQTT 5, 4.3, 4.4
 *                                              with DUP, on another connection                                  MQTT 5, 3.3.1.1
 *                                              the receiving side counted it as maybe_duplicate                 R "exactly once"
 *                                              EMQX's dialect: as often as the sender counted `retried`         R "What two clusters speak"
 *                                              EMQX's dialect: the sender died, and what it had sent was on     R "exactly once"
 *                                              its disk (`durable`): once each, of what came since nothing
 *                                              waited at a look
 *                                              EMQX's dialect: a retained message that `sync` tells              R "Retained messages"
 *                                              the subscriber's own node died meanwhile, and its session with   D5 "while both live"
 *                                              what it had been sent came back from the disk
 *     order is broken                          for a message that was sent more than once                       MQTT 5, 4.6
 *                                              between a node's processes                                       D5 "order holds per publisher"
 *                                              EMQX's dialect: when connections were cut                        R "What two clusters speak"
 *                                              retained messages told by `sync`                                 R "Retained messages"
 *     a route disappears                       topics, enable, name changed; the link deleted; stale_ttl        D4
 *                                              the process that had it is gone                                  D4
 *                                              two nodes of the cluster that wants it were away at once         D7: interest is in memory
 *     two hold one lease                       while the older one can't know of the newer one: under           D7
 *                                              different incarnations
 */
export const allowances = {
  /** How long a change takes to be known to all when nothing is in its way: two heartbeats (D4) and the way there, milliseconds. */
  settleMs: 25_000,
  /** After faults are over: backoffs (5 s), leases (3 s), members (5 s), handshakes, one heartbeat (10 s) and its repair, milliseconds. */
  convergenceMs: 60_000,
  /** For so long nodes of a cluster hold what is for one that is silent (R "A node that is gone"), milliseconds. */
  memberHeldMs: 60_000,
  /** An alarm that is over is cleared after this long (R "Metrics"), and looked at every few seconds, milliseconds. */
  alarmClearMs: 60_000,
  /** Between a CONNACK and the end of the connection whose ClientID it took, milliseconds. */
  takeoverMs: 2_000,
  /** Of two nodes that hold one slot: until the older one knows (lease_ttl, member_ttl, and a heartbeat), milliseconds. */
  slotMs: 15_000,
  /** Beyond the limit of an outbox: the batch that was open when it was reached, bytes and messages. */
  outboxSlack: { bytes: 300_000, messages: 100 },
} as const
