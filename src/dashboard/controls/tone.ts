/** How something is, as a colour and a shape: see `Dot`. */
export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'off'
