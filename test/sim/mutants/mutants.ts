/**
 * Bugs that somebody could make, each of which breaks a promise (DESIGN, section 9): the simulator has to find every one. A mutant is one
 * text in one compiled file of the product, and what stands in its place.
 */

export type Mutant = {
  readonly name: string
  /** In the directory of the compiled product. */
  readonly file: string
  /** Stands in the file once. */
  readonly find: string
  readonly replace: string
  /** What is wrong then. */
  readonly why: string
}

export const mutants: readonly Mutant[] = [
  {
    name: 'dedup off',
    file: 'src/lanes/high-water-marks.js',
    find: "return 'duplicate';",
    replace: "return 'new';",
    why: 'a batch that comes again after a reconnect is delivered again, and counted as if it were new',
  },
  {
    name: 'sweep before bootstrap',
    file: 'src/routes/map-copy.js',
    find: 'if (sameDigest(digest, this.content.digest()))\n            this.#settle(claim, seq);\n        else if (isOther',
    replace: `if (isOther && this.#claim !== undefined) {
            const swept = [];
            for (const [key] of [...this.content.entries()])
                this.#delete(key, swept);
            this.#isBehind = true;
            return swept;
        }
        if (sameDigest(digest, this.content.digest()))
            this.#settle(claim, seq);
        else if (isOther`,
    why: 'a peer that speaks under a new incarnation loses its routes until it has told them all again',
  },
  {
    name: 'lease by wall clock',
    file: 'src/cluster/leases/judge-record.js',
    find: 'if (upTo < known)',
    replace: 'if (upTo < known || upTo + 10_000 < Date.now())',
    why: 'a record counts as old by the wall clock of whoever looks, compared with what its holder wrote by its own: it is taken from a holder that lives',
  },
  {
    name: 'route GC of the wrong peer',
    file: 'src/link/inbound/inbound-peers.js',
    find: 'const wasThere = peer.clear();',
    replace: 'const wasThere = ([...this.#peers.values()].find((other) => other !== peer) ?? peer).clear();',
    why: 'a link that is disabled or deleted takes the routes of another peer away instead of its own',
  },
  {
    name: 'unclassified error drops',
    file: 'src/lanes/outbox/outbox.js',
    find: 'this.#shelf.putBack();',
    replace: `for (let batch = this.#shelf.flying.last; batch !== undefined; batch = this.#shelf.flying.last)
            this.#shelf.settle(batch, { type: 'delivered' });`,
    why: 'what flew when a connection ended, for whatever reason, is taken for done and not sent again',
  },
  {
    name: 'ledger bucket forgotten',
    file: 'src/lanes/ledger.js',
    find: 'this.#queued -= count;\n        this.#drop(count, reason);',
    replace: 'this.#queued -= count;',
    why: 'what is given up while it waits stands nowhere in the account of the link',
  },
  {
    name: 'origin not stamped',
    file: 'src/link/inbound/batch-inlet.js',
    find: 'origin: cluster,',
    replace: 'origin: undefined,',
    why: 'what came over a link is taken for what was published here, and goes on over the other links and back',
  },
  {
    name: 'stale routes dropped early',
    file: 'src/routes/replica.js',
    find: 'atMs: silentSinceMs + this.#timing.staleTtlMs',
    replace: 'atMs: silentSinceMs + 1',
    why: 'the routes of a peer that fell silent go with its lease, so that nothing waits for it',
  },
  {
    name: 'seq reset on reconnect',
    file: 'src/lanes/outbox/outbox.js',
    find: 'this.#shelf.putBack();',
    replace: 'this.#shelf.putBack();\n        this.#open.lastSequences.fill(0);',
    why: 'batches begin with number 1 again on a new connection, and the receiver takes them for those that it has',
  },
  {
    name: 'ClientID slot reused early',
    file: 'src/cluster/slots/next-step.js',
    find: `    return isOlder({ node, sinceMs: used.sinceMs }, record)
        ? { type: 'write', ...used, revision: record.revision }
        : { type: 'give_way' };
}
function firstSlotStep({ node, nowMs, records, remembered, announced }) {
    const ours = slotsOnRecord(records, node);
    const adopted = ours.find((slot) => slot === remembered) ?? ours[0];
    if (adopted !== undefined)
        return { type: 'adopt', slot: adopted, sinceMs: records.get(adopted)?.sinceMs ?? nowMs };
    const isFree = (slot) => !records.has(slot) && !announced.has(slot);
    const slot = remembered !== undefined && isFree(remembered) ? remembered : lowest(isFree);
    return slot === undefined ? { type: 'none_left' } : { type: 'write', slot, sinceMs: nowMs, revision: 0 };`,
    replace: `    return { type: 'keep' };
}
function firstSlotStep({ node, nowMs, records, remembered, announced }) {
    const ours = slotsOnRecord(records, node);
    const adopted = ours.find((slot) => slot === remembered) ?? ours[0];
    if (adopted !== undefined)
        return { type: 'adopt', slot: adopted, sinceMs: records.get(adopted)?.sinceMs ?? nowMs };
    const isFree = (slot) => !announced.has(slot);
    const slot = remembered !== undefined && isFree(remembered) ? remembered : lowest(isFree);
    const revision = slot === undefined ? 0 : (records.get(slot)?.revision ?? 0);
    return slot === undefined ? { type: 'none_left' } : { type: 'write', slot, sinceMs: nowMs, revision };`,
    why: 'a slot whose node does not speak just now counts as free, and its node goes on with it nevertheless',
  },
]
