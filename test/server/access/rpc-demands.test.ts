import { describe, expect, it } from 'vitest';
import { RPC_DEMANDS } from '../../../src/server/access/rpc-demands.ts';
import { ClusterService } from '../../../src/transport/grpc/cluster-service.ts';
import { JobsService } from '../../../src/transport/grpc/jobs-service.ts';

describe('the table of calls', () => {
  it.each([
    ['Jobs', JobsService],
    ['Cluster', ClusterService],
  ] as const)('says for each call of the service %s what it has to be permitted', (name, { service }) => {
    expect(Object.keys(RPC_DEMANDS[name]).toSorted()).toEqual(Object.keys(service).toSorted());
  });
});
