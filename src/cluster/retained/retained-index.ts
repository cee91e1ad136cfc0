/** Which topics have a retained message, or had one, by buckets of like content: what two nodes compare. */
import { RunningDigest, sameDigest, type Digest } from '../../routes/digest.ts'
import { bucketCount, EntryHash } from '../../routes/entry-hash.ts'

export type RetainedVersion = { readonly topic: string; readonly version: number; readonly isDeleted: boolean }

const DIGEST_BYTES = 12
/** Some milliseconds of work. */
const SLICE = 2_000

/** Not kept up to date: made when it is needed, which is seldom, so that topics cost nothing at other times. */
export class RetainedIndex {
  readonly #topics: string[][] = Array.from({ length: bucketCount }, () => [])
  readonly #digests = Array.from({ length: bucketCount }, () => new RunningDigest())
  readonly #total = new RunningDigest()

  /** @param pause resolves in a later turn of the event loop */
  static async make(versions: Iterable<RetainedVersion>, pause: () => Promise<void>): Promise<RetainedIndex> {
    const index = new RetainedIndex()
    const hash = new EntryHash()
    // A copy first: what is gone through slice by slice changes meanwhile.
    const all = [...versions]
    for (let at = 0; at < all.length; at++) {
      const { topic, version } = all[at]!
      const bucket = hash.bucketOf(topic)
      hash.addValue(version)
      index.#topics[bucket]!.push(topic)
      index.#digests[bucket]!.add(hash)
      index.#total.add(hash)
      if (at % SLICE === SLICE - 1) await pause()
    }
    return index
  }

  get total(): Digest {
    return this.#total.value()
  }

  topicsOf(bucket: number): readonly string[] {
    return this.#topics[bucket] ?? []
  }

  /** The digests of all buckets, one behind the other. */
  encode(): Buffer {
    const bytes = Buffer.alloc(bucketCount * DIGEST_BYTES)
    for (const [bucket, { size, lo, hi }] of this.#digests.entries()) {
      const at = bucket * DIGEST_BYTES
      bytes.writeUInt32LE(size, at)
      bytes.writeInt32LE(lo, at + 4)
      bytes.writeInt32LE(hi, at + 8)
    }
    return bytes
  }

  /** The buckets in which another node has something else; `undefined` if these are no digests. */
  differing(encoded: Uint8Array): number[] | undefined {
    if (encoded.length !== bucketCount * DIGEST_BYTES) return undefined
    const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength)
    return [...this.#digests.keys()].filter((bucket) => {
      const at = bucket * DIGEST_BYTES
      const theirs = { size: bytes.readUInt32LE(at), lo: bytes.readInt32LE(at + 4), hi: bytes.readInt32LE(at + 8) }
      return theirs.size > 0 && !sameDigest(this.#digests[bucket]!, theirs)
    })
  }
}
