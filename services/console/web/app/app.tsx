import { Component, type ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { LocationProvider, Route, Router, useLocation } from 'preact-iso';
import { lost, me, whoAmI } from './fetch';
import { listen } from './keys';
import { pages } from './routes';
import { Shell } from './shell';
import { SignIn } from './pages/signin';
import { Empty } from './parts/states';

export function App() {
  return <LocationProvider><Inside /></LocationProvider>;
}

function Inside() {
  const loc = useLocation();
  useEffect(() => {
    whoAmI().catch(() => { /* the banner says it; asked again below */ });
    const again = setInterval(() => { if (!me.value || lost.value) whoAmI().catch(() => {}); }, 3000);
    return () => clearInterval(again);
  }, []);
  useEffect(() => listen((path) => loc.route(path)), [loc.route]);
  if (!me.value) return <main id="main" class="alone">{lost.value ? <Empty title="The console does not answer">Asking again …</Empty> : <p class="dim" role="status">One moment …</p>}</main>;
  if (!me.value.name) return <SignIn />;
  return (
    <Shell>
      <Caught key={loc.path}>
        <Router onRouteChange={arrived}>
          {pages.map((p) => <Route path={p.path} component={p.show} />)}
          <Route default component={Missing} />
        </Router>
      </Caught>
    </Shell>
  );
}

/** A page that breaks says so, and the rest of the console goes on. */
class Caught extends Component<{ children: ComponentChildren }, { broke: string }> {
  state = { broke: '' };
  componentDidCatch(e: unknown): void {
    console.error(e);
    this.setState({ broke: String(e) });
  }
  render() {
    return this.state.broke ? <Empty title="This page broke">It is a fault of the console, not of the data. <span class="mono">{this.state.broke}</span></Empty> : this.props.children;
  }
}

/** A page that is new begins at its top, and is read from there. */
function arrived(): void {
  scrollTo(0, 0);
}

function Missing() {
  return <Empty title="There is no such page"><a href="/">To the overview</a></Empty>;
}
