import type { FastifyRequest } from 'fastify';
import { problem, Refusal } from '../../errors.ts';
import type { OperationInput } from '../../fhir/operations.ts';
import type { Resource } from '../../fhir/resource.ts';
import type { Parts } from '../../pipeline.ts';
import type { TerminologyUse } from '../terminology/use.ts';

/** What an operation is called with. */
export interface OperationCall {
  readonly parts: Parts;
  readonly terminology: TerminologyUse;
  readonly request: FastifyRequest;
  /** '' at system level. */
  readonly type: string;
  /** '' above the instance level. */
  readonly id: string;
  readonly base: string;
  readonly input: OperationInput;
  /** The resource that was posted where no Parameters were; undefined else. */
  readonly posted: Resource | undefined;
}

export type Handler = (call: OperationCall) => Promise<Resource>;

/** Refuses parameters that the operation does not have: what is ignored in silence is taken for done. */
export function refuseOthers({ input }: OperationCall, known: readonly string[]): void {
  const others = input.names.filter((name) => !known.includes(name));
  if (others.length > 0)
    throw new Refusal(
      others.map((name) => problem('fhir-operation-parameter', { parameter: name.slice(0, 64), reason: 'it is not supported here' })),
    );
}

export const wrongParameter = (parameter: string, reason: string): Refusal =>
  new Refusal([problem('fhir-operation-parameter', { parameter, reason })]);
