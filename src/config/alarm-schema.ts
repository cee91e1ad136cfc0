/** `alarm`: how many alarms that are over are remembered, and for how long. And `prometheus`: who may read the metrics. */
import type * as z from 'zod'
import { duration, flag, integer, section } from './fields.ts'

export const alarmSchema = section({
  size_limit: integer(1, 100_000).default(1_000),
  validity_period: duration({ min: 1_000 }).default(86_400_000),
})

/** `validity_period` in milliseconds. */
export type AlarmConfig = z.output<typeof alarmSchema>

export const prometheusSchema = section({ enable_basic_auth: flag().default(false) })

export type PrometheusConfig = z.output<typeof prometheusSchema>
