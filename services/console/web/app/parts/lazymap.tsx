// The map with its outlines is a third of the program: it comes when a page needs it.
import { lazy, ErrorBoundary } from 'preact-iso';
import type { Arc, Place } from '../api.gen';

const WorldMap = lazy(() => import('./map'));

export function Places({ places, arcs }: { places: Place[]; arcs: Arc[] }) {
  return <div class="mapbox"><ErrorBoundary><WorldMap places={places} arcs={arcs} /></ErrorBoundary></div>;
}
