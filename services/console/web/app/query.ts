// A page's state is its address, so that any view can be shared as a link.
import { useLocation } from 'preact-iso';

/** Spans of riskd's clock; window.go has the same. */
export const windows: Record<string, string> = { '15m': '15 min', '1h': '1 hour', '24h': '24 hours', '7d': '7 days', '30d': '30 days', '90d': '90 days' };

/** One value of the address, and how to change it. Empty is none; history is kept only where a reader moves on. */
export function useQuery(): { at: (name: string, otherwise?: string) => string; set: (values: Record<string, string>) => void } {
  const loc = useLocation();
  return {
    at: (name, otherwise = '') => loc.query[name] ?? otherwise,
    set: (values) => {
      const q = new URLSearchParams(location.search);
      for (const [k, v] of Object.entries(values)) {
        if (v) q.set(k, v);
        else q.delete(k);
      }
      const text = q.toString();
      loc.route(location.pathname + (text ? '?' + text : ''), true);
    },
  };
}

/** A link to a page with its values. */
export function link(path: string, values: Record<string, string> = {}): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(values)) if (v) q.set(k, v);
  const text = q.toString();
  return text ? path + '?' + text : path;
}

export const toUser = (tenant: string, id: string): string => link('/user', { tenant, id });
export const toSession = (tenant: string, id: string, event = ''): string => link('/session', { tenant, id, event });
export const toDecision = (tenant: string, event: string): string => link('/decision', { tenant, event });
export const toShared = (by: string, value: string): string => link('/investigate', { by, value });
