/** How the page looks, light and dark, on a screen and on paper. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fff; --raised: #f6f7f9; --ink: #16202b; --quiet: #5b6875; --line: #d9dee4;
  --good: #1a7f4b; --bad: #c0332b; --warn: #a86a00; --accent: #1f63c9;
  --due: #c5ced8; --fault: #c0332b; --fault-tone: 0.13;
  --running: #bfe3cd; --connecting: #cfdcf3; --bootstrapping: #b5d3f2; --degraded: #f6d99a;
  --stopped: #dfe3e8; --failed: #f0b5b0; --unreachable: #5b6875;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12171d; --raised: #1a2129; --ink: #e6ebf0; --quiet: #98a5b3; --line: #2e3842;
    --good: #5cc98d; --bad: #f0857c; --warn: #e5b155; --accent: #7fb0ff;
    --due: #3a4551; --fault: #f0857c; --fault-tone: 0.17;
    --running: #1d4a33; --connecting: #263a58; --bootstrapping: #1f4a75; --degraded: #5f4a16;
    --stopped: #333c46; --failed: #6b2a26; --unreachable: #98a5b3;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 0; }
p { margin: 6px 0; } a { color: var(--accent); }
.quiet, caption, .notes { color: var(--quiet); }
section { margin-top: 32px; padding-top: 20px; border-top: 1px solid var(--line); }
.badge { font-size: 13px; font-weight: 600; padding: 1px 9px; border-radius: 10px; border: 1px solid currentColor; margin-left: 8px; vertical-align: 2px; }
.held { color: var(--good); } .broken { color: var(--bad); } .failed-run { color: var(--bad); } .skipped { color: var(--warn); }
ul { margin: 8px 0; padding-left: 20px; } .findings li { color: var(--bad); font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 14px 0 0; font-size: 13.5px; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-size: 13px; padding-bottom: 4px; }
th, td { padding: 3px 12px 3px 0; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; } thead th { color: var(--quiet); font-weight: 500; }
th:first-child, tbody th { text-align: left; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; color: var(--quiet); margin: 12px 0 0; padding: 0; list-style: none; }
.legend i { display: inline-block; width: 14px; height: 10px; margin-right: 6px; border-radius: 2px; }
figure { margin: 12px 0 0; background: var(--raised); border: 1px solid var(--line); border-radius: 8px; padding: 8px; }
figure .scroll svg { display: block; width: 100%; min-width: 720px; height: auto; font: 11px system-ui, sans-serif; }
svg text { fill: var(--ink); } svg .label { font-weight: 600; font-size: 12px; }
svg .detail, svg .tick { fill: var(--quiet); }
svg .fault { fill: var(--fault); fill-opacity: var(--fault-tone); pointer-events: none; } svg .fault-head { fill: var(--fault); fill-opacity: 0.6; } svg .fault-name { fill: var(--fault); }
svg .due { fill: var(--due); } svg .delivered { fill: none; stroke: var(--accent); stroke-width: 1.4; }
svg .base { stroke: var(--quiet); stroke-width: 0.6; } svg .grid { stroke: var(--line); stroke-width: 0.6; }
svg .state { stroke: var(--raised); stroke-width: 0.5; fill: var(--stopped); }
${['running', 'connecting', 'bootstrapping', 'degraded', 'stopped', 'failed', 'unreachable']
  .map(
    (status) => `svg .state.${status} { fill: var(--${status}); } .legend .${status} { background: var(--${status}); }`,
  )
  .join('\n')}
.legend .due { background: var(--due); } .legend .delivered { background: var(--accent); height: 2px; vertical-align: 4px; }
.legend .fault { background: var(--fault); opacity: 0.35; }
details { margin-top: 12px; } summary { cursor: pointer; color: var(--quiet); }
`
