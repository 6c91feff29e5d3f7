// A table whose rows lead somewhere: by mouse anywhere on the row, by keyboard through its first link.
import type { ComponentChildren } from 'preact';
import { useLocation } from 'preact-iso';

export interface Column<T> {
  name: string;
  /** Numbers stand to the right. */
  right?: boolean;
  /** Width as CSS, for tables that must not jump. */
  width?: string;
  /** Left out on narrow screens. */
  wide?: boolean;
  cell: (row: T) => ComponentChildren;
}

interface Props<T> {
  label: string;
  rows: T[];
  columns: Column<T>[];
  id: (row: T) => string;
  to?: (row: T) => string;
  tone?: (row: T) => string;
  /** Keys that came just now. */
  fresh?: Set<string>;
}

export function Table<T>({ label, rows, columns, id, to, tone, fresh }: Props<T>) {
  const loc = useLocation();
  const open = (e: MouseEvent, row: T) => {
    if (!to || (e.target as HTMLElement).closest('a,button,input,label') || getSelection()?.toString()) return;
    loc.route(to(row));
  };
  return (
    <div class="scroll" tabIndex={to ? undefined : 0} role="region" aria-label={label}>
      <table class="rows">
        <colgroup>{columns.map((c) => <col class={c.wide ? 'wide' : ''} style={c.width ? { width: c.width } : undefined} />)}</colgroup>
        <thead><tr>{columns.map((c) => <th scope="col" class={cls(c)}>{c.name}</th>)}</tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={id(row)} data-row={to ? '' : undefined} class={(tone?.(row) ?? '') + (to ? ' leads' : '') + (fresh?.has(id(row)) ? ' new' : '')} onClick={(e) => open(e, row)}>
              {columns.map((c) => <td class={cls(c)}>{c.cell(row)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const cls = <T,>(c: Column<T>): string => (c.right ? 'r num' : '') + (c.wide ? ' wide' : '');
