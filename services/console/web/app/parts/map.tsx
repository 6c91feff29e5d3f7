// A world map: places with the radius that holds the device, and the ways that would have to have been travelled.
import { useMemo } from 'preact/hooks';
import { geoCircle, geoEqualEarth, geoGraticule10, geoPath } from 'd3-geo';
import { feature, mesh } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import world from 'world-atlas/countries-110m.json';
import type { Arc, Place } from '../api.gen';
import { num } from '../format';

const W = 760, H = 340, margin = 14;
const topology = world as unknown as Topology<{ countries: GeometryCollection; land: GeometryCollection }>;
const land = feature(topology, topology.objects.land);
const borders = mesh(topology, topology.objects.countries, (a, b) => a !== b);
const kmPerDegree = 111.2;
/** No closer than this: the outlines are coarse, and places are too. */
const leastDegrees = 14;

/** The projection that shows all points, not too close. */
function projection(points: [number, number][]) {
  const p = geoEqualEarth();
  if (points.length === 0) return p.fitExtent([[margin, margin], [W - margin, H - margin]], { type: 'Sphere' });
  const lons = points.map((x) => x[0]), lats = points.map((x) => x[1]);
  const wide = Math.max(...lons) - Math.min(...lons), tall = Math.max(...lats) - Math.min(...lats);
  if (wide > 150 || tall > 80) return p.fitExtent([[margin, margin], [W - margin, H - margin]], { type: 'Sphere' });
  p.rotate([-(Math.max(...lons) + Math.min(...lons)) / 2, 0]);
  const around = points.map((x) => geoCircle().center(x).radius(Math.max(leastDegrees, wide / 4))());
  return p.fitExtent([[margin, margin], [W - margin, H - margin]], { type: 'GeometryCollection', geometries: around });
}

export default function WorldMap({ places, arcs }: { places: Place[]; arcs: Arc[] }) {
  const located = places.filter((p) => p.located);
  const drawn = useMemo(() => {
    const path = geoPath(projection([...located.map((p): [number, number] => [p.lon, p.lat])]));
    return {
      sphere: path({ type: 'Sphere' })!, land: path(land)!, borders: path(borders)!, grid: path(geoGraticule10())!,
      places: located.map((p) => ({
        p, at: path.centroid({ type: 'Point', coordinates: [p.lon, p.lat] }),
        around: p.radiusKm > 0 ? path(geoCircle().center([p.lon, p.lat]).radius(p.radiusKm / kmPerDegree)()) : null,
      })),
      arcs: arcs.map((a) => ({ a, d: path({ type: 'LineString', coordinates: [[a.fromLon, a.fromLat], [a.toLon, a.toLat]] }) })),
    };
  }, [JSON.stringify(located.map((p) => [p.lon, p.lat, p.here])), arcs.length]);
  const words = located.length === 0 ? 'No place is known.' : `Places: ${located.map((p) => p.name).join('; ')}. ${arcs.map((a) => a.words).join('; ')}`;
  // The busiest last, so that its name is on top; names that would cover one another are left to hover and list.
  const labelled: [number, number][] = [];
  return (
    <figure class="map">
      <svg viewBox={`0 0 ${W} ${H}`} role="img" aria-label={words}>
        <defs>
          <clipPath id="frame"><rect width={W} height={H} rx="6" /></clipPath>
          <marker id="tip" viewBox="0 0 8 8" refX="6.5" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0 8 4 0 8z" /></marker>
        </defs>
        <g clip-path="url(#frame)">
          <path class="sea" d={drawn.sphere} /><path class="grid" d={drawn.grid} /><path class="land" d={drawn.land} /><path class="borders" d={drawn.borders} />
          {drawn.places.map(({ p, around }) => around && <path class={'radius' + (p.here ? ' here' : '')} d={around} />)}
          {drawn.arcs.map(({ a, d }) => d && <path class="arc" d={d} marker-end="url(#tip)"><title>{a.words}</title></path>)}
          {drawn.places.map(({ p, at }) => (
            <circle class={'place' + (p.here ? ' here' : '')} cx={at[0]} cy={at[1]}><title>{`${p.name}: ${num(p.events)} events${p.radiusKm ? `, within ${num(p.radiusKm)} km` : ''}`}</title></circle>
          ))}
          {drawn.places.map(({ p, at }) => {
            const end = at[0] + 24 + 13 * Math.min(p.name.length, 24) > W;
            const spot: [number, number] = [at[0], at[1]];
            if (labelled.length >= 8 || labelled.some(([x, y]) => Math.abs(x - spot[0]) < 95 && Math.abs(y - spot[1]) < 20)) return null;
            labelled.push(spot);
            return <text class={p.here ? 'here' : ''} x={at[0] + (end ? -9 : 9)} y={at[1] + 4} text-anchor={end ? 'end' : 'start'}>{p.name.length > 24 ? p.name.slice(0, 23) + '…' : p.name}</text>;
          })}
        </g>
      </svg>
      <figcaption class="small dim">
        {located.length === 0 ? 'No place is known.' : <><i class="key here" /> {located.some((p) => !p.here) ? <>here <i class="key usual" /> the user's other places</> : 'seen here'}{arcs.length > 0 && <><i class="key arc" /> the way that would have to have been travelled</>}. Circles hold the device with 67 % confidence, by GeoIP data.</>}
      </figcaption>
    </figure>
  );
}
