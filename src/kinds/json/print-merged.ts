import type { JsonDocument, JsonItem, JsonNode, JsonSource } from './document.ts';
import type { MergedItem, MergedValue } from './merge-values.ts';

/** How a document is laid out. */
interface Layout {
  /** What one level of nesting is indented by; `null` for a document on one line. */
  readonly indent: string | null;
  readonly eol: string;
  /** After a comma or a colon on the same line. */
  readonly gap: string;
}

/**
 * The merged document as text: theirs, character by character, but for the items that changed. Values that come from
 * ours keep their spelling, and are laid out like theirs if they span lines. Cost: O(size of the result).
 */
export function printMerged(merged: MergedValue, theirs: JsonDocument, ours: JsonDocument): string {
  const layout = layoutOf(theirs.root.items.length > 0 ? theirs.root : ours.root);
  return theirs.before + printValue(merged, theirs.root.source, layout, '') + theirs.after;
}

function layoutOf(root: JsonNode): Layout {
  const [first] = root.items;
  const gap = first === undefined || /\s$/.test(first.label) || (first.label === '' && root.items[1]?.lead !== '') ? ' ' : '';
  const line = first === undefined ? null : /(\r?\n)([ \t]*)$/.exec(first.lead);
  return line === null ? { indent: null, eol: '\n', gap } : { indent: line[2] ?? '', eol: line[1] ?? '\n', gap };
}

function printValue(value: MergedValue, source: JsonSource, layout: Layout, indent: string): string {
  if (value.type === 'changed') return printChanged(value.template, value.items, source, layout, indent);
  return value.node.source === source ? sourceOf(value.node) : printForeign(value.node, layout, indent);
}

/** A container of theirs with other items: each keeps the space around it, and a new one stands like the last. */
function printChanged(template: JsonNode, items: readonly MergedItem[], document: JsonSource, layout: Layout, indent: string): string {
  const [open, close] = brackets(template);
  const first = template.items[0];
  const last = template.items.at(-1);
  if (items.length === 0) return open + close;
  const leads = {
    first: first?.lead ?? lineBreak(layout, indent, 1),
    added: template.items.length > 1 ? (last?.lead ?? '') : addedLead(first?.lead ?? lineBreak(layout, indent, 1), layout),
  };
  const parts = items.map(({ source, added, value }, i) => {
    const lead = i === 0 ? leads.first : added ? leads.added : source.lead;
    const trail = added || source === last || i === items.length - 1 ? '' : source.trail;
    return lead + labelOf(source, added, last, layout) + printValue(value, document, layout, indentAfter(lead, indent)) + trail;
  });
  return open + parts.join(',') + (last?.trail ?? lineBreak(layout, indent, 0)) + close;
}

/** A value of another document: as it is if it stands on one line, else laid out anew. */
function printForeign(node: JsonNode, layout: Layout, indent: string): string {
  const source = sourceOf(node);
  if (!/[\r\n]/.test(source) || node.type === 'scalar') return source;
  const [open, close] = brackets(node);
  if (node.items.length === 0) return open + close;
  const lead = lineBreak(layout, indent, 1);
  const parts = node.items.map((item, i) => {
    const start = i === 0 ? lead : addedLead(lead, layout);
    return start + labelOf(item, true, undefined, layout) + printForeign(item.value, layout, indentAfter(lead, indent));
  });
  return open + parts.join(',') + lineBreak(layout, indent, 0) + close;
}

/** A new key keeps its spelling, and takes the colon of its neighbours. */
function labelOf(item: JsonItem, added: boolean, neighbour: JsonItem | undefined, layout: Layout): string {
  if (!added || item.label === '') return item.label;
  const key = item.label.slice(0, endOfKey(item.label));
  return key + (neighbour === undefined ? `:${layout.gap}` : neighbour.label.slice(endOfKey(neighbour.label)));
}

function endOfKey(label: string): number {
  return label.lastIndexOf('"') + 1;
}

function addedLead(firstLead: string, layout: Layout): string {
  return firstLead === '' ? layout.gap : firstLead;
}

function lineBreak(layout: Layout, indent: string, levels: 0 | 1): string {
  return layout.indent === null ? '' : layout.eol + indent + layout.indent.repeat(levels);
}

/** The indentation of the line on which something after `lead` stands. */
function indentAfter(lead: string, indent: string): string {
  const newline = lead.lastIndexOf('\n');
  return newline < 0 ? indent : lead.slice(newline + 1);
}

function brackets(node: JsonNode): readonly [string, string] {
  return node.type === 'object' ? ['{', '}'] : ['[', ']'];
}

function sourceOf(node: JsonNode): string {
  return node.source.text.slice(node.start, node.end);
}
