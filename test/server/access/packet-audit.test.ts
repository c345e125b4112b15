import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../../src/base/bytes.ts';
import { type ClientFrame, type ServerFrame, writeClientFrame, writeServerFrame } from '../../../src/protocol/client-frame.ts';
import { ADD_DEFAULTS, RequestEncoder } from '../../../src/protocol/request-encoder.ts';
import { PacketAudit } from '../../../src/server/access/packet-audit.ts';

function anAudit() {
  const lines: unknown[] = [];
  const audit = new PacketAudit(({ command, arguments: given }, outcome) => lines.push([command, given, outcome]));
  const sent = (...frames: readonly ClientFrame[]): void => {
    const to = new ByteWriter();
    for (const frame of frames) writeClientFrame(to, frame);
    audit.onPacket(to.copy());
  };
  const replied = (...frames: readonly ServerFrame[]): void => {
    const to = new ByteWriter();
    for (const frame of frames) writeServerFrame(to, frame);
    audit.onReplies(to.copy());
  };
  return { audit, lines, sent, replied };
}

/** An add, a pause of its queue, and a retry. */
function aRequest(sequence: number): ClientFrame {
  const encoder = new RequestEncoder();
  encoder.begin(7, sequence, 1);
  encoder.add('mails', new TextEncoder().encode('secret payload'), ADD_DEFAULTS);
  encoder.command('pause', { queue: 'mails', isPaused: true });
  encoder.command('retry', { queue: 'mails', jobId: 3 });
  return { type: 'request', request: encoder.finish().slice() };
}

const rejected = (sequence: number): ServerFrame => ({
  ...{ type: 'rejected', client: 7, sequence, code: 'NO_LEADER', outcome: 'not-applied', operations: [], message: '' },
});

describe('the administrative commands of a channel', () => {
  it('are reported once each, with their arguments and outcome, and without payloads', () => {
    const { lines, sent, replied } = anAudit();
    sent(aRequest(1), { type: 'change', call: 4, add: [4], remove: [], learners: [] }, { type: 'transfer', call: 5, to: 2 });
    sent(aRequest(1));
    expect(lines).toEqual([]);
    replied({ type: 'done', call: 4 }, { type: 'admin-rejected', call: 5, reason: 'NOT_LEADER', leader: 2, message: '' }, rejected(1));
    replied(rejected(1));
    expect(lines).toEqual([
      ['change members', { add: [4], remove: [], learners: [] }, 'done'],
      ['transfer leadership', { to: 2 }, 'NOT_LEADER'],
      ['pause', { queue: 'mails', isPaused: true }, 'NO_LEADER'],
      ['retry', { queue: 'mails', jobId: 3 }, 'NO_LEADER'],
    ]);
    expect(JSON.stringify(lines)).not.toContain('secret');
  });

  it('have an unknown outcome when their channel ends before the reply', () => {
    const { audit, lines, sent } = anAudit();
    sent(aRequest(1));
    audit.onEnd();
    audit.onEnd();
    expect(lines).toMatchObject([
      ['pause', {}, 'unknown'],
      ['retry', {}, 'unknown'],
    ]);
  });

  it('of a packet that cannot be read are none', () => {
    const { audit, lines } = anAudit();
    audit.onPacket(Uint8Array.of(1, 2, 3));
    audit.onReplies(Uint8Array.of(1, 2, 3));
    audit.onEnd();
    expect(lines).toEqual([]);
  });
});
