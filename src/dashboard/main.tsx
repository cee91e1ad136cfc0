/** The dashboard: starts in the browser. */
import { render } from 'preact'

const root = document.querySelector('#app')
if (root !== null) render(<p>Isthmus</p>, root)
