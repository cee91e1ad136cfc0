/** The dashboard: starts in the browser. */
import { render } from 'preact'
import 'uplot/dist/uPlot.min.css'
import './styles/tokens.css'
import './styles/base.css'
import './styles/controls.css'
import './styles/shell.css'
import './styles/links.css'
import './styles/pages.css'
import './styles/map.css'
import { startLive } from './live/live-stream.ts'
import { App } from './shell/app.tsx'
import { keepSession } from './shell/keep-session.ts'
import { followLocation } from './shell/route.ts'
import { applyTheme } from './shell/theme.ts'

applyTheme()
followLocation()
startLive()
keepSession()
const place = document.querySelector('#app')
if (place !== null) render(<App />, place)
