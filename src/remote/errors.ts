import { JobraftError } from '../base/errors.ts';

/** No node replied when a program connected. */
export class EndpointsUnreachableError extends JobraftError {
  override readonly code = 'ENDPOINTS_UNREACHABLE';
  readonly endpoints: readonly string[];

  constructor(endpoints: readonly string[], reason: string, withinMs: number) {
    super(`No node replied at ${endpoints.join(', ')} within ${withinMs} ms (${reason}). Start the nodes, or correct "endpoints".`);
    this.endpoints = endpoints;
  }
}
