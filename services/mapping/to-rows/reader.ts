import { type Diagnostic, type DiagnosticCode, diagnostic, didYouMean, type Position } from '../diagnostics.ts';
import { entryOf, isExpression, type MapEntry, type MapNode, type ScalarNode, type SpecNode, textOf } from '../read.ts';

/** Collects diagnostics while a tree is read. */
export class RowReader {
  readonly diagnostics: Diagnostic[] = [];

  fault(code: DiagnosticCode, at: Position, values: Readonly<Record<string, string | number>> = {}): void {
    this.diagnostics.push(diagnostic(code, at, values));
  }

  /** Reports every key of `node` that is not allowed. */
  keys(node: MapNode, what: string, allowed: readonly string[]): void {
    for (const { key, at } of node.entries) {
      if (!allowed.includes(key)) this.fault('rows-unknown-key', at, { name: key, what, nearest: didYouMean(key, allowed) });
    }
  }

  map(node: SpecNode | undefined, what: string, at: Position): MapNode | undefined {
    if (node?.kind === 'map') return node;
    this.fault('rows-expected', node?.at ?? at, { what, form: 'a map of keys and values' });
    return undefined;
  }

  text(node: MapNode, key: string, what: string): string {
    const value = textOf(node, key);
    if (value !== undefined && value !== '') return value;
    this.fault('rows-missing-key', node.at, { name: key, what });
    return '';
  }

  expression(entry: MapEntry | undefined, what: string): ScalarNode | undefined {
    if (entry === undefined) return undefined;
    if (isExpression(entry.value)) return entry.value;
    this.fault('rows-expected', entry.value.at, { what, form: 'an expression that starts with =' });
    return undefined;
  }

  integer(node: MapNode, key: string, what: string): number {
    const value = this.text(node, key, what);
    if (/^\d{1,10}$/.test(value)) return Number(value);
    if (value !== '') this.fault('rows-expected', entryOf(node, key)?.value.at ?? node.at, { what: key, form: 'a whole number' });
    return 0;
  }

  /** A text or a list of texts. */
  texts(node: SpecNode | undefined, what: string): readonly string[] {
    if (node === undefined) return [];
    const items = node.kind === 'list' ? node.items : [node];
    return items.flatMap((item) => {
      if (item.kind === 'scalar') return [item.value];
      this.fault('rows-expected', item.at, { what, form: 'a text' });
      return [];
    });
  }
}
