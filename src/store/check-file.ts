/**
 * A look at the file before LMDB maps it into memory: pages that are missing, or a file of something else, would end the
 * process by a signal, without a word. Layout: `MDB_page` and `MDB_meta` in lmdb-js's `mdb.c`, data version 2, 64 bits.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { StoreError } from './store-error.ts'

const META_AT = 24
const MAGIC = 0xbeefc0de
const DATA_VERSION = 2
const META_BYTES = 160
const PAGE_BYTES_MIN = 512
const PAGE_BYTES_MAX = 65_536

type Meta = { readonly pageBytes: number; readonly lastPage: number; readonly transaction: number }

/** Throws `StoreError` if the file is there and LMDB could not use it. An empty file is as good as none. */
export function checkFile(file: string): void {
  const fd = openIfThere(file)
  if (fd === undefined) return
  try {
    const { size } = fstatSync(fd)
    if (size === 0) return
    const newest = newestMeta(fd, file)
    const needed = (newest.lastPage + 1) * newest.pageBytes
    if (size < needed) throw damaged(file, `it ends after ${size} bytes, of ${needed} that it should have`)
  } finally {
    closeSync(fd)
  }
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, 'r')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw new StoreError(
      'STORE_UNUSABLE',
      `${file}: can't be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    )
  }
}

/** A file has two of them, written in turns, so that one is whole at any moment. */
function newestMeta(fd: number, file: string): Meta {
  const first = readMeta(fd, 0, file)
  const second = readMeta(fd, first.pageBytes, file)
  return second.transaction > first.transaction ? second : first
}

function readMeta(fd: number, at: number, file: string): Meta {
  const bytes = Buffer.alloc(META_BYTES)
  const length = readSync(fd, bytes, 0, META_BYTES, at)
  if (length < META_BYTES || bytes.readUInt32LE(META_AT) !== MAGIC)
    throw damaged(file, 'it does not begin as a store does')
  const version = bytes.readUInt32LE(META_AT + 4)
  if (version !== DATA_VERSION)
    throw new StoreError(
      'STORE_VERSION_UNKNOWN',
      `${file}: LMDB data version ${version}, this program knows ${DATA_VERSION}. Start the program that wrote it, or move the file away to begin without it.`,
    )
  const pageBytes = bytes.readUInt32LE(META_AT + 24)
  if (pageBytes < PAGE_BYTES_MIN || pageBytes > PAGE_BYTES_MAX) throw damaged(file, `pages of ${pageBytes} bytes`)
  return {
    pageBytes,
    lastPage: Number(bytes.readBigUInt64LE(META_AT + 120)),
    transaction: Number(bytes.readBigUInt64LE(META_AT + 128)),
  }
}

/** What every report of damage ends with: there is no way to repair it, so the ways out are named. */
export function damaged(file: string, what: string, cause?: unknown): StoreError {
  return new StoreError(
    'STORE_DAMAGED',
    `${file}: the store is damaged: ${what}. Nothing was changed. Put a copy in its place that was made while the node was stopped, or move the file away to start with no sessions, queued and retained messages.`,
    cause === undefined ? {} : { cause },
  )
}
