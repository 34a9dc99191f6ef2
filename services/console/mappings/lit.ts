/** Rules and values lit both ways. Pure. */
import { type Lit, NOTHING } from '../messages/links.ts';
import type { Preview } from './preview.ts';

/** Returns everything that the rule at a line (1-based) of a file made. */
export function litByRule(page: Preview, file: string, line: number): Lit {
  const fields = new Set<string>();
  const elements = new Set<string>();
  const columns = new Set<string>();
  const rules = new Map<string, Lit['rules'][number]>();
  for (const { reference, elements: all, rows } of page.resources) {
    for (const { path, sources, rules: own } of all) {
      const found = own.find((each) => each.file === file && each.line === line);
      if (found === undefined) continue;
      elements.add(`${reference} ${path}`);
      for (const each of sources) fields.add(each);
      rules.set(`${found.file}:${found.line}`, found);
    }
    for (const [index, row] of rows.entries()) {
      for (const { name, rule } of row.columns) {
        if (rule?.file !== file || rule.line !== line) continue;
        columns.add(`${row.table}/${reference.replace('/', '.')}.${index} ${name}`);
        rules.set(`${rule.file}:${rule.line}`, rule);
      }
    }
  }
  return rules.size === 0 ? NOTHING : { fields, elements, columns, rules: [...rules.values()] };
}

/** Returns the rules of everything that is lit, those that made it before those around them. */
export function rulesOf(page: Preview, lit: Lit): Lit['rules'] {
  const found = new Map(lit.rules.map((each) => [`${each.file}:${each.line}`, each]));
  for (const { reference, elements } of page.resources)
    for (const { path, rules } of elements)
      if (lit.elements.has(`${reference} ${path}`)) for (const each of rules.slice(0, 2)) found.set(`${each.file}:${each.line}`, each);
  return [...found.values()];
}
