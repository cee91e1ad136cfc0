export * from '../packets/pack-writer.ts'
