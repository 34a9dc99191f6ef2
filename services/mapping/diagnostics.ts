import { nearest } from '../errors/nearest.ts';

/**
 * What the checker says about a spec: a stable code, where, what is wrong in words, and what to do about it.
 * The table is the whole list; `severity: warning` never stops a map from being used.
 */
export interface Position {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
}

export interface Diagnostic extends Position {
  readonly code: DiagnosticCode;
  readonly text: string;
  readonly cure: string;
  readonly severity: 'error' | 'warning';
}

interface DiagnosticRow {
  readonly severity: 'error' | 'warning';
  readonly text: string;
  readonly cure: string;
}

const error = (text: string, cure: string): DiagnosticRow => ({ severity: 'error', text, cure });
const warning = (text: string, cure: string): DiagnosticRow => ({ severity: 'warning', text, cure });

export const DIAGNOSTICS = {
  // --- reading YAML
  'yaml-syntax': error('{reason}.', '{hint}'),
  'yaml-duplicate-key': error('The key "{name}" stands twice in this map.', 'Keep one of the two.'),
  'yaml-alias': error('YAML aliases and anchors are not part of the language.', 'Write the content out, or put it into a map of its own.'),
  'yaml-tag': error('YAML tags are not part of the language.', 'Remove the tag; every scalar is read as text.'),
  'yaml-key': error('A key must be plain text.', 'Write the key as one word.'),
  'yaml-too-large': error('The file is larger than {limit}.', 'Split it into several maps or tables.'),
  'yaml-too-deep': error('The file nests deeper than {limit} levels.', 'Split the map: a nested map of this depth fits no target.'),
  'file-not-utf8': error(
    'The file is not written in UTF-8: this line holds a letter in another encoding.',
    'Save the file as UTF-8; nearly every editor asks for the encoding under "Save as".',
  ),
  'file-unreadable': error('The file cannot be read: {reason}.', 'Check the path and the permissions.'),

  // --- expressions
  'expression-syntax': error('The expression cannot be read: {reason}.', 'See "Expressions" in mappings/README.md.'),
  'expression-too-long': error('The expression is longer than {limit}.', 'Split it into alternatives or a switch.'),
  'expression-type': error('{reason}.', '{hint}'),
  'expression-many': error(
    '"{path}" can have many values where one is needed.',
    'Choose with .first(), .last(), .where(…).first() or .join(…), or give the rule "multiple: first|last|join|all".',
  ),
  'unknown-function': error('There is no function "{name}".', 'Use a function of the list in mappings/README.md.{nearest}'),
  'function-arguments': error('{name}() takes {expected}.', 'Give it these arguments: {signature}.'),
  'unknown-segment': error(
    'The segment {name} does not stand where this rule can see it.',
    'Check "each" and the message structure.{nearest}',
  ),
  'unknown-field': error('{name} is not defined in HL7 v{version}.', 'Check the field number against the standard.{nearest}'),
  'unknown-component': error('{type} has no component {name} in HL7 v{version}.', 'Check the number against the data type.'),
  'unknown-element': error('{type} has no element "{name}".', 'Use an element of the type.{nearest}'),
  'unknown-type': error('There is no type "{name}".', 'Use a type of the standard.{nearest}'),
  'unknown-param': error('There is no parameter "{name}".', 'Declare it under params.{nearest}'),
  'unknown-handle': error('No resource of this map is called "{name}".', 'Use a name under resources.{nearest}'),
  'handle-scope': error(
    '"{name}" is made for each {scope}, which is not unique here.',
    'Refer only to resources made once or in an enclosing group.',
  ),

  // --- row maps (FHIR to OMOP)
  'rows-unknown-key': error('{what} has no key "{name}".', 'Use a key of mappings/README.md, "Rows".{nearest}'),
  'rows-missing-key': error('{what} needs "{name}".', 'Add it.'),
  'rows-expected': error('{what} must be {form}.', 'Write it so; see mappings/README.md, "Rows".'),
  'rows-unknown-table': error('There is no CDM table "{name}" that rows can be written to.', 'Use a table of OMOP CDM 5.4.{nearest}'),
  'rows-unknown-column': error('{table} has no column or role "{name}".', 'Use a column of the table, or a role.{nearest}'),
  'rows-required-column': error('{table}.{name} is required and no rule fills it.', 'Add a rule for it or for its role.'),
  'rows-column-value': error('{name} cannot take {given}.', 'Give it {form}.'),
  'rows-unknown-concept-table': error('There is no concept table "{name}".', 'Use a table of the folder "tables".{nearest}'),
  'rows-duplicate-code': error('The code "{code}" stands twice in this table.', 'Keep one of the two.'),
  'rows-duplicate-map': error('{type} is already taken by the map {other}.', 'Keep one row map for each resource type.'),
  'rows-wrong-concept': error(
    'Concept {concept_id} is not "{name}": {reason}.',
    'Correct the id or the name; look it up in the loaded vocabulary.',
  ),
  'rows-case': error('Case "{name}" cannot be run: {reason}.', 'Correct the case.'),
  'rows-case-differs': error('Case "{name}": {reason}.', 'Correct the map, or the case if the map is right.'),

  // --- specs
  'spec-shape': error(
    'This place has the wrong form: a map, a list or a text was expected.',
    'Compare with a map of the same kind under mappings/.',
  ),
  'spec-header': error('The spec does not say its {name}.', 'A spec starts with map, version (1.0.0), source and target.'),
  'spec-message': error('"{name}" is no message type and event.', 'Write it like ADT^A01, or ADT^* for every event.'),
  'unknown-key': error('The key "{name}" has no meaning here.', 'Remove it or correct it.{nearest}'),
  'unknown-word': error('"{name}" is no choice for {key}.', 'Choose one of: {words}.{nearest}'),
  'site-extends-site': error(
    '"{name}" is a site, and a site extends a message map.',
    'Name the message map that it extends, or "extends: {base}", and repeat the overrides that are meant for both.',
  ),
  'unknown-map': error('There is no map "{name}".', 'Check "use" and the path under the folder of this map family.{nearest}'),
  'map-version': error('"{name}" has version {found}, not {asked}.', 'Ask for the version that is there, or bring the other back.'),
  'duplicate-map': error('{name} is already given by {other}.', 'Keep one of them.'),
  'ignore-path': error('"{name}" is no path that can be ignored.', 'Write a segment (ZPD) or a field (PID-12).'),
  'ignore-reason': error('Why {name} is ignored is not said.', 'Add because: …'),
  'unknown-structure': error('{name} has no known message structure in HL7 v{version}.', 'Correct the message or the version.'),
  'unknown-group': error(
    '{structure} of HL7 v{version} has no group or segment "{name}" here.',
    'Use a path of the message structure.{nearest}',
  ),

  'each-unreached': error(
    'No message structure of the maps that use this rule has "{name}" where this rule can see it: it would never do anything.',
    "Name a segment of the resource's own group, or a path that begins with a group around or beside it: RESOURCES.PERSONNEL_RESOURCE.",
  ),

  'segment-unreached': error(
    'No message structure of the maps that use this rule has one {name} where this rule can see it: there would never be a value.',
    'Write {name}[*] for all in the groups inside, or make the resource (each) where the segment stands.',
  ),

  // --- publication
  'published-changed': error(
    '{name} was published with another text{because}.',
    'Published versions never change: give the map a new version, or bring its text back.',
  ),
  'lock-unreadable': error('The lock file cannot be read.', 'Bring back published.lock.json as it was committed.'),

  // --- sites
  'override-none': error('No rule stands at "{path}".', 'Write the path of a rule of the map that is extended.{nearest}'),
  'override-many': error(
    '{count} rules stand at "{path}".',
    'Say which: add the label of the case, the number of the alternative, or the name of the part.',
  ),
  'override-exists': error('There is a rule at "{path}" already.', 'Change it: write "at" instead of "add".'),
  'override-shape': error(
    '"{path}" is a resource: only its own keys (when, key, update, …) can be set.',
    'Name the field: {path}.ELEMENT.',
  ),
  'override-form': error('An override says one of at, remove and add; at and add need set.', 'See "A site" in mappings/README.md.'),
  'override-without-base': warning('The override of "{path}" does not say which rule it was written for.', 'Add base: {digest}'),
  'override-base-moved': warning(
    'The rule at "{path}" is not the one this override was written for.',
    'Compare them (polyseme map diff); if the override is still right, write base: {digest}',
  ),
  'match-path': error('"{name}" is no place in a message.', 'Write a field or component: MSH-4.1.'),
  'match-ambiguous': error(
    '{name} and {other} take the same messages.',
    'Let "match" tell them apart; the one that matches more places wins.',
  ),
  'match-may-overlap': warning(
    'A message may match {name} and {other} equally well; it would be parked.',
    'Let one of them match more places.',
  ),
  'segment-name': error('"{name}" is no name of a local segment.', 'A segment of a sender begins with Z: ZLR.'),
  'segment-place': error('Where {name} stands is not said.', 'Add after: (the segment it follows).'),
  'segment-field': error('"{name}" is no field number.', 'Number the fields from 1.'),
  'param-value': error('The value of the parameter "{name}" is no {type}.', 'Give it a value of that type.'),
  'param-required': error('The parameter "{name}" has no value.', 'A site must give it under params.'),

  // --- records
  'record-shape': error(
    'This is no declaration of columns or fields.',
    'Write name: type, name: { type: date, format: MM/DD/YYYY }, a nested map, or a list of one of these.',
  ),
  'record-name': error('"{name}" cannot be named in an expression.', 'A column is letters, digits and _; rename it in the file.'),
  'record-format': error('"{name}" is no form of a date.', 'Write it of YYYY, MM, DD, HH, mm and ss: DD.MM.YYYY.'),

  // --- rules
  'rule-shape': error(
    'The rule has the wrong form.',
    'A rule is a literal, an =expression, a nested map, a list of alternatives, a switch, or { from: … }.',
  ),
  'rule-too-deep': error('The rule nests too deeply.', 'No target is this deep: split it.'),
  'not-an-expression': error('"{key}" needs an expression.', 'Start it with "=".'),
  'switch-shape': error(
    'A switch has a subject (=expression) and a list of cases, each with "is" or "else".',
    'See "switch" in mappings/README.md.',
  ),
  'switch-without-else': error(
    'The switch does not say what happens to other values.',
    'End the cases with "- else: …" (for example else: { report: what-it-is }).',
  ),
  'literal-value': error('"{value}" is no {type}.', 'Write a value of that type, or start an expression with "=".'),
  'literal-object': error(
    '{type} has parts; one text cannot fill it.',
    'Write a nested map, or an expression whose type can become {type}.',
  ),
  'binding-violated': error('"{value}" is not in the value set {set}, which {path} requires.', 'Use one of its codes.{nearest}'),
  'choice-needs-type': error('{path} can have several types and the rule does not say which.', 'Name it: {path}: { {example}: … }.'),
  'no-type-map': error(
    'No datatype map makes {target} of {source}.',
    'Write mappings/v2-to-fhir/types/{source}-to-{target}.yaml, or a nested map.',
  ),
  'required-element': error('{type} needs "{name}" and no rule gives it.', 'Add a rule for it.'),
  'map-needs-from': error('"map" needs a text to look up.', 'Write { from: =PATH, map: NAME }.'),
  'resource-without-key': error('The resource "{name}" has no key.', 'Say key: [ … ], from which its id is made.'),
  'resource-without-type': error('The resource "{name}" has no type.', 'Say type: (a FHIR resource type), or use: (a resource map).'),
  'handle-circle': error('The keys of {names} need each other.', 'Take one reference out of a key.'),
  'template-in-literal': warning('This literal looks like an expression.', 'Start it with "=" if it is meant as one.'),
  'unused-map': warning('No message map uses {name}: it is not compiled and not checked.', 'Use it in a message map, or remove it.'),

  // --- cases
  'case-shape': error('The case "{name}" cannot run: {reason}.', 'See "cases" in mappings/README.md.'),
  'case-fails': error('The case "{name}" fails: {reason}.', 'Correct the map or the expectation.'),
} as const satisfies Record<string, DiagnosticRow>;

export type DiagnosticCode = keyof typeof DIAGNOSTICS;

/** Returns the diagnostic for `code` at `at`, its text and cure filled from `values`. */
export function diagnostic(code: DiagnosticCode, at: Position, values: Readonly<Record<string, string | number>> = {}): Diagnostic {
  const row: DiagnosticRow = DIAGNOSTICS[code];
  const fill = (text: string): string =>
    text.replace(/\{(\w+)\}/g, (whole, name: string) => valueNamed(values, name) ?? (name === 'nearest' ? '' : whole));
  return { code, file: at.file, line: at.line, column: at.column, text: fill(row.text), cure: fill(row.cure), severity: row.severity };
}

function valueNamed(values: Readonly<Record<string, string | number>>, name: string): string | undefined {
  return Object.hasOwn(values, name) ? String(values[name]) : undefined;
}

/** Returns ' Did you mean "x"?' for the nearest of `candidates`, or '' when none is near. For the `nearest` value of a diagnostic. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const found = nearest(name, candidates);
  return found === undefined ? '' : ` Did you mean "${found}"?`;
}
