/** A number that INFO tells, under the name that redis_exporter gives it. */
export interface InfoMetric {
  readonly field: string
  readonly name: string
  readonly kind: 'gauge' | 'counter'
  readonly help: string
}

function gauge(field: string, name: string, help: string): InfoMetric {
  return { field, name: `redis_${name}`, kind: 'gauge', help }
}

function counter(field: string, name: string, help: string): InfoMetric {
  return { field, name: `redis_${name}`, kind: 'counter', help }
}

/**
 * So that dashboards and alerts made for redis_exporter work as they are.
 * Source of the names: github.com/oliver006/redis_exporter, exporter/exporter.go.
 */
export const infoMetrics: readonly InfoMetric[] = Object.freeze([
  gauge('uptime_in_seconds', 'uptime_in_seconds', 'Seconds since Redis started'),
  gauge('connected_clients', 'connected_clients', 'Client connections'),
  gauge('blocked_clients', 'blocked_clients', 'Clients waiting in a blocking command'),
  gauge('maxclients', 'max_clients', 'Client connections that are allowed'),
  gauge('used_memory', 'memory_used_bytes', 'Memory that Redis has allocated'),
  gauge('used_memory_rss', 'memory_used_rss_bytes', 'Memory as the operating system sees it'),
  gauge('used_memory_peak', 'memory_used_peak_bytes', 'Most memory that was ever used'),
  gauge('maxmemory', 'memory_max_bytes', 'Limit of the memory; 0 means none'),
  gauge('mem_fragmentation_ratio', 'mem_fragmentation_ratio', 'RSS over used memory'),
  gauge('loading', 'loading_dump_file', '1 while data is being loaded'),
  gauge('rdb_changes_since_last_save', 'rdb_changes_since_last_save', 'Changes since the last snapshot'),
  gauge('rdb_last_save_time', 'rdb_last_save_timestamp_seconds', 'When the last snapshot was saved'),
  gauge('aof_enabled', 'aof_enabled', '1 where the append-only file is on'),
  gauge('connected_slaves', 'connected_slaves', 'Replicas'),
  gauge('master_repl_offset', 'master_repl_offset', 'Replication offset'),
  gauge('pubsub_channels', 'pubsub_channels', 'Channels with subscribers'),
  counter('total_connections_received', 'connections_received_total', 'Connections accepted'),
  counter('rejected_connections', 'rejected_connections_total', 'Connections refused for maxclients'),
  counter('total_commands_processed', 'commands_processed_total', 'Commands of all clients'),
  counter('total_net_input_bytes', 'net_input_bytes_total', 'Bytes read'),
  counter('total_net_output_bytes', 'net_output_bytes_total', 'Bytes written'),
  counter('expired_keys', 'expired_keys_total', 'Keys that expired'),
  counter('evicted_keys', 'evicted_keys_total', 'Keys evicted for maxmemory'),
  counter('keyspace_hits', 'keyspace_hits_total', 'Lookups that found their key'),
  counter('keyspace_misses', 'keyspace_misses_total', 'Lookups that did not'),
  counter('used_cpu_sys', 'cpu_sys_seconds_total', 'System time'),
  counter('used_cpu_user', 'cpu_user_seconds_total', 'User time'),
  counter('used_cpu_sys_main_thread', 'cpu_sys_main_thread_seconds_total', 'System time of the main thread'),
  counter('used_cpu_user_main_thread', 'cpu_user_main_thread_seconds_total', 'User time of the main thread'),
])
