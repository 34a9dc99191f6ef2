/** Where the console begins. */
import { render } from 'preact';
import { App } from './app.tsx';
import { makeVisibleEverywhere } from './parts/visible-everywhere.ts';
import { followTheme } from './preferences.ts';
import './style/base.css';
import './style/shell.css';
import './style/parts.css';

makeVisibleEverywhere();
followTheme();
const root = document.getElementById('console');
if (root !== null) render(<App />, root);
