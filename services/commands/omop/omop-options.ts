/** What the file that POLYSEME_OMOP names chooses where sources disagree: `provisional-conditions: left-out`, one option a line. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LineCounter, parseDocument, visit } from 'yaml';
import { z } from 'zod';
import type { Config } from '../../config.ts';
import { hasPersons } from '../../database/cdm/metadata.ts';
import type { Database } from '../../database/connect.ts';
import type { Check } from '../../database/embedded/checks.ts';
import type { Log } from '../../database/embedded/embedded.ts';
import { failure, problem, Refusal, type Result, success } from '../../errors.ts';
import { chosenOf, OMOP_OPTIONS, type OmopChoices, type OmopOption } from '../../omop/options.ts';

const FILE = z.strictObject(
  Object.fromEntries(
    OMOP_OPTIONS.map(({ name, choices, day }: OmopOption) => [
      name,
      (day === undefined ? z.enum(Object.keys(choices)) : z.union([z.enum(Object.keys(choices)), z.iso.date()])).optional(),
    ]),
  ),
);

/** Returns the choices of a file; each fault is a problem with its line. */
export function readOmopChoices(path: string): Result<OmopChoices> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return failure(problem('setting-invalid', { name: 'POLYSEME_OMOP', reason: 'the file cannot be read' }));
  }
  const lines = new LineCounter();
  // Every scalar is text: `none` and `type` are words, whatever YAML would guess.
  const document = parseDocument(text, { schema: 'failsafe', uniqueKeys: true, lineCounter: lines });
  const at = (key: string): string => {
    let line = 1;
    visit(document, {
      Pair: (_, pair) => {
        const node: unknown = pair.key;
        if (String(node) === key && typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range))
          line = lines.linePos(Number(node.range[0])).line;
      },
    });
    return `${path}:${line}`;
  };
  const wrong = (place: string, reason: string) => problem('setting-invalid', { name: 'POLYSEME_OMOP', reason: `${place}: ${reason}` });
  const [fault] = document.errors;
  if (fault !== undefined) return failure(wrong(`${path}:${fault.linePos?.[0].line ?? 1}`, 'it is no YAML of one option a line'));
  const parsed = FILE.safeParse(document.toJS({ maxAliasCount: 0 }) ?? {});
  if (parsed.success)
    return success(
      Object.fromEntries(Object.entries(parsed.data).flatMap(([name, choice]) => (choice === undefined ? [] : [[name, choice]]))),
    );
  return failure(
    ...parsed.error.issues.flatMap((issue) => {
      const unknown = issue.code === 'unrecognized_keys' ? issue.keys : [];
      const names = OMOP_OPTIONS.map(({ name }) => name).join(', ');
      if (unknown.length > 0) return unknown.map((key) => wrong(at(key), `${key} is no option; there are ${names}`));
      const key = String(issue.path[0] ?? '');
      const option: OmopOption | undefined = OMOP_OPTIONS.find(({ name }) => name === key);
      return [
        wrong(
          at(key),
          option === undefined
            ? 'it must be options and choices'
            : `${key} must be one of ${[...Object.keys(option.choices), ...(option.day === undefined ? [] : ['a day as 2015-01-31'])].join(', ')}`,
        ),
      ];
    }),
  );
}

/** Returns the choices that the settings ask for; the defaults where they name no file. */
export const configuredChoices = ({ omopFile }: Pick<Config, 'omopFile'>): Result<OmopChoices> =>
  omopFile === undefined ? success({}) : readOmopChoices(omopFile);

const noteOf = (dataDir: string): string => join(dataDir, 'omop-choices.json');

/** Returns what the rows of this data folder were made with, undefined before there were any. */
export function choicesInForce(dataDir: string): OmopChoices | undefined {
  const path = noteOf(dataDir);
  return existsSync(path) ? z.record(z.string(), z.string()).parse(JSON.parse(readFileSync(path, 'utf8'))) : undefined;
}

/** Notes what rows are made with from now on. */
export function keepChoices(dataDir: string, choices: OmopChoices): void {
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(noteOf(dataDir), `${JSON.stringify(choices)}\n`);
}

/** Returns the options whose choice in the settings is not the one that the rows were made with. */
export const differingChoices = (asked: OmopChoices, inForce: OmopChoices | undefined): readonly string[] =>
  inForce === undefined
    ? []
    : OMOP_OPTIONS.filter(({ name }) => chosenOf(asked, name) !== chosenOf(inForce, name)).map(
        ({ rule, name }) =>
          `${name} (rule ${rule}): rows were made with ${chosenOf(inForce, name)}, the settings say ${chosenOf(asked, name)}`,
      );

/**
 * Returns the choices that rows are made with: those that rows of this store were made with already, else what the settings ask for. Another
 * choice takes effect by `rebuild --apply`, so that never two hold at once. Throws Refusal.
 */
export async function choicesToHold(config: Config, database: Database, log: Pick<Log, 'warn'>): Promise<OmopChoices> {
  const asked = configuredChoices(config);
  if (!asked.ok) throw new Refusal(asked.problems);
  const known = choicesInForce(config.dataDir) ?? ((await hasPersons(database)) ? {} : undefined);
  if (known === undefined) keepChoices(config.dataDir, asked.value);
  for (const difference of differingChoices(asked.value, known))
    log.warn({ difference }, 'the choice holds after: npx polyseme rebuild --apply');
  return known ?? asked.value;
}

/** Returns what doctor says of the choices: faults of their file, or that rows were made with others. */
export function choicesCheck(config: Config): readonly Check[] {
  const asked = configuredChoices(config);
  if (!asked.ok)
    return asked.problems.map(({ text }) => ({
      name: 'OMOP choices',
      ok: false,
      detail: text,
      cure: 'correct the file that POLYSEME_OMOP names',
    }));
  const differing = differingChoices(asked.value, choicesInForce(config.dataDir));
  if (differing.length > 0)
    return [
      { name: 'OMOP choices', ok: false, detail: differing.join('; '), cure: 'npx polyseme rebuild --apply   # makes all rows again' },
    ];
  return config.omopFile === undefined ? [] : [{ name: 'OMOP choices', ok: true, detail: 'rows are made as the settings say' }];
}
