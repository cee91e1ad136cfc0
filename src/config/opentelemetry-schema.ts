/** `opentelemetry`: where traces of messages go, and of which. Off unless `traces.enable` says otherwise. */
import * as z from 'zod'
import { decimal, duration, flag, integer, refusal, section, text } from './fields.ts'

const WEB_ADDRESS = 'a web address such as "http://127.0.0.1:4318"'

const webAddress = text(WEB_ADDRESS).refine(
  (value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol),
  refusal('bad_value', WEB_ADDRESS),
)

export const opentelemetrySchema = section({
  exporter: section({
    endpoint: webAddress.default('http://127.0.0.1:4318'),
    headers: z.record(z.string(), text()).default({}),
  }).prefault({}),
  traces: section({
    enable: flag().default(false),
    filter: section({ trace_all: flag().default(false) }).prefault({}),
    sample_ratio: decimal(0, 1).default(1),
    max_queue_size: integer(1, 100_000).default(2_048),
    scheduled_delay: duration({ min: 1, max: 60_000 }).default(5_000),
  }).prefault({}),
})

/** `scheduled_delay` in milliseconds. Headers are secrets. */
export type OpentelemetryConfig = z.output<typeof opentelemetrySchema>
