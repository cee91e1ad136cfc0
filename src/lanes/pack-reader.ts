export * from '../packets/pack-reader.ts'
