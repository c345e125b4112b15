import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { hostAndPort, unusableAddress } from '../transport/listen-address.ts';

/** More connections are closed at once. */
const CONNECTIONS_MAX = 100;
/** How long a client may take to send a request. */
const REQUEST_MS_MAX = 5_000;
const TEXT = 'text/plain; charset=utf-8';

export interface HealthReply {
  readonly isOk: boolean;
  /** One sentence. */
  readonly text: string;
}

export interface MetricsServerOptions {
  /** A scrape, in a form that Prometheus reads. */
  readonly scrape: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** Whether the process and its node run. */
  readonly health: () => HealthReply;
  /** Whether the node can serve; within a bounded time. */
  readonly readiness: () => Promise<HealthReply>;
}

interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

/** `/metrics`, `/healthz` and `/readyz` of one node by HTTP. It changes nothing, and shows no job. */
export class MetricsServer implements AsyncDisposable {
  readonly #options: MetricsServerOptions;
  readonly #http: Server;

  /** @throws {ConfigError} if the address cannot be used. */
  static async listen(address: string, options: MetricsServerOptions): Promise<MetricsServer> {
    const server = new MetricsServer(options);
    const { host, port } = hostAndPort(address);
    await new Promise<void>((resolve, reject) => {
      server.#http.once('error', (error: NodeJS.ErrnoException) => reject(unusableAddress('metrics', address, error)));
      server.#http.listen({ host, port, exclusive: true }, resolve);
    });
    return server;
  }

  private constructor(options: MetricsServerOptions) {
    this.#options = options;
    const limits = { requestTimeout: REQUEST_MS_MAX, headersTimeout: REQUEST_MS_MAX, keepAliveTimeout: REQUEST_MS_MAX };
    this.#http = createServer(limits, (request, response) => void this.#onRequest(request, response));
    this.#http.maxConnections = CONNECTIONS_MAX;
  }

  /** Connections end at once: a scrape that is lost is repeated. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    this.#http.closeAllConnections();
    await closed;
  }

  async #onRequest({ method, url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
    let page: Page;
    try {
      page =
        method === 'GET' || method === 'HEAD'
          ? await this.#page(url.split('?')[0] ?? url)
          : textPage(405, 'Only GET and HEAD are allowed.');
    } catch (error) {
      page = textPage(500, error instanceof Error ? error.message : String(error));
    }
    const { status, contentType, text } = page;
    response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text), 'cache-control': 'no-store' });
    response.end(method === 'HEAD' ? undefined : text);
  }

  async #page(path: string): Promise<Page> {
    switch (path) {
      case '/metrics':
        return { status: 200, ...(await this.#options.scrape()) };
      case '/healthz':
        return healthPage(this.#options.health());
      case '/readyz':
        return healthPage(await this.#options.readiness());
      default:
        return textPage(404, 'There are /metrics, /healthz and /readyz.');
    }
  }
}

const textPage = (status: number, text: string): Page => ({ status, contentType: TEXT, text: `${text}\n` });
const healthPage = ({ isOk, text }: HealthReply): Page => textPage(isOk ? 200 : 503, text);
