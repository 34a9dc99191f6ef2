import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { type Parts, receive } from '../pipeline.ts';

/**
 * POST /hl7v2: one message in, its acknowledgement out, as HL7 over HTTP has it
 * (https://hapifhir.github.io/hapi-hl7v2/hapi-hl7overhttp/specification.html): the answer to an understood message has status 200.
 */
export function hl7v2Routes(door: FastifyInstance, parts: Parts, maxMessageBytes: number): void {
  door.post('/hl7v2', { bodyLimit: maxMessageBytes }, async (request, reply) => {
    const bytes = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const { acknowledgement, status } = await receive(parts, bytes, 'http', {
      address: request.ip,
      certificate: certificateOf(request.raw.socket),
    });
    return reply.status(status).type('x-application/hl7-v2+er7').send(Buffer.from(acknowledgement));
  });
}

/** The common name of a client certificate that was verified. */
function certificateOf(socket: Socket): string | undefined {
  const name = socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate().subject?.CN : undefined;
  return Array.isArray(name) ? name[0] : name;
}
