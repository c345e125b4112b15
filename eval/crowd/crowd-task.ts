/** The argument of a process of misbehaving clients. */
export interface CrowdTask {
  /** `host:port` of the nodes. */
  readonly addresses: readonly string[];
  readonly clients: number;
  /** Paths of the certificate that those have which are known. */
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string };
  /** Permits adds. */
  readonly token: string;
}

/** The argument of a process that takes connections and rejects every call, and does nothing else. */
export interface BareServerTask {
  /** `host:port` to listen on. */
  readonly address: string;
  /** Paths of a node's certificate. */
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string };
}

/** What it sends each second: what became of its clients so far. */
export interface CrowdReport {
  readonly type: 'report';
  readonly connected: number;
  readonly closed: number;
  /** Calls by the status that ended them, -1 for a connection that ended first. */
  readonly calls: Readonly<Record<string, number>>;
}
