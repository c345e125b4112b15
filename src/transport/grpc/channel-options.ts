/** The options of both sides' channels. */
export type ChannelOptions = Readonly<Record<`grpc.${string}` | `grpc-node.${string}`, number>>;

const SERVER_IDLE_MS_MAX = 60_000;
/** Calls on one connection: those of peers are few, a process of clients has one for each `Queue` and `Worker`. */
const CALLS_MAX = 1_000;

/** Bounds and liveness of every channel. @param messageBytesMax the largest message that is accepted. */
export const channelOptions = (messageBytesMax: number): ChannelOptions => ({
  // What is sent is bounded where it is made.
  'grpc.max_send_message_length': -1,
  'grpc.max_receive_message_length': messageBytesMax,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 500,
  // A message is sent again by Raft or by a client, which know whether that is safe.
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
  // Nodes are called at their addresses, not through a proxy of the environment.
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
});

export const serverOptions = (messageBytesMax: number): ChannelOptions => ({
  ...channelOptions(messageBytesMax),
  'grpc.max_concurrent_streams': CALLS_MAX,
  'grpc.max_connection_idle_ms': SERVER_IDLE_MS_MAX,
});
