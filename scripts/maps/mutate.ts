/**
 * node scripts/maps/mutate.ts [--sample N] [--seed S] [--show N] [--only PART]: is every rule held by a case? One rule at a time is dropped (an
 * element, an alternative, a case, a condition, a row of a table, a column), and the cases are run that reach its file; the mutant is caught when
 * one fails or the checker refuses it. What cannot change meaning is not counted: reasons and titles, the display beside a code, and mutants of
 * which every compiled module is, letter by letter, the one of the map as it is. What is said to change nothing for another reason is tried on
 * every message of the cases, listed with the reason, and not counted (mutants.ts). Prints a table by folder, and what no case holds.
 * --sample 0: all mutants; without it 400 of them, drawn with the seed. --only: files whose path has PART in it.
 */
import { relative, resolve } from 'node:path';
import { chanceOf } from '../simulator/chance.ts';
import { claimOf, nameOf, rulesOf } from './mutants.ts';
import { files, type Verdict, verdict } from './verdicts.ts';

const root = resolve(import.meta.dirname, '..', '..');
const option = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const only = process.argv.includes('--only') ? (process.argv[process.argv.indexOf('--only') + 1] ?? '') : '';
const all = files.filter((each) => each.path.includes(only)).flatMap((each) => [...rulesOf(each)]);
const wanted = option('sample', 400);
const random = chanceOf(option('seed', 1));
const drawn =
  wanted === 0
    ? all
    : all
        .map((mutant) => ({ mutant, rank: random.below(1_000_000) }))
        .sort((a, b) => a.rank - b.rank)
        .slice(0, wanted)
        .map(({ mutant }) => mutant);
const table = new Map<string, Record<'all' | Verdict, number>>();
const left: string[] = [];
const nothing: string[] = [];
for (const mutant of drawn) {
  const folder = mutant.file.path.split('/').slice(0, -1).join('/');
  const row = table.get(folder) ?? { all: 0, case: 0, golden: 0, checker: 0, same: 0, 'not reached': 0, survived: 0, equivalent: 0 };
  table.set(folder, row);
  const found = verdict(mutant);
  row[found] += 1;
  if (found === 'equivalent') nothing.push(`${relative(root, mutant.file.file)}:${mutant.line} ${nameOf(mutant)}: ${claimOf(mutant)}`);
  if (found === 'same' || found === 'equivalent') continue;
  row.all += 1;
  if (found === 'survived' || found === 'not reached')
    left.push(`${relative(root, mutant.file.file)}:${mutant.line} ${mutant.what} (${found})`);
}
console.log(`${drawn.length} of ${all.length} rules dropped, one at a time`);
console.log(
  `${'folder'.padEnd(34)}${['rules', 'by case', 'by golden', 'by checker', 'not reached', 'survived', 'caught', '(same)', '(proven)'].map((each) => each.padStart(12)).join('')}`,
);
let caught = 0;
let counted = 0;
for (const [folder, row] of [...table].sort()) {
  caught += row.case + row.golden + row.checker;
  counted += row.all;
  const share = `${(((row.case + row.golden + row.checker) / row.all) * 100).toFixed(0)} %`;
  console.log(
    `${folder.padEnd(34)}${[row.all, row.case, row.golden, row.checker, row['not reached'], row.survived, share, row.same, row.equivalent].map((each) => String(each).padStart(12)).join('')}`,
  );
}
console.log(`caught: ${((caught / counted) * 100).toFixed(1)} % of ${counted}; ${drawn.length - counted} cannot change meaning`);
for (const each of left.sort().slice(0, option('show', 40))) console.log(`  ${each}`);
if (nothing.length > 0) console.log('changes nothing, and tried on every message of the cases:');
for (const each of nothing.sort()) console.log(`  ${each}`);
