import { render } from 'preact';
import './style/tokens.css';
import './style/shell.css';
import './style/parts.css';
import './style/story.css';
import './style/policies.css';
import { App } from './app';

render(<App />, document.getElementById('app')!);
