/** Writes mappings/spec.schema.json, the JSON Schema of the mapping language; --check compares instead. */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { specSchema } from '../services/mapping/editor/schema.ts';

const file = resolve(import.meta.dirname, '..', 'mappings', 'spec.schema.json');
const text = `${JSON.stringify(specSchema(), undefined, 2)}\n`;
if (process.argv.includes('--check')) {
  const same = readFileSync(file, 'utf8') === text;
  if (!same) console.error('mappings/spec.schema.json is not what the model gives: run node scripts/generate-mapping-schema.ts');
  process.exitCode = same ? 0 : 1;
} else writeFileSync(file, text);
