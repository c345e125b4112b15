import { performance } from 'node:perf_hooks';
import type { ThreadUsage } from './load-plan.ts';

/** Measures the calling thread from now on. */
export function measureUsage(): () => ThreadUsage {
  const cpuBefore = cpuMicroseconds();
  const loopBefore = performance.eventLoopUtilization();
  return () => {
    const cpu = cpuMicroseconds();
    return {
      cpuMs: cpu === undefined || cpuBefore === undefined ? null : (cpu - cpuBefore) / 1000,
      loopUtilization: performance.eventLoopUtilization(loopBefore).utilization,
    };
  };
}

function cpuMicroseconds(): number | undefined {
  if (typeof process.threadCpuUsage !== 'function') return undefined;
  const { user, system } = process.threadCpuUsage();
  return user + system;
}
