import type {
  Comparison,
  ConceptCondition,
  DescriptionCondition,
  Expression,
  Filter,
  Ids,
  MemberFilter,
  Refinement,
  SearchTerm,
  StateCondition,
  SubExpression,
} from '../../../terminology/ecl/syntax.ts';

/** Returns an expression in the brief syntax. */
export function printEcl(expression: Expression): string {
  switch (expression.kind) {
    case 'sub':
      return printSub(expression);
    case 'compound':
      return expression.parts.map((part) => bracketed(part)).join(` ${expression.operator.toUpperCase()} `);
    case 'dotted':
      return [bracketed(expression.focus), ...expression.attributes.map(bracketed)].join(' . ');
    case 'refined':
      return `${bracketed(expression.focus)}: ${printRefinement(expression.refinement)}`;
  }
}

const bracketed = (expression: Expression): string => (expression.kind === 'sub' ? printSub(expression) : `(${printEcl(expression)})`);

function printSub({ operator, memberOf, focus, memberFilters, filters, history }: SubExpression): string {
  const member = memberOf === undefined ? '' : Array.isArray(memberOf) ? `^ [${memberOf.join(', ')}] ` : '^ ';
  const inner = focus.kind === 'concept' ? `${focus.id} |some term|` : focus.kind === 'nested' ? `(${printEcl(focus.expression)})` : '*';
  const supplement =
    history === undefined
      ? ''
      : 'refsets' in history
        ? ` {{ + HISTORY (${printEcl(history.refsets)}) }}`
        : ` {{ +HISTORY-${history.profile.toUpperCase()} }}`;
  const members = memberFilters.map((conditions) => ` {{ M ${conditions.map(printMember).join(', ')} }}`).join('');
  return `${operator ?? ''} ${member}${inner}${members}${filters.map(printFilter).join('')}${supplement}`.trim();
}

const printFilter = (filter: Filter): string =>
  filter.kind === 'concept'
    ? ` {{ C ${filter.conditions.map(printConcept).join(', ')} }}`
    : ` {{ D ${filter.conditions.map(printDescription).join(', ')} }}`;

const equals = (isNot: boolean): string => (isNot ? '!=' : '=');
const printIds = (ids: Ids): string =>
  'expression' in ids ? bracketed(ids.expression) : ids.length === 1 ? String(ids[0]) : `(${ids.join(' ')})`;

function printState(condition: StateCondition): string {
  if (condition.kind === 'active') return `active = ${condition.value ? '1' : 'false'}`;
  if (condition.kind === 'module') return `moduleId ${equals(condition.isNot)} ${printIds(condition.ids)}`;
  return `effectiveTime ${condition.order} (${condition.values.map((value) => `"${value}"`).join(' ')})`;
}

const printMember = (condition: MemberFilter): string =>
  condition.kind === 'field' ? `${condition.field} ${printComparison(condition.comparison)}` : printState(condition);

const printConcept = (condition: ConceptCondition): string =>
  condition.kind === 'definition' ? `definitionStatusId ${equals(condition.isNot)} ${printIds(condition.ids)}` : printState(condition);

function printDescription(condition: DescriptionCondition): string {
  switch (condition.kind) {
    case 'term':
      return `term ${equals(condition.isNot)} ${printTerms(condition.terms)}`;
    case 'language':
      return `language ${equals(condition.isNot)} (${condition.codes.join(' ')})`;
    case 'type':
      return `typeId ${equals(condition.isNot)} ${printIds(condition.ids)}`;
    case 'id':
      return `id ${equals(condition.isNot)} (${condition.ids.join(' ')})`;
    case 'dialect': {
      const words = condition.dialects.map(({ ids, acceptability }) => {
        const levels =
          acceptability === undefined ? '' : ` (${acceptability.map((level) => (level === 1 ? 'accept' : 'prefer')).join(' ')})`;
        return `${printIds(ids)}${levels}`;
      });
      return `dialectId ${equals(condition.isNot)} (${words.join(' ')})`;
    }
    default:
      return printState(condition);
  }
}

function printTerms(terms: readonly SearchTerm[]): string {
  const printed = terms.map(({ kind, text }) => `${kind === 'wild' ? 'wild:' : ''}"${text}"`);
  return printed.length === 1 ? String(printed[0]) : `(${printed.join(' ')})`;
}

function printComparison(comparison: Comparison): string {
  switch (comparison.kind) {
    case 'expression':
      return `${equals(comparison.isNot)} ${bracketed(comparison.value)}`;
    case 'number':
      return `${comparison.order} #${comparison.value}`;
    case 'text':
      return `${equals(comparison.isNot)} ${printTerms(comparison.terms)}`;
    case 'boolean':
      return `${equals(comparison.isNot)} ${comparison.value}`;
    case 'time':
      return `${comparison.order} "${comparison.values[0]}"`;
  }
}

const cardinality = (min: number, max: number): string =>
  min === 1 && max === Number.POSITIVE_INFINITY ? '' : `[${min}..${max === Number.POSITIVE_INFINITY ? '*' : max}] `;

function printRefinement(refinement: Refinement): string {
  switch (refinement.kind) {
    case 'and':
    case 'or':
      return refinement.parts
        .map((part) => (part.kind === 'and' || part.kind === 'or' ? `(${printRefinement(part)})` : printRefinement(part)))
        .join(refinement.kind === 'and' ? ', ' : ' OR ');
    case 'group':
      return `${cardinality(refinement.min, refinement.max)}{ ${printRefinement(refinement.set)} }`;
    case 'attribute':
      return `${cardinality(refinement.min, refinement.max)}${refinement.reverse ? 'R ' : ''}${bracketed(refinement.name)} ${printComparison(refinement.comparison)}`;
  }
}
